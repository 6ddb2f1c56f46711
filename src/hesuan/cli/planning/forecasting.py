"""``hesuan plan forecast``: one plan, every figure with unit, interval, kind and source; two waterfalls."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from hesuan.cli.exits import Exit
from hesuan.cli.language import kind, said
from hesuan.cli.planning import answers, pictures, terminal, waterfall, words
from hesuan.cli.planning.parts import lost_from_peak, memory_parts
from hesuan.cli.planning.runs import forecast_file, named
from hesuan.cli.planning.scene import Scene, Text
from hesuan.figures import Kind
from hesuan.planner.operation import Operation
from hesuan.planner.prediction import Forecast
from hesuan.planner.reliability import Component, Goodput

MODEL = "docs/model/training.md"
RELIABILITY = "docs/model/reliability.md"
CAUSES_ZH = {
    Component.CHIP: "芯片",
    Component.HOST: "主机",
    Component.OPTICS: "光模块",
    Component.SWITCH: "交换机",
    Component.SOFTWARE: "软件",
    Component.PLANNED: "计划内维护",
}

PEAK_EN = "From the vendor's peak to the wall time of one step: seconds, share, MFU that is left"
PEAK_ZH = "从厂商峰值到单步历时：秒数、占比、所余 MFU"

Row = tuple[str, str, str, str, str]


def run(asked: argparse.Namespace) -> Exit:
    """Forecasts and tells; an impossible plan is refused with both numbers."""
    pictures.check(asked.plot)
    forecast = forecast_file(asked.file, asked.calibration)
    if asked.as_json:
        answers.print_json(forecast)
    else:
        print("\n".join(text(forecast)))
    if asked.plot:
        pictures.write(picture(forecast), asked.plot)
    return Exit.DONE


def text(forecast: Forecast) -> list[str]:
    """The whole answer."""
    width = terminal.terminal_width()
    lines = [words.workload_text(forecast.workload), words.plan_text(forecast.plan)]
    lines += [*words.calibration_lines(forecast.calibration, width), ""]
    lines += figures(step_rows(forecast))
    lines += ["", said(en=PEAK_EN, zh=PEAK_ZH)]
    parts, left = lost_from_peak(forecast)
    lines += waterfall.lines(parts, terminal.seconds, width, left)
    capacity = forecast.memory_limit_bytes
    lines += [
        "",
        said(
            en=f"Memory of the fullest card, of {terminal.gib(capacity)}",
            zh=f"最满一张卡的显存，共 {terminal.gib(capacity)}",
        ),
    ]
    lines += waterfall.lines(memory_parts(forecast.memory), terminal.gib, width)
    lines += tight_lines(forecast)
    operation = forecast.operation
    lines += ["", said(en="Failures", zh="故障"), *figures(failure_rows(operation.goodput))]
    lines += ["", run_head(operation), *figures(run_rows(forecast))]
    return lines + words.assumed_lines(named(forecast), width)


def tight_lines(forecast: Forecast) -> list[str]:
    """A word of warning where the plan fits with less room than an allocator likes."""
    if not forecast.is_tight:
        return []
    kept = terminal.gib(forecast.memory_kept_bytes)
    return [
        said(
            en=f"  tight: with what an allocator keeps it would take {kept}; fragments may stop it",
            zh=f"  紧张：加上分配器保留的部分需要 {kept}；显存碎片可能使其失败",
        )
    ]


def figures(rows: list[Row]) -> list[str]:
    """Name, figure, 80 % interval, kind, source."""
    heads = [("", "left"), ("", "right"), (said(en="80 % interval", zh="80% 区间"), "left")]
    heads += [(said(en="kind", zh="类别"), "left"), (said(en="source", zh="来源"), "left")]
    if not any(row[2] for row in rows):
        rows = [(*row[:2], "", *row[3:]) for row in rows]
        heads[2] = ("", "left")
    return terminal.table(heads, rows, "  ")


def step_rows(forecast: Forecast) -> list[Row]:
    """Time and rates of one step."""
    weight, source = kind(forecast.kind), MODEL
    if forecast.calibration:
        source = f"{forecast.calibration.file}, {MODEL}"
    low, high = forecast.low_s, forecast.high_s
    factors = (forecast.step_s / high, forecast.step_s / low)

    def between(value: float, shown: str = "percent") -> str:
        ends = [value * factor for factor in factors]
        texts = [terminal.percent(end) if shown == "percent" else terminal.number(end) for end in ends]
        return " – ".join(texts)

    rate = forecast.tokens_per_s
    return [
        (
            said(en="step time", zh="单步耗时"),
            terminal.seconds(forecast.step_s),
            f"{terminal.seconds(low)} – {terminal.seconds(high)}",
            weight,
            source,
        ),
        (
            said(en="tokens a second", zh="每秒词元"),
            f"{terminal.number(rate)} token/s",
            between(rate, "number"),
            weight,
            source,
        ),
        (
            said(en="per card", zh="每卡"),
            f"{terminal.number(rate / forecast.plan.cards)} token/s",
            between(rate / forecast.plan.cards, "number"),
            weight,
            source,
        ),
        ("MFU", terminal.percent(forecast.mfu), between(forecast.mfu), weight, source),
        (
            said(en="share of achievable peak", zh="占可达峰值"),
            terminal.percent(forecast.achievable_share),
            between(forecast.achievable_share),
            weight,
            source,
        ),
    ]


def failure_rows(kept: Goodput) -> list[Row]:
    """How often it stops, and what is done about it."""
    weight = kind(Kind.ESTIMATED)
    causes = sorted(kept.by_cause_per_day.items(), key=lambda one: -one[1])
    told = ", ".join(
        f"{said(en=part.value, zh=CAUSES_ZH[part])} {terminal.number(rate, 2)}"
        for part, rate in causes
        if rate > 0.005
    )
    save = kept.checkpoint
    return [
        (
            said(en="goodput", zh="有效训练时间占比"),
            terminal.percent(kept.share),
            f"{terminal.percent(kept.low)} – {terminal.percent(kept.high)}",
            weight,
            RELIABILITY,
        ),
        (
            said(en="unexpected stops, one every", zh="意外中断间隔"),
            terminal.days(kept.mtbf_s),
            f"{terminal.days(kept.mtbf_low_s)} – {terminal.days(kept.mtbf_high_s)}",
            weight,
            said(en=f"a day: {told}", zh=f"每天：{told}"),
        ),
        (
            said(en="checkpoint every", zh="检查点间隔"),
            terminal.days(save.interval_s),
            "",
            weight,
            said(
                en=f"{save.size_bytes / 1e12:.2f} TB, written in {terminal.seconds(save.write_s)}, "
                f"training stands still {terminal.seconds(save.blocking_s)}",
                zh=f"{save.size_bytes / 1e12:.2f} TB，写入 {terminal.seconds(save.write_s)}，"
                f"训练停顿 {terminal.seconds(save.blocking_s)}",
            ),
        ),
        (
            said(en="spare cards", zh="备用卡"),
            f"{kept.spare_cards:,}",
            "",
            weight,
            said(en="paid for like the others", zh="同样计费"),
        ),
    ]


def run_head(operation: Operation) -> str:
    """What the bill is for."""
    tokens = terminal.scaled(operation.tokens, "")
    if operation.is_whole_run:
        return said(en=f"The whole training, {tokens} tokens", zh=f"全程训练，{tokens} 词元")
    return said(en=f"{tokens} tokens (the file names no `tokens`)", zh=f"{tokens} 词元（文件未写 `tokens`）")


def run_rows(forecast: Forecast) -> list[Row]:
    """Time, money and energy of the run; all three grow with its time."""
    weight = kind(Kind.ESTIMATED)
    operation = forecast.operation
    money, energy = operation.money, operation.energy
    quick, slow = forecast.run_factors

    def between(value: float, shown: Callable[[float], str]) -> str:
        return f"{shown(value * quick)} – {shown(value * slow)}"

    no_price = said(en="no price is known and none is guessed", zh="无价格，不作猜测")
    no_power = said(en="rated power unknown", zh="额定功率未知")
    price = said(
        en=f"{operation.cards_paid:,} cards held, price from the file",
        zh=f"占用 {operation.cards_paid:,} 张卡，价格取自文件",
    )
    rows = [
        (
            said(en="wall time", zh="历时"),
            terminal.days(operation.wall_s),
            between(operation.wall_s, terminal.days),
            weight,
            RELIABILITY,
        ),
        (
            said(en="money", zh="费用"),
            words.money_text(money.total_fen if money else None),
            between(money.total_fen, lambda fen: words.money_text(round(fen))) if money else "",
            weight if money else "",
            price if money else no_price,
        ),
    ]
    if money and money.tokens_per_yuan is not None:
        rows.append(
            (
                said(en="useful tokens per yuan", zh="每元有效词元"),
                f"{money.tokens_per_yuan:,}",
                f"{money.tokens_per_yuan / slow:,.0f} – {money.tokens_per_yuan / quick:,.0f}",
                weight,
                said(en="failures and spares counted", zh="已计入故障与备用卡"),
            )
        )
    rows.append(
        (
            said(en="energy", zh="电量"),
            f"{terminal.number(energy.kwh)} kWh" if energy else "–",
            between(energy.kwh, terminal.number) if energy else "",
            weight if energy else "",
            f"{energy.card_w:.0f} W × {operation.cards_paid:,}" if energy else no_power,
        )
    )
    return rows


def picture(forecast: Forecast) -> Scene:
    """Waterfalls of step and memory."""
    scene = Scene(1000, 2000, words.workload_text(forecast.workload), words.plan_text(forecast.plan))
    capacity = forecast.memory_limit_bytes
    scene.add(Text(24, 34, said(en="Forecast of one step", zh="单步预测"), 18, bold=True))
    scene.add(Text(24, 56, scene.title, 12, fill="muted"), Text(24, 74, scene.description, 12, fill="muted"))
    scene.add(Text(976, 34, terminal.seconds(forecast.step_s), 18, "end", bold=True))
    scene.add(Text(976, 56, f"MFU {terminal.percent(forecast.mfu)}", 12, "end", "muted"))
    kept = forecast.operation.goodput.share
    y = waterfall.draw(
        scene,
        lost_from_peak(forecast)[0],
        terminal.seconds,
        top=100,
        unit="s",
        interval=(forecast.low_s / kept, forecast.high_s / kept),
    )
    scene.add(Text(24, y + 6, said(en="Memory of the fullest card", zh="最满一张卡的显存"), 14, bold=True))
    scene.height = waterfall.draw(
        scene,
        memory_parts(forecast.memory),
        terminal.gib,
        top=y + 40,
        unit="GiB",
        scale=2.0**-30,
        limit=(capacity, f"{terminal.gib(capacity)}"),
    )
    return scene
