"""``hesuan plan compare``: offers side by side, each at its own best plan, by useful work per yuan."""

from __future__ import annotations

import argparse

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning import answers, pictures, terminal, words
from hesuan.cli.planning.charts import Bar, Point, edge, scatter, stacked
from hesuan.cli.planning.offers import read_offers
from hesuan.cli.planning.parts import step_parts
from hesuan.cli.planning.progress import showing
from hesuan.cli.planning.runs import calibrations_of, goodput_by_cards
from hesuan.cli.planning.scene import Scene, Text
from hesuan.figures import Figure
from hesuan.planner.explore import Comparison, Offer, compare
from hesuan.planner.files import Run, read_run

DAY_S = 86400.0


def run(asked: argparse.Namespace) -> Exit:
    """Compares and tells; when no offer can do the work, that is a refusal."""
    pictures.check(asked.plot)
    task = read_run(asked.file)
    offers = read_offers(asked.on, task.workload.cluster)
    calibrations = calibrations_of(asked.calibration, task)
    with showing(said(en="comparing", zh="比较中")) as progress:
        found = compare(
            task.workload.model,
            task.workload.training,
            offers,
            calibrations=calibrations,
            goodput=goodput_by_cards,
            progress=progress.step,
        )
    if asked.as_json:
        answers.print_json(found)
    else:
        print("\n".join(text(task, found)))
    if asked.plot and found.best:
        pictures.write(picture(task, found), asked.plot)
    return Exit.DONE if found.best else Exit.REFUSED


def text(task: Run, found: Comparison) -> list[str]:
    """The whole answer."""
    width = terminal.terminal_width()
    training = task.workload.training
    batch = said(en="sequences a step", zh="序列/步")
    lines = [
        f"{task.workload.model.name} · {training.seq:,} × {training.global_batch:,} {batch}"
        f" · {training.precision.value}",
        said(
            en="Each offer at its own best plan, failures counted; first the most useful work per yuan.",
            zh="各集群取自己的最优方案，计入故障；每元有效工作量最多者在前。",
        ),
        "",
        *terminal.table(_heads(), [_row(offer) for offer in found.offers], "  "),
    ]
    lines += _without_price(found)
    lines += _without_plan(found, width)
    lines += _calibrations(found, width)
    return lines + words.assumed_lines(_assumed(found), width)


def _heads() -> list[tuple[str, str]]:
    return [
        (said(en="offer", zh="集群"), "left"),
        (said(en="cards", zh="卡数"), "right"),
        (said(en="tokens/yuan", zh="词元/元"), "right"),
        (said(en="tokens/s", zh="词元/秒"), "right"),
        (said(en="run", zh="全程"), "right"),
        (said(en="money", zh="费用"), "right"),
        ("MFU", "right"),
        ("", "left"),
        (said(en="its best plan", zh="其最优方案"), "left"),
    ]


def _row(offer: Offer) -> tuple[str, ...]:
    cards = f"{offer.result.workload.cluster.cards:,}"
    if offer.best is None:
        return (
            offer.name,
            cards,
            "–",
            "–",
            "–",
            "–",
            "–",
            "",
            said(en="no plan fits", zh="没有放得下的方案"),
        )
    best = offer.best
    return (
        offer.name,
        cards,
        "–" if offer.tokens_per_yuan is None else f"{offer.tokens_per_yuan:,.0f}",
        f"{offer.tokens_per_s:,.0f}",
        terminal.days(best.work_s),
        words.money_text(best.money_fen),
        terminal.percent(best.mfu),
        "●" if offer.is_pareto else "",
        words.plan_text(best.plan),
    )


def _without_price(found: Comparison) -> list[str]:
    lines = [
        "",
        said(en="● no other offer is faster and cheaper at once", zh="● 没有别的集群同时更快且更省"),
    ]
    if any(offer.best and offer.tokens_per_yuan is None for offer in found.offers):
        lines.append(words.no_price_line())
    return lines


def _without_plan(found: Comparison, width: int) -> list[str]:
    """Why an offer can do nothing: its largest group of losers."""
    lines = []
    for offer in found.offers:
        if offer.best is None and offer.result.losers:
            most = max(offer.result.losers, key=lambda lost: lost.count)
            lines += terminal.wrap(f"{offer.name}: {said(en=most.en, zh=most.zh)}", width)
    return ["", *lines] if lines else []


def _calibrations(found: Comparison, width: int) -> list[str]:
    """Which offer is moved by whose runs; nothing where none is."""
    used = [(offer.name, offer.result.calibration) for offer in found.offers]
    if not any(one for _, one in used):
        return []
    plain = said(en="no calibration holds for it: estimated", zh="没有适用的校准：仅为估计")
    lines = [""]
    for name, one in used:
        first, *more = words.calibration_lines(one, width) or [plain]
        lines += [f"{name}: {first}", *more]
    return lines


def _assumed(found: Comparison) -> list[tuple[str, Figure]]:
    named = [one for offer in found.offers for one in words.assumed_figures(offer.result.workload)]
    return list({name: (name, figure) for name, figure in named}.values())


def picture(task: Run, found: Comparison) -> Scene:
    """Time and money of every offer, and its best plan's step in parts with tokens per yuan."""
    scene = Scene(1000, 2000, said(en="Offers at their best plans", zh="各集群的最优方案"))
    training = task.workload.training
    scene.add(Text(24, 34, scene.title, 18, bold=True))
    subtitle = f"{task.workload.model.name} · {training.seq:,} × {training.global_batch:,}"
    scene.add(Text(24, 56, f"{subtitle} · {training.precision.value}", 12, fill="muted"))
    able = [offer for offer in found.offers if offer.best]
    priced = [offer for offer in able if offer.tokens_per_yuan is not None]
    y = _pareto(scene, able, priced=len(priced) == len(able), top=110.0)
    heading = said(
        en="A step at the best plan, in parts; at its end tokens per yuan",
        zh="最优方案单步的构成；末尾为每元词元",
    )
    scene.add(Text(24, y + 6, heading, 14, bold=True))
    bars = [_bar(offer) for offer in able]
    scene.height = stacked(scene, bars, top=y + 34, unit="s") + 8
    return scene


def _bar(offer: Offer) -> Bar:
    assert offer.best is not None
    worth = "–" if offer.tokens_per_yuan is None else f"{offer.tokens_per_yuan:,.0f}"
    cards = offer.result.workload.cluster.cards
    return Bar(f"{offer.name} × {cards:,}", tuple(step_parts(offer.best.parts)), worth)


def _pareto(scene: Scene, able: list[Offer], *, priced: bool, top: float) -> float:
    points = []
    for offer in able:
        assert offer.best is not None
        money = (offer.best.money_fen or 0) / 100e4
        cards = float(offer.result.workload.cluster.cards)
        label = f"{offer.name} × {cards:,.0f}"
        tip = f"{label}: {words.plan_text(offer.best.plan)}"
        points.append(Point(offer.best.work_s / DAY_S, money if priced else cards, label, tip))
    return scatter(
        scene,
        edge(points),
        top=top,
        height=230,
        x_title=said(en="whole run [days]", zh="全程 [天]"),
        y_title=said(en="money [10,000 yuan]", zh="费用 [万元]") if priced else said(en="cards", zh="卡数"),
    )
