"""``hesuan plan search``: the best plans, why the others lost, what binds, what would change the answer."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning import answers, pictures, terminal, words
from hesuan.cli.planning.charts import Bar, Point, edge, scatter, stacked
from hesuan.cli.planning.parts import step_parts
from hesuan.cli.planning.progress import showing
from hesuan.cli.planning.runs import goodput_by_cards, own_calibration
from hesuan.cli.planning.scene import Scene, Text
from hesuan.planner.explore import Candidate, Lost, SearchResult, search
from hesuan.planner.explore.rules import ALL
from hesuan.planner.files import read_run

SHOWN_BEYOND = 1.3
"""The picture ends at this multiple of the frontier's slowest and dearest plan."""
FEN_PER_10000_YUAN = 1_000_000
SMALLEST_GAIN = 0.0005
"""A constraint whose loosening gains less than this share of the step does not bind."""
LEGALITY_ROWS = 5
"""How many rules of legality are told; the rest are counted."""

AIMS = {
    "time": ("fastest", "最快"),
    "money": ("cheapest", "最省钱"),
    "cards": ("fewest cards", "用卡最少"),
    "memory_slack": ("most memory left", "显存余量最大"),
}


def run(asked: argparse.Namespace) -> Exit:
    """Searches and tells; a workload that fits under no plan is refused."""
    pictures.check(asked.plot)
    task = read_run(asked.file)
    workload, calibration = task.workload, own_calibration(asked.calibration, task)
    by = asked.by or "time"
    started = time.monotonic()
    with showing(said(en="searching", zh="搜索中")) as progress:
        result = search(
            workload,
            top=max(asked.top, 1),
            calibration=calibration,
            goodput=goodput_by_cards(workload),
            progress=progress.step,
        )
    took_s = time.monotonic() - started
    if asked.as_json:
        answers.print_json(result)
    else:
        print("\n".join(text(result, by=by, top=asked.top, took_s=took_s)))
    if asked.plot and result.found:
        pictures.write(picture(result, by=by), asked.plot)
    return Exit.DONE if result.found else Exit.REFUSED


def text(result: SearchResult, *, by: str, top: int, took_s: float) -> list[str]:
    """The whole answer."""
    width = terminal.terminal_width()
    lines = [words.workload_text(result.workload), counts(result, took_s)]
    lines += words.calibration_lines(result.calibration, width)
    if result.found:
        lines += ["", said(en="Best", zh="最优"), *best(result)]
        lines += ["", listing_head(result, by), *listing(ordered(result, by)[:top])]
    lines += _losers(result, width)
    for head, sentences in (
        (
            said(en="What binds", zh="受什么约束"),
            [said(en=one.en, zh=one.zh) for one in result.binding if one.gain >= SMALLEST_GAIN],
        ),
        (
            said(en="What an unsure figure would change", zh="不确定的数值会改变什么"),
            [said(en=one.en, zh=one.zh) for one in result.sensitivity],
        ),
    ):
        if sentences:
            lines += ["", head]
            for sentence in sentences:
                first, *more = terminal.wrap(sentence, width - 4)
                lines += [f"  · {first}", *(f"    {line}" for line in more)]
    return lines + words.assumed_lines(words.assumed_figures(result.workload), width)


def counts(result: SearchResult, took_s: float) -> str:
    """How many plans there were, and what became of them."""
    return said(
        en=f"{result.legal:,} legal plans: {result.memory_refused:,} do not fit into memory, "
        f"{result.evaluated:,} timed, {result.cut_by_bound:,} cut by a bound that had already lost. "
        f"{terminal.seconds(took_s)}.",
        zh=f"合法方案 {result.legal:,} 个：显存放不下 {result.memory_refused:,} 个，"
        f"计时 {result.evaluated:,} 个，下界已落败而剪除 {result.cut_by_bound:,} 个。"
        f"用时 {terminal.seconds(took_s)}。",
    )


def best(result: SearchResult) -> list[str]:
    """One line an aim."""
    rows = []
    for aim, (en, zh) in AIMS.items():
        if one := result.best.get(aim):
            rows.append((said(en=en, zh=zh), *cells(one)))
    return terminal.table([("", "left"), *_heads()], rows, "  ")


def listing_head(result: SearchResult, by: str) -> str:
    """What the list holds."""
    en, zh = AIMS[by]
    return said(
        en=f"Frontier and next best, {en} first ({len(result.frontier)} plans are beaten by no other in time,"
        " money, cards and memory at once)",
        zh=f"前沿与次优，按{zh}排列（在时间、费用、卡数、显存余量上"
        f"不被任何方案全面胜过的有 {len(result.frontier)} 个）",
    )


def ordered(result: SearchResult, by: str) -> list[Candidate]:
    """Frontier and fastest plans together, each once, the best by an aim first."""
    every = {one.plan: one for one in (*result.top, *result.frontier)}.values()
    keys = {
        "time": lambda one: (one.step_s,),
        "money": lambda one: (one.cards * one.step_s, one.step_s),
        "cards": lambda one: (one.cards, one.step_s),
    }
    return sorted(every, key=keys[by])


