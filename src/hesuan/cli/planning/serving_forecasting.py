"""``hesuan plan forecast`` of a serving: latency, throughput, memory, money and energy of one layout."""

from __future__ import annotations

import argparse

from hesuan.cli.exits import Exit
from hesuan.cli.language import kind, said
from hesuan.cli.planning import answers, kinds, pictures, serving_words, terminal, waterfall
from hesuan.cli.planning.forecasting import Row, figures
from hesuan.cli.planning.parts import Part
from hesuan.cli.planning.runs import PLAN_MISSING
from hesuan.cli.planning.scene import Scene, Text
from hesuan.errors import InputFault, Refused
from hesuan.figures import Kind
from hesuan.planner.serving import DEFAULT, Interval, Phase, predict_serving
from hesuan.planner.serving.file import ServingRun, read_serving
from hesuan.planner.serving.search import Candidate

MODEL = "docs/model/serving.md"


def run(asked: argparse.Namespace) -> Exit:
    """Forecasts and tells; a layout that does not fit is refused with both numbers."""
    pictures.check(asked.plot)
    kinds.refuse_calibration(asked.file, asked.calibration)
    task = read_serving(asked.file)
    one = forecast_of(asked, task)
    if asked.as_json:
        answers.print_json(plain(one))
    else:
        print("\n".join(text(task, one)))
    if asked.plot:
        pictures.write(picture(task, one), asked.plot)
    return Exit.DONE


def forecast_of(asked: argparse.Namespace, task: ServingRun) -> Candidate:
    """The file's layout with its forecast.

    Raises:
        InputFault: ``plan.plan_missing``.
        Refused: ``serving.memory_exceeded``.
    """
    if task.deployment is None:
        raise InputFault(PLAN_MISSING, path=asked.file)
    try:
        told = predict_serving(task.deployment, task.serving, limits=task.limits)
    except Refused as error:
        raise type(error)(error.code, where=task.plan_where, **error.facts) from None
    return Candidate(task.deployment, task.serving, told)


def plain(one: Candidate) -> dict[str, object]:
    """The answer for programs, units in the names."""
    return {
        "deployment": one.deployment,
        "serving": one.serving,
        "forecast": one.forecast,
        "memory_bytes": memory(one),
        "memory_limit_bytes": usable_bytes(one),
        "kwh_per_million_tokens": serving_words.kwh_of(one),
        "kind": Kind.ESTIMATED,
    }


def usable_bytes(one: Candidate) -> float:
    """What weights, cache and workspace may take of a card [byte]."""
    return one.deployment.cluster.chip.memory_bytes * DEFAULT.memory_usable


def memory(one: Candidate) -> dict[str, float]:
    """A card that decodes, by cause [byte]."""
    told = one.forecast
    held = min(max(told.batch_per_rank, 0.0), max(told.cache_requests, 0.0))
    return {
        "weights": told.weights_bytes,
        "cache": held * told.cache_bytes_per_request,
        "workspace": DEFAULT.workspace_bytes,
    }


def text(task: ServingRun, one: Candidate) -> list[str]:
    """The whole answer."""
    width, phase = terminal.terminal_width(), task.serving.phase
    lines = [
        serving_words.demand_text(task.model, task.cluster, task.serving, task.limits),
        f"{serving_words.phase_text(phase)} · {serving_words.layout_text(one.deployment, one.serving)}",
        *_verdict(task, one),
        "",
        *figures([*latency_rows(one), *rate_rows(one), *cost_rows(one)]),
    ]
    if phase is not Phase.PREFILL:
        lines += ["", said(en="One token of an answer (TPOT) by cause", zh="回答中一个词元（TPOT）的构成")]
        lines += waterfall.lines(serving_words.token_parts(one), terminal.seconds, width)
    if phase is not Phase.DECODE:
        lines += ["", said(en="The first token (TTFT) by cause", zh="首个词元（TTFT）的构成")]
        lines += waterfall.lines(serving_words.prompt_parts(one), terminal.seconds, width)
    limit = terminal.gib(usable_bytes(one))
    lines += ["", said(en=f"Memory of a decoding card, of {limit}", zh=f"解码卡的显存，共 {limit}")]
    lines += waterfall.lines(memory_parts(one), terminal.gib, width)
    lines += [_capacity(one)]
    return lines + serving_words.assumed_lines(task.cluster, width)


