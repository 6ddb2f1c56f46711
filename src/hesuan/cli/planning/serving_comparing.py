"""``hesuan plan compare`` of a serving: offers side by side, each at its own best layout."""

from __future__ import annotations

import argparse

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning import answers, kinds, pictures, serving_words, terminal, words
from hesuan.cli.planning.charts import stacked
from hesuan.cli.planning.offers import read_offers
from hesuan.cli.planning.progress import showing
from hesuan.cli.planning.scene import Scene, Text
from hesuan.cli.planning.serving_searching import bar, plain
from hesuan.planner.serving.comparison import ServingComparison, ServingOffer, compare_serving
from hesuan.planner.serving.file import ServingRun, read_serving


def run(asked: argparse.Namespace) -> Exit:
    """Compares and tells; when no offer can serve within the bounds, that is a refusal."""
    pictures.check(asked.plot)
    kinds.refuse_calibration(asked.file, asked.calibration)
    task = read_serving(asked.file)
    offers = read_offers(asked.on, task.cluster)
    with showing(said(en="comparing", zh="比较中")) as progress:
        found = compare_serving(
            task.model,
            task.serving,
            offers,
            limits=task.limits,
            phases=task.phases,
            progress=progress.step,
        )
    if asked.as_json:
        answers.print_json([_plain(offer) for offer in found.offers])
    else:
        print("\n".join(text(task, found)))
    if asked.plot and found.best:
        pictures.write(picture(task, found), asked.plot)
    return Exit.DONE if found.best else Exit.REFUSED


def _plain(offer: ServingOffer) -> dict[str, object]:
    return {"cluster": offer.cluster, "is_pareto": offer.is_pareto, **plain(offer.result)}


def text(task: ServingRun, found: ServingComparison) -> list[str]:
    """The whole answer."""
    width = terminal.terminal_width()
    lines = [
        serving_words.demand_text(task.model, task.cluster, task.serving, task.limits),
        said(
            en="Each offer at its own best layout within the bounds; first the most answer tokens per yuan.",
            zh="各集群在上限之内取自己的最优布局；每元回答词元最多者在前。",
        ),
        "",
        *terminal.table(_heads(), [_row(offer) for offer in found.offers], "  "),
        "",
        said(
            en="● no other offer gives as much in a second and for a yuan",
            zh="● 没有别的集群同时每秒更多且每元更多",
        ),
    ]
    if any(offer.best and offer.best.forecast.tokens_per_yuan is None for offer in found.offers):
        lines.append(words.no_price_line())
    assumed = [one for offer in found.offers for one in words.assumed_figures_of(offer.cluster)]
    return lines + words.assumed_lines({name: (name, one) for name, one in assumed}.values(), width)


def _heads() -> list[tuple[str, str]]:
    return [
        (said(en="offer", zh="集群"), "left"),
        (said(en="cards", zh="卡数"), "right"),
        (said(en="tokens/yuan", zh="词元/元"), "right"),
        (said(en="¥ per million", zh="元/百万词元"), "right"),
        (said(en="per card", zh="每卡"), "right"),
        (said(en="tokens/s", zh="词元/秒"), "right"),
        ("TPOT", "right"),
        ("TTFT", "right"),
        ("kWh", "right"),
        ("", "left"),
        (said(en="its best layout", zh="其最优布局"), "left"),
    ]


def _row(offer: ServingOffer) -> tuple[str, ...]:
    best, dash = offer.best, "–"
    if best is None:
        none = said(en="no layout within the bounds", zh="上限之内没有布局")
        return (offer.cluster.name, f"{offer.cluster.cards:,}", *(dash,) * 7, "", none)
    told, used = best.forecast, serving_words.kwh_of(best)
    return (
        offer.cluster.name,
        f"{told.cards:,.0f}",
        dash if told.tokens_per_yuan is None else f"{told.tokens_per_yuan:,.0f}",
        serving_words.yuan_text(told.fen_per_million_tokens),
        terminal.number(told.output_tokens_per_s_per_card),
        terminal.number(told.output_tokens_per_s),
        terminal.seconds(told.tpot_s),
        terminal.seconds(told.ttft_s),
        terminal.number(used) if used else dash,
        "●" if offer.is_pareto else "",
        serving_words.layout_text(best.deployment, best.serving),
    )


def picture(task: ServingRun, found: ServingComparison) -> Scene:
    """One token of every offer's best layout in parts."""
    scene = Scene(1000, 2000, said(en="Offers at their best layouts", zh="各集群的最优布局"))
    scene.add(Text(24, 34, scene.title, 18, bold=True))
    subtitle = serving_words.demand_text(task.model, task.cluster, task.serving, task.limits)
    scene.add(Text(24, 56, subtitle, 12, fill="muted"))
    heading = said(
        en="One token by cause; at its end tokens/s per card", zh="一个词元的构成；末尾为每卡词元/秒"
    )
    scene.add(Text(24, 90, heading, 14, bold=True))
    bars = [
        bar(offer.best, f"{offer.cluster.name} × {offer.best.forecast.cards:,.0f}")
        for offer in found.offers
        if offer.best
    ]
    scene.height = stacked(scene, bars, top=118, unit="s") + 8
    return scene
