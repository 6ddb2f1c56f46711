"""The year of a programme as one picture: spending by month, who gets nothing, other rates and caps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hesuan.cli.language import said
from hesuan.cli.planning.scene import Dot, Line, Rect, Scene, Text, shorten, tick_text, ticks
from hesuan.cli.rules.answers import points
from hesuan.policy.decision import yuan
from hesuan.policy.simulator import Simulation, Variant, months, nothing

WIDTH, MARGIN, LEFT = 960.0, 24.0, 92.0
MONTHS_HEIGHT, ROW, CELL = 240.0, 24.0, 46.0
FEN_PER_MILLION = 100_000_000


def draw(year: Simulation, variants: Sequence[Variant]) -> Scene:
    """The whole picture; money is in millions of the programme's unit here, and nowhere else."""
    programme = year.programme
    title = f"{programme.title} · {programme.id} · v{programme.version}"
    scene = Scene(WIDTH, 0, title, said(en="A simulated year of claims.", zh="模拟的一年申领。"))
    scene.add(Text(MARGIN, 34, shorten(title, 17, WIDTH - 2 * MARGIN), 17, bold=True))
    granted, whole = len(year.granted), len(year.outcomes)
    spent = yuan(year.subsidy_fen, programme.unit)
    scene.add(
        Text(
            MARGIN,
            56,
            said(
                en=f"{granted} of {whole} claims get {spent}", zh=f"{whole} 笔申领中 {granted} 笔共得 {spent}"
            ),
            13,
            fill="muted",
        )
    )
    y = _months(scene, year, 92)
    y = _nothing(scene, year, y + 18)
    if variants:
        y = _variants(scene, year, variants, y + 18)
    scene.height = y + 12
    return scene


def _months(scene: Scene, year: Simulation, top: float) -> float:
    """Bars by month, the sum so far as a line, each whole-programme budget dashed."""
    found = months(year)
    # One line for a budget, also where its windows (quarters) follow one another.
    limits = list({(one.id, one.limit_fen): one for one in year.budgets if not one.key}.values())
    highest = max([*(one.running_fen for one in found), *(one.limit_fen for one in limits)]) / FEN_PER_MILLION
    marks = ticks(highest)
    bottom, right = top + MONTHS_HEIGHT, WIDTH - MARGIN

    def at(fen: int) -> float:
        return bottom - MONTHS_HEIGHT * fen / FEN_PER_MILLION / marks[-1]

    unit = said(en=f"million {year.programme.unit}", zh=f"百万 {year.programme.unit}")
    scene.add(Text(MARGIN, top - 12, unit, 12, fill="muted"))
    for mark in marks:
        y = bottom - MONTHS_HEIGHT * mark / marks[-1]
        scene.add(Line(LEFT, y, right, y, "grid"))
        scene.add(Text(LEFT - 8, y + 4, tick_text(mark, marks[1]), 11, "end", "muted"))
    for budget in limits:
        y = at(budget.limit_fen)
        scene.add(Line(LEFT, y, right, y, "bad", 1.2, dashed=True))
        gone = budget.gone_on or budget.short_on
        told = said(en=f", short on {gone}", zh=f"，{gone} 起不足") if gone else ""
        scene.add(Text(LEFT + 6, y - 5, f"{budget.id} {budget.window}{told}", 11, fill="bad"))
    width = (right - LEFT) / len(found)
    dots = []
    for place, one in enumerate(found):
        x = LEFT + width * place
        tip = f"{one.name}: {yuan(one.subsidy_fen, year.programme.unit)}"
        scene.add(
            Rect(
                x + 0.2 * width,
                at(one.subsidy_fen),
                0.6 * width,
                bottom - at(one.subsidy_fen),
                "compute",
                tip,
            )
        )
        if len(found) <= 14 or place % 3 == 0:
            scene.add(Text(x + width / 2, bottom + 17, one.name[2:], 11, "middle", "muted"))
        dots.append((x + width / 2, at(one.running_fen), one))
    for (x1, y1, _), (x2, y2, _) in pairwise(dots):
        scene.add(Line(x1, y1, x2, y2, "dp", 1.6))
    for x, y, one in dots:
        scene.add(Dot(x, y, 3.5, "dp", tip=f"{one.name}: {yuan(one.running_fen, year.programme.unit)}"))
    y = bottom + 40
    bars, line = said(en="granted in the month", zh="当月资助"), said(en="granted so far", zh="累计资助")
    scene.add(Rect(LEFT, y - 10, 11, 11, "compute"), Text(LEFT + 16, y, bars, 12, fill="muted"))
    scene.add(Rect(LEFT + 190, y - 10, 11, 11, "dp"), Text(LEFT + 206, y, line, 12, fill="muted"))
    return y + 16


def _nothing(scene: Scene, year: Simulation, top: float) -> float:
    """One bar for each reason, by the number of claims."""
    scene.add(Text(MARGIN, top, said(en="Who gets nothing, and why", zh="未获资助的原因"), 14, bold=True))
    reasons = nothing(year)
    if not reasons:
        scene.add(Text(MARGIN, top + 22, said(en="Everybody gets something.", zh="人人有份。"), 12))
        return top + 34
    room, left = 380.0, MARGIN + 392
    most = max(one.claims for one in reasons)
    for at, one in enumerate(reasons):
        y = top + 12 + ROW * at
        label = f"{one.code or 'floor → 0'} · {one.field}"
        width = (WIDTH - MARGIN - 60 - left) * one.claims / most
        scene.add(Text(MARGIN, y + 15, shorten(label, 12, room), 12))
        scene.add(Rect(left, y + 4, width, ROW - 9, "bubble", f"{one.code} {one.where}: {one.claims}"))
        scene.add(Text(left + width + 8, y + 15, str(one.claims), 12, fill="muted"))
    return top + 12 + ROW * len(reasons) + 10


def _variants(scene: Scene, year: Simulation, variants: Sequence[Variant], top: float) -> float:
    """A grid: rates down, caps across; the programme's own in bold."""
    title = said(en="Other rates (down) and caps (across)", zh="其他比例（纵）与上限（横）")
    scene.add(Text(MARGIN, top, title, 14, bold=True))
    caps = list(dict.fromkeys(one.cap for one in variants))
    rates = list(dict.fromkeys(one.rate for one in variants))
    width = (WIDTH - MARGIN - LEFT) / len(caps)
    for across, cap in enumerate(caps):
        scene.add(Text(LEFT + width * (across + 0.5), top + 24, f"× {cap}", 12, "middle", "muted"))
    for one in variants:
        x, y = LEFT + width * caps.index(one.cap), top + 32 + CELL * rates.index(one.rate)
        own = one.rate == 0 and one.cap == 1
        scene.add(Rect(x + 2, y + 2, width - 4, CELL - 4, "faint" if own else "grid"))
        money, day = yuan(one.subsidy_fen, year.programme.unit), one.gone_on or "–"
        told = said(en=f"{one.granted} claims, short {day}", zh=f"{one.granted} 笔，不足于 {day}")
        scene.add(Text(x + width / 2, y + 20, money, 13, "middle", bold=own))
        scene.add(Text(x + width / 2, y + 36, told, 11, "middle", "muted"))
    for down, rate in enumerate(rates):
        scene.add(Text(LEFT - 10, top + 32 + CELL * (down + 0.6), points(rate), 12, "end", "muted"))
    return top + 32 + CELL * len(rates) + 8