def _verdict(task: ServingRun, one: Candidate) -> list[str]:
    told = one.forecast
    if not serving_words.bounds(task.limits):
        return []
    if told.meets:
        return [
            said(en="The latency bounds hold (middle of the forecast).", zh="延迟上限满足（按预测中值）。")
        ]
    named = (("TTFT", told.ttft_s, task.limits.ttft_s), ("TPOT", told.tpot_s, task.limits.tpot_s))
    over = [
        f"{name} {terminal.seconds(value)} > {terminal.seconds(limit)}"
        for name, value, limit in named
        if limit is not None and value > limit
    ]
    return [said(en=f"A latency bound is missed: {', '.join(over)}", zh=f"延迟上限未满足：{'，'.join(over)}")]


def _capacity(one: Candidate) -> str:
    told = one.forecast
    asked = one.serving.concurrency / (one.deployment.decode.dp * one.deployment.decode.instances)
    holds, runs = f"{max(told.cache_requests, 0):,.0f}", f"{told.batch_per_rank:,.3g}"
    waits = asked > told.cache_requests
    en = f"  The cache holds {holds} requests on an attention rank; {runs} decode at a time"
    zh = f"  缓存每个注意力 rank 可容 {holds} 个请求；同时解码 {runs} 个"
    return said(en=en + ("; the others wait." if waits else "."), zh=zh + ("，其余等待。" if waits else "。"))


def latency_rows(one: Candidate) -> list[Row]:
    """TTFT and TPOT, as far as the phase has them."""
    told, weight = one.forecast, kind(Kind.ESTIMATED)

    def row(en: str, zh: str, value: float, ends: Interval) -> Row:
        between = f"{terminal.seconds(ends.low)} – {terminal.seconds(ends.high)}"
        return (said(en=en, zh=zh), terminal.seconds(value), between, weight, MODEL)

    rows = []
    if one.serving.phase is not Phase.DECODE:
        rows.append(row("first token, TTFT", "首词元时延 TTFT", told.ttft_s, told.ttft_interval_s))
    if one.serving.phase is not Phase.PREFILL:
        rows.append(row("each further token, TPOT", "每词元时延 TPOT", told.tpot_s, told.tpot_interval_s))
    return rows


def rate_factors(one: Candidate) -> tuple[float, float]:
    """The 80 % interval of a rate, as factors: TPOT's turned round, or that of one phase alone."""
    told = one.forecast
    if one.serving.phase in (Phase.PREFILL, Phase.DECODE):
        return DEFAULT.rate_low, DEFAULT.rate_high
    return told.tpot_s / told.tpot_interval_s.high, told.tpot_s / told.tpot_interval_s.low


def rate_rows(one: Candidate) -> list[Row]:
    """Tokens a second: of all cards, per card, and per card of each pool where they are apart."""
    told, phase, deployment = one.forecast, one.serving.phase, one.deployment
    rows: list[tuple[str, str, float]] = []
    if phase is not Phase.PREFILL:
        rows += [("answer tokens a second", "每秒回答词元", told.output_tokens_per_s)]
        rows += [("per card", "每卡", told.output_tokens_per_s_per_card)]
    if phase is not Phase.DECODE:
        rows += [("prompt tokens a second", "每秒提示词元", told.input_tokens_per_s)]
        rows += [("per card", "每卡", told.input_tokens_per_s_per_card)]
    if phase is Phase.DISAGGREGATED and deployment.prefill:
        decoding = told.output_tokens_per_s / deployment.decode.cards
        prefilling = told.input_tokens_per_s / deployment.prefill.cards
        rows += [("answers per decoding card", "每张解码卡的回答", decoding)]
        rows += [("prompts per prefilling card", "每张预填充卡的提示", prefilling)]
    low, high = rate_factors(one)
    return [
        (
            said(en=en, zh=zh),
            f"{terminal.number(value)} token/s",
            f"{terminal.number(value * low)} – {terminal.number(value * high)}",
            kind(Kind.ESTIMATED),
            MODEL,
        )
        for en, zh, value in rows
    ]


