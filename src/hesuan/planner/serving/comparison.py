"""Offers of a serving compared, each at its own best layout under the same latency bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hesuan.planner.inputs import Cluster, Model
from hesuan.planner.notebook import card, table
from hesuan.planner.serving.constants import DEFAULT, ServingConstants
from hesuan.planner.serving.inputs import Limits, Phase, Serving
from hesuan.planner.serving.search import Candidate, ServingSearch, laid_out, search_serving


@dataclass(frozen=True, slots=True)
class ServingOffer:
    """One cluster at its own best layout; ``is_pareto``: no other gives as much per yuan and second."""

    cluster: Cluster
    result: ServingSearch
    is_pareto: bool

    @property
    def best(self) -> Candidate | None:
        """Its best layout, or None where the bounds are out of its reach."""
        return self.result.best


@dataclass(frozen=True, slots=True)
class ServingComparison:
    """Offers in order of answer tokens per yuan (those without a price by tokens per card, after them)."""

    offers: tuple[ServingOffer, ...]

    @property
    def best(self) -> ServingOffer | None:
        """The first that can serve at all."""
        return next((offer for offer in self.offers if offer.best is not None), None)

    def _repr_html_(self) -> str:
        rows = []
        for offer in self.offers:
            told = offer.best.forecast if offer.best else None
            worth = told.tokens_per_yuan if told else None
            rows.append(
                (
                    offer.cluster.name + " ●" * offer.is_pareto,
                    f"{worth:,.0f}" if worth is not None else "–",
                    f"{told.output_tokens_per_s_per_card:,.0f}" if told else "–",
                    laid_out(offer.best.deployment) if offer.best else "none within the bounds",
                )
            )
        heads = ("offer", "tokens per yuan", "tokens/s per card", "its best layout")
        return card("Each offer at its own best layout", table(heads, rows))


def compare_serving(
    model: Model,
    serving: Serving,
    offers: Sequence[Cluster],
    *,
    limits: Limits | None = None,
    phases: Sequence[Phase] = (Phase.AGGREGATED, Phase.DISAGGREGATED),
    constants: ServingConstants = DEFAULT,
    progress: Callable[[int, int], None] | None = None,
) -> ServingComparison:
    """Each offer searched by itself.

    Args:
        progress: Called as ``progress(done, total)`` in offers.
    """
    results: list[tuple[Cluster, ServingSearch]] = []
    for done, cluster in enumerate(offers, start=1):
        found = search_serving(model, cluster, serving, limits=limits, phases=phases, constants=constants)
        results.append((cluster, found))
        if progress:
            progress(done, len(offers))
    rates = [_rates(found) for _, found in results]
    made = [
        ServingOffer(cluster, found, found.best is not None and not any(_beats(one, mine) for one in rates))
        for (cluster, found), mine in zip(results, rates, strict=True)
    ]
    return ServingComparison(tuple(sorted(made, key=_rank)))


def _rates(found: ServingSearch) -> tuple[float, float | None]:
    """Answer tokens per second of all cards, and per yuan."""
    if found.best is None:
        return 0.0, None
    told = found.best.forecast
    return told.output_tokens_per_s, told.tokens_per_yuan


def _beats(other: tuple[float, float | None], mine: tuple[float, float | None]) -> bool:
    """At least as good in both, better in one; an unknown price is compared with nothing."""
    if other[1] is None or mine[1] is None:
        return other[1] is None and mine[1] is None and other[0] > mine[0]
    return other[0] >= mine[0] and other[1] >= mine[1] and other != mine


def _rank(offer: ServingOffer) -> tuple[bool, bool, float, float, str]:
    told = offer.best.forecast if offer.best else None
    worth = told.tokens_per_yuan if told else None
    speed = told.output_tokens_per_s_per_card if told else 0.0
    return told is None, worth is None, -(worth or 0.0), -speed, offer.cluster.name
