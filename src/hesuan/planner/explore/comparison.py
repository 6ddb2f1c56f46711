"""Offers compared, each at its own best plan.

A plan that suits one fabric shames another: with expert groups of 64 forced on both, an NVL72 looks 2.3
times an 8-card domain; each at its own best plan it is 1.2 times. So a comparison searches every offer by
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hesuan.planner.calibration import Calibration, chosen, require_used
from hesuan.planner.constants import DEFAULT, Constants
from hesuan.planner.explore.limits import Limits
from hesuan.planner.explore.result import Candidate, Comparison, Offer, SearchResult
from hesuan.planner.explore.searching import Goodput, search
from hesuan.planner.inputs import Cluster, Model, Training, Workload


def compare(
    model: Model,
    training: Training,
    offers: Sequence[Cluster],
    *,
    limits: Limits | None = None,
    constants: Constants = DEFAULT,
    calibrations: Sequence[Calibration] = (),
    goodput: Callable[[Workload], Goodput] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Useful work per second and per yuan of each offer at its own best plan on all its cards.

    Args:
        limits: Borders of every search; its card counts are replaced by each offer's own.
        calibrations: What clusters' own runs taught; each moves the offers of its chip, the others are
            forecast without.
        goodput: Gives for each workload the useful share of the wall time by cards.
        progress: Called as ``progress(done, total)`` in offers.

    Raises:
        Faults: ``plan.calibration_unused``: one that holds for none of the offers.
        InputFault: ``plan.calibration_ambiguous``: two that hold for one offer.
    """
    require_used(calibrations, offers)
    results: list[tuple[Cluster, SearchResult]] = []
    for done, cluster in enumerate(offers, start=1):
        workload = Workload(model, cluster, training)
        own = replace(limits or Limits(), card_counts=(cluster.cards,))
        share = goodput(workload) if goodput else None
        found = search(
            workload,
            own,
            constants=constants,
            calibration=chosen(calibrations, cluster),
            goodput=share,
            explain=False,
        )
        results.append((cluster, found))
        if progress:
            progress(done, len(offers))
    return Comparison(tuple(sorted(_offers(results), key=_rank)))


def _offers(results: list[tuple[Cluster, SearchResult]]) -> list[Offer]:
    found = [rates(result) for _, result in results]
    return [
        Offer(
            name=cluster.name,
            best=result.best.get("time"),
            tokens_per_s=speed,
            tokens_per_yuan=worth,
            is_pareto=result.found and not any(_beats(other, (speed, worth)) for other in found),
            result=result,
        )
        for (cluster, result), (speed, worth) in zip(results, found, strict=True)
    ]


def rates(result: SearchResult) -> tuple[float, float | None]:
    """Useful tokens per second and per yuan."""
    best: Candidate | None = result.best.get("time")
    if best is None:
        return 0.0, None
    worth = None if not best.money_fen else result.work_tokens / (best.money_fen / 100.0)
    return result.work_tokens / best.work_s, worth


def _beats(other: tuple[float, float | None], mine: tuple[float, float | None]) -> bool:
    """At least as good in both, better in one; an unknown price is compared with nothing."""
    if other[1] is None or mine[1] is None:
        return other[1] is None and mine[1] is None and other[0] > mine[0]
    return other[0] >= mine[0] and other[1] >= mine[1] and other != mine


def _rank(offer: Offer) -> tuple[bool, bool, float, float, str]:
    worth = offer.tokens_per_yuan
    return offer.best is None, worth is None, -(worth or 0.0), -offer.tokens_per_s, offer.name