def cost_rows(one: Candidate) -> list[Row]:
    """Money and energy of a million tokens."""
    told, weight = one.forecast, kind(Kind.ESTIMATED)
    what = said(en="answer", zh="回答")
    if one.serving.phase is Phase.PREFILL:
        what = said(en="prompt", zh="提示")
    low, high = rate_factors(one)
    fen, used = told.fen_per_million_tokens, serving_words.kwh_of(one)
    yuan, money = (
        serving_words.yuan_text,
        said(en="price from the file, all cards paid", zh="价格取自文件，全部卡计费"),
    )
    if fen is None:
        money = said(en="no price is known and none is guessed", zh="无价格，不作猜测")
    power = said(en="rated power, shares of it assumed", zh="按额定功率，占比为假定")
    if used is None:
        power = said(en="rated power unknown", zh="额定功率未知")
    return [
        (
            said(en=f"a million {what} tokens", zh=f"每百万{what}词元"),
            yuan(fen),
            f"{yuan(fen / high)} – {yuan(fen / low)}" if fen else "",
            weight if fen else "",
            money,
        ),
        (
            said(en="energy of as many", zh="同量词元的电量"),
            f"{terminal.number(used)} kWh" if used else "–",
            "",
            weight if used else "",
            power,
        ),
    ]


def memory_parts(one: Candidate) -> list[Part]:
    """Causes of a decoding card's memory, and what is left."""
    held = memory(one)
    names = {
        "weights": (said(en="weights", zh="权重"), "compute"),
        "cache": (said(en="key-value cache", zh="KV 缓存"), "ep"),
        "workspace": (said(en="workspace and libraries", zh="工作区与库"), "bubble"),
    }
    return [Part(*_named(names[name], size)) for name, size in held.items()]


def _named(name: tuple[str, str], size: float) -> tuple[str, float, str]:
    return name[0], size, name[1]


def picture(task: ServingRun, one: Candidate) -> Scene:
    """Waterfalls of a token, of the first token, and of memory."""
    title = serving_words.demand_text(task.model, task.cluster, task.serving, task.limits)
    scene = Scene(1000, 2000, title, serving_words.layout_text(one.deployment, one.serving))
    scene.add(Text(24, 34, said(en="Forecast of a serving", zh="推理预测"), 18, bold=True))
    scene.add(Text(24, 56, scene.title, 12, fill="muted"), Text(24, 74, scene.description, 12, fill="muted"))
    told, y = one.forecast, 100.0
    drawn: list[tuple[str, list[Part], Interval | None]] = []
    if task.serving.phase is not Phase.PREFILL:
        head = said(en="One token (TPOT)", zh="一个词元（TPOT）")
        drawn.append((head, serving_words.token_parts(one), told.tpot_interval_s))
    if task.serving.phase is not Phase.DECODE:
        head = said(en="The first token (TTFT)", zh="首个词元（TTFT）")
        drawn.append((head, serving_words.prompt_parts(one), told.ttft_interval_s))
    for head, parts, ends in drawn:
        scene.add(Text(24, y + 6, head, 14, bold=True))
        interval = (ends.low, ends.high) if ends else None
        y = waterfall.draw(scene, parts, terminal.seconds, top=y + 40, unit="s", interval=interval)
    scene.add(Text(24, y + 6, said(en="Memory of a decoding card", zh="解码卡的显存"), 14, bold=True))
    limit = usable_bytes(one)
    scene.height = waterfall.draw(
        scene,
        memory_parts(one),
        terminal.gib,
        top=y + 40,
        unit="GiB",
        scale=2.0**-30,
        limit=(limit, terminal.gib(limit)),
    )
    return scene
