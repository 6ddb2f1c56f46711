"""``hesuan plan search`` of a serving: the layouts nothing else beats, and why the others lost."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning import answers, kinds, pictures, serving_words, terminal
from hesuan.cli.planning.charts import Bar, Point, scatter, stacked
from hesuan.cli.planning.progress import showing
from hesuan.cli.planning.scene import Scene, Text
from hesuan.planner.serving import Candidate, Limits, ServingSearch, search_serving
from hesuan.planner.serving.file import ServingRun, read_serving
from hesuan.planner.serving.search import SHOWN

ORDER: dict[str | None, Callable[[Candidate], tuple[float, ...]]] = {
    None: lambda one: (-one.forecast.output_tokens_per_s_per_card,),
    "money": lambda one: (-one.forecast.output_tokens_per_s_per_card,),
    "time": lambda one: (one.forecast.tpot_s, one.forecast.ttft_s),
    "cards": lambda one: (one.forecast.cards, -one.forecast.output_tokens_per_s_per_card),
}
"""``--by``: all cards cost the same, so money is throughput per card."""


def run(asked: argparse.Namespace) -> Exit:
    """Searches and tells; bounds that no layout meets are a refusal."""
    pictures.check(asked.plot)
    kinds.refuse_calibration(asked.file, asked.calibration)
    task = read_serving(asked.file)
    started = time.monotonic()
    with showing(said(en="searching", zh="搜索中")) as progress:
        progress.step(0, 1)
        found = search_serving(task.model, task.cluster, task.serving, limits=task.limits, phases=task.phases)
    took_s = time.monotonic() - started
    if asked.as_json:
        answers.print_json(plain(found))
    else:
        print("\n".join(text(task, found, by=asked.by, top=max(asked.top, 1), took_s=took_s)))
    if asked.plot and found.best:
        pictures.write(picture(task, found), asked.plot)
    return Exit.DONE if found.best else Exit.REFUSED


def plain(found: ServingSearch) -> dict[str, object]:
    """The answer for programs."""
    frontier = [
        {
            "deployment": _sizes(one),
            "serving": one.serving,
            "forecast": one.forecast,
            "kwh_per_million_tokens": serving_words.kwh_of(one),
        }
        for one in found.frontier
    ]
    return {"tried": found.tried, "frontier": frontier, "lost": found.lost}


def _sizes(one: Candidate) -> dict[str, object]:
    """The pools; model and cluster are the file's."""
    return {"decode": one.deployment.decode, "prefill": one.deployment.prefill}


def text(task: ServingRun, found: ServingSearch, *, by: str | None, top: int, took_s: float) -> list[str]:
    """The whole answer."""
    width = terminal.terminal_width()
    lines = [
        serving_words.demand_text(task.model, task.cluster, task.serving, task.limits),
        said(
            en=f"{found.tried:,} layouts with their batches. {terminal.seconds(took_s)}.",
            zh=f"布局与批量组合 {found.tried:,} 个。用时 {terminal.seconds(took_s)}。",
        ),
    ]
    if found.best:
        count = len(found.frontier)
        more = count >= SHOWN
        or_more = " or more" if more else ""
        head = said(
            en=f"Frontier: {count}{or_more} layouts unbeaten in tokens per card, TPOT and TTFT",
            zh=f"前沿：每卡词元、TPOT 与 TTFT 未被任何布局全面胜过的有 {count} 个{'以上' if more else ''}",
        )
        lines += ["", head, *listing(sorted(found.frontier, key=ORDER[by])[:top])]
    else:
        lines += ["", *_nearest(task)]
    lines += ["", said(en="Why the others lost", zh="其余布局为何落选"), *_lost(task, found)]
    return lines + serving_words.assumed_lines(task.cluster, width)


def listing(candidates: list[Candidate]) -> list[str]:
    """Numbered layouts."""
    heads = [
        ("", "right"),
        (said(en="tokens/s per card", zh="每卡词元/秒"), "right"),
        ("TPOT", "right"),
        ("TTFT", "right"),
        (said(en="¥ per million", zh="元/百万词元"), "right"),
        (said(en="kWh", zh="kWh"), "right"),
        (said(en="cards", zh="卡数"), "right"),
        (said(en="a rank", zh="每 rank"), "right"),
        (said(en="layout", zh="布局"), "left"),
    ]
    return terminal.table(heads, [(str(at), *cells(one)) for at, one in enumerate(candidates, 1)], "  ")


