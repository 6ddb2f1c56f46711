"""What a search returns: frozen, plain numbers and names, sentences in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hesuan.planner.calibration import CalibratedBy
from hesuan.planner.explore.limits import Limits
from hesuan.planner.inputs import Plan, Workload
from hesuan.planner.notebook import card, figures, layout, listing, table

GIB = 2.0**30

AIMS = ("time", "money", "cards", "memory_slack")
"""What a plan can be best at. Without a price there is no best by money."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One evaluated plan with what it is compared by.

    Attributes:
        step_s: One optimizer step without failures [s].
        work_s: The whole work of the search (``SearchResult.work_tokens``), failures included where asked
        [s]. money_fen: What that work costs [fen], as a forecast bills it: cards, spares where failures are
            counted, power where it is priced; None where no price is known.
        tokens_per_s: Useful tokens per second of all cards.
        slack_bytes: Memory left on the fullest card [byte].
        goodput: Useful share of the wall time; 1 where failures were left aside.
        parts: Seconds of a step by part; memory: bytes by cause.
    """

    plan: Plan
    cards: int
    step_s: float
    work_s: float
    money_fen: int | None
    tokens_per_s: float
    mfu: float
    memory_bytes: float
    slack_bytes: float
    parts: Mapping[str, float]
    memory: Mapping[str, float]
    goodput: float = 1.0


@dataclass(frozen=True, slots=True)
class Lost:
    """How many fell to one reason. ``example`` is the fastest or first of them where one was kept."""

    reason: str
    count: int
    en: str
    zh: str
    example: Plan | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """A constraint and what loosening it would bring: ``gain`` is the share of the step time it costs."""

    constraint: str
    gain: float
    en: str
    zh: str
    facts: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Swing:
    """What one unsure figure would change when it is at its low or high end.

    Attributes:
        figure: Path of the figure, such as ``chip.memory_bandwidth_bytes_per_s``.
        low, high: The two ends tried, in ``unit``.
        step_low_s, step_high_s: The best step time at each end [s].
        plan_low, plan_high: The best plan at each end.
        changes: Whether the best plan is another one at either end.
        regret: The larger loss from keeping today's plan at an end, as a share of that end's best step time.
    """

    figure: str
    unit: str
    low: float
    high: float
    step_low_s: float
    step_high_s: float
    plan_low: Plan | None
    plan_high: Plan | None
    changes: bool
    regret: float
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer of one search.

    ``legal`` plans were listed; ``memory_refused`` of them do not fit; ``evaluated`` were timed; the
    others were cut by a bound that already lost. ``frontier`` is in order of time. ``top`` are the fastest
    at any card count.
    """

    workload: Workload
    limits: Limits
    work_tokens: float
    legal: int
    evaluated: int
    cut_by_bound: int
    memory_refused: int
    top: tuple[Candidate, ...]
    frontier: tuple[Candidate, ...]
    best: Mapping[str, Candidate]
    losers: tuple[Lost, ...]
    binding: tuple[Binding, ...]
    sensitivity: tuple[Swing, ...]
    calibration: CalibratedBy | None = None
    """Whose runs moved the times; None for the universal constants alone."""

    @property
    def found(self) -> bool:
        """Whether any plan fits."""
        return bool(self.top)

    def _repr_html_(self) -> str:
        work = self.workload
        title = f"{work.model.name} on {work.cluster.name}: {len(self.frontier)} plans on the frontier"
        counts = figures(
            [
                ("legal plans", f"{self.legal:,}", ""),
                ("too large for memory", f"{self.memory_refused:,}", ""),
                ("timed", f"{self.evaluated:,}", ""),
                ("cut by a bound", f"{self.cut_by_bound:,}", "already slower than what was found"),
            ]
        )
        best = table(
            ("best by", "step", "cards", "memory left", "MFU", "plan"),
            [
                (
                    aim.replace("_", " "),
                    f"{one.step_s:.4g} s",
                    f"{one.cards:,}",
                    f"{one.slack_bytes / GIB:.1f} GiB",
                    f"{100 * one.mfu:.1f} %",
                    layout(one.plan),
                )
                for aim, one in self.best.items()
            ],
        )
        lost = [f"{one.count:,}: {one.en}" for one in self.losers]
        return card(
            title,
            counts,
            best,
            listing("why others lost", lost),
            listing("what binds", [b.en for b in self.binding]),
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """One cluster at its own best plan.

    ``tokens_per_yuan``: useful tokens for one yuan; None where no price is known. ``is_pareto``: nothing
    else is at least as fast and as cheap. ``result`` holds the whole search.
    """

    name: str
    best: Candidate | None
    tokens_per_s: float
    tokens_per_yuan: float | None
    is_pareto: bool
    result: SearchResult


@dataclass(frozen=True, slots=True)
class Comparison:
    """Offers in order of useful work per yuan (those without a price by speed, after them)."""

    offers: tuple[Offer, ...]

    @property
    def best(self) -> Offer | None:
        """The first that can do the work at all."""
        return next((offer for offer in self.offers if offer.best is not None), None)

    def _repr_html_(self) -> str:
        rows = [
            (
                offer.name + " ●" * offer.is_pareto,
                f"{offer.tokens_per_yuan:,.0f}" if offer.tokens_per_yuan is not None else "–",
                f"{offer.tokens_per_s:,.0f}",
                f"{offer.best.cards:,}" if offer.best else "–",
                layout(offer.best.plan) if offer.best else "no plan fits",
            )
            for offer in self.offers
        ]
        heads = ("offer", "useful tokens per yuan", "tokens a second", "cards", "its best plan")
        return card("Each offer at its own best plan", table(heads, rows))

    @property
    def pareto(self) -> tuple[Offer, ...]:
        """Offers that no other beats in speed and money at once, fastest first."""
        kept = [offer for offer in self.offers if offer.is_pareto]
        return tuple(sorted(kept, key=lambda offer: -offer.tokens_per_s))