def listing(candidates: list[Candidate]) -> list[str]:
    """Numbered candidates."""
    rows = [(str(at), *cells(one)) for at, one in enumerate(candidates, 1)]
    return terminal.table([("", "right"), *_heads()], rows, "  ")


def cells(one: Candidate) -> tuple[str, ...]:
    """What a plan is compared by, then the plan."""
    return (
        terminal.seconds(one.step_s),
        terminal.days(one.work_s),
        f"{one.cards:,}",
        words.money_text(one.money_fen),
        terminal.gib(one.slack_bytes),
        terminal.percent(one.mfu),
        words.plan_text(one.plan),
    )


def _heads() -> list[tuple[str, str]]:
    return [
        (said(en="step", zh="单步"), "right"),
        (said(en="whole run", zh="全程"), "right"),
        (said(en="cards", zh="卡数"), "right"),
        (said(en="money", zh="费用"), "right"),
        (said(en="memory left", zh="显存余量"), "right"),
        ("MFU", "right"),
        (said(en="plan", zh="并行方案"), "left"),
    ]


def _losers(result: SearchResult, width: int) -> list[str]:
    """Plans that lost, by reason; then what was never legal, the largest groups only."""
    illegal = sorted((one for one in result.losers if one.reason in ALL), key=lambda one: -one.count)
    lost = [one for one in result.losers if one.reason not in ALL]
    lines: list[str] = []
    if lost:
        lines += ["", said(en="Why the others lost", zh="其余方案为何落选"), *_reasons(lost, width)]
    if illegal:
        lines += ["", said(en="Never legal", zh="本就不合法"), *_reasons(illegal[:LEGALITY_ROWS], width)]
    if rest := illegal[LEGALITY_ROWS:]:
        count = sum(one.count for one in rest)
        lines.append(
            said(
                en=f"  and {count:,} by {len(rest)} more rules (`--json` has all)",
                zh=f"  另有 {count:,} 个违反其余 {len(rest)} 条规则（`--json` 列出全部）",
            )
        )
    return lines


def _reasons(losers: Sequence[Lost], width: int) -> list[str]:
    figures = max(len(f"{lost.count:,}") for lost in losers)
    lines = []
    for lost in losers:
        told = said(en=lost.en, zh=lost.zh).rstrip(".。")
        if lost.example:
            example = words.plan_text(lost.example)
            told += said(en=f"; such as {example}", zh=f"；如 {example}")
        first, *more = terminal.wrap(told, width - figures - 4)
        lines += [f"  {lost.count:>{figures},}  {first}", *(" " * (figures + 4) + line for line in more)]
    return lines


def picture(result: SearchResult, *, by: str) -> Scene:
    """The frontier in time and money (cards where no price is known), and the best plans' steps in parts."""
    scene = Scene(1000, 2000, words.workload_text(result.workload))
    scene.add(Text(24, 34, said(en="Search over all legal plans", zh="全部合法方案的搜索"), 18, bold=True))
    scene.add(Text(24, 56, scene.title, 12, fill="muted"))
    y = _frontier(scene, result, 96)
    scene.add(Text(24, y + 8, said(en="Steps in parts", zh="单步耗时的构成"), 14, bold=True))
    bars = [
        Bar(words.plan_text(one.plan), tuple(step_parts(one.parts)), terminal.seconds(one.step_s))
        for one in ordered(result, by)[:10]
    ]
    scene.height = stacked(scene, bars, top=y + 36, unit="s") + 8
    return scene


def _frontier(scene: Scene, result: SearchResult, top: float) -> float:
    """Time against money: the line joins what nothing beats in both; dots off it have more memory left."""
    priced = all(one.money_fen is not None for one in result.frontier)
    points = edge([_point(one, priced=priced) for one in ordered(result, "time")])
    front = [point for point in points if point.on_frontier]
    far, dear = SHOWN_BEYOND * max(p.x for p in front), SHOWN_BEYOND * max(p.y for p in front)
    return scatter(
        scene,
        [p if p.on_frontier else replace(p, label="") for p in points if p.x <= far and p.y <= dear],
        top=top + 14,
        height=240,
        x_title=said(en="whole run [days]", zh="全程 [天]"),
        y_title=said(en="money [10,000 yuan]", zh="费用 [万元]") if priced else said(en="cards", zh="卡数"),
    )


def _point(one: Candidate, *, priced: bool) -> Point:
    height = (one.money_fen or 0) / FEN_PER_10000_YUAN if priced else float(one.cards)
    cards = said(en=f"{one.cards:,} cards", zh=f"{one.cards:,} 卡")
    tip = f"{cards} · {words.money_text(one.money_fen)} · {words.plan_text(one.plan)}"
    return Point(one.work_s / 86400, height, f"{cards} · {terminal.days(one.work_s)}", tip)