def cells(one: Candidate) -> tuple[str, ...]:
    """What a layout is compared by, then the layout."""
    told, used = one.forecast, serving_words.kwh_of(one)
    return (
        terminal.number(told.output_tokens_per_s_per_card),
        terminal.seconds(told.tpot_s),
        terminal.seconds(told.ttft_s),
        serving_words.yuan_text(told.fen_per_million_tokens),
        terminal.number(used) if used else "–",
        f"{told.cards:,.0f}",
        terminal.number(told.batch_per_rank, 2),
        serving_words.layout_text(one.deployment, one.serving),
    )


def _lost(task: ServingRun, found: ServingSearch) -> list[str]:
    limits = task.limits
    words = {
        "memory": ("weights and that many requests' cache do not fit", "权重与这么多请求的缓存放不下"),
        "cards": ("no card is left for the prompts", "没有卡留给提示词"),
        "tpot": (f"TPOT above {_ms(limits.tpot_s)}", f"TPOT 高于 {_ms(limits.tpot_s)}"),
        "ttft": (f"TTFT above {_ms(limits.ttft_s)}", f"TTFT 高于 {_ms(limits.ttft_s)}"),
        "beaten": (
            "another gives as many tokens per card at no higher latency",
            "另有布局每卡词元不少且时延不高",
        ),
    }
    rows = []
    for name, count in sorted(found.lost.items(), key=lambda one: -one[1]):
        en, zh = words.get(name, (name, name))
        if count:
            rows.append((f"{count:,}", said(en=en, zh=zh)))
    return terminal.table([("", "right"), ("", "left")], rows, "  ")


def _ms(limit_s: float | None) -> str:
    return "–" if limit_s is None else terminal.seconds(limit_s)


def _nearest(task: ServingRun) -> list[str]:
    """No layout meets the bounds: the lowest latencies there are, each beside its bound."""
    free = search_serving(task.model, task.cluster, task.serving, limits=Limits(), phases=task.phases)
    if not free.best:
        return [said(en="No layout fits the cluster's memory.", zh="没有放得下的布局。")]
    lines = [said(en="No layout meets the bounds.", zh="没有布局满足上限。")]
    for name, limit, value in (
        ("TTFT", task.limits.ttft_s, min(one.forecast.ttft_s for one in free.frontier)),
        ("TPOT", task.limits.tpot_s, min(one.forecast.tpot_s for one in free.frontier)),
    ):
        if limit is not None:
            here, asked = terminal.seconds(value), terminal.seconds(limit)
            lines.append(
                said(
                    en=f"  {name}: {asked} asked; {here} is the lowest of the frontier without bounds",
                    zh=f"  {name}：要求 {asked}；无上限时前沿上最低为 {here}",
                )
            )
    return lines


def picture(task: ServingRun, found: ServingSearch) -> Scene:
    """The frontier in TPOT and tokens per card, and a token of the best layouts in parts."""
    title = serving_words.demand_text(task.model, task.cluster, task.serving, task.limits)
    scene = Scene(1000, 2000, title)
    scene.add(Text(24, 34, said(en="Layouts that no other beats", zh="未被胜过的布局"), 18, bold=True))
    scene.add(Text(24, 56, scene.title, 12, fill="muted"))
    y = scatter(
        scene,
        points(list(found.frontier)),
        top=110,
        height=240,
        x_title=said(en="TPOT [ms]", zh="TPOT [毫秒]"),
        y_title=said(en="answer tokens a second and card", zh="每卡每秒回答词元"),
    )
    heading = said(
        en="One token by cause; at its end tokens/s per card", zh="一个词元的构成；末尾为每卡词元/秒"
    )
    scene.add(Text(24, y + 8, heading, 14, bold=True))
    scene.height = stacked(scene, [bar(one) for one in found.frontier[:10]], top=y + 36, unit="s") + 8
    return scene


def bar(one: Candidate, label: str = "") -> Bar:
    """One token of a layout in parts."""
    text = label or serving_words.layout_text(one.deployment, one.serving)
    figure = terminal.number(one.forecast.output_tokens_per_s_per_card)
    return Bar(text, tuple(serving_words.token_parts(one)), figure)


def points(candidates: list[Candidate]) -> list[Point]:
    """Dots; those are on the line than which no other gives more tokens at no higher TPOT."""
    found, most = [], -math.inf
    for one in sorted(candidates, key=lambda one: (one.forecast.tpot_s, -ORDER[None](one)[0])):
        rate = one.forecast.output_tokens_per_s_per_card
        tip = f"TTFT {terminal.seconds(one.forecast.ttft_s)} · " + serving_words.layout_text(
            one.deployment, one.serving
        )
        best = rate > most
        most = max(most, rate)
        label = serving_words.pool_text(one.deployment.decode) if best else ""
        found.append(Point(one.forecast.tpot_s * 1e3, rate, label, tip, best))
    return found
