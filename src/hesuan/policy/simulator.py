"""A year of claims through a programme before anybody applies: what is spent, when it is gone, who gets none.

Every claim is decided by the evaluator, in the order of days, with counters kept in memory under the keys and
windows that the engine itself names (:mod:`.keys`), so no budget and no cap is passed here that would not be
passed in life. An open rule refuses the claims that reach it, and only those.

Three facts that a platform keeps are kept here where the table does not state them, for each applicant and
calendar year: ``year.base_total`` (what was granted before and this claim), ``year.granted_total`` and
``request.ordinal`` (one more than the grants before). Where a short budget is paid in proportion, the claims
of a calendar month are one batch, and those facts are what was known before it. Claims that wait in a queue
go on waiting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import TypeVar

from hesuan.policy.batches import PRORATED, decide_batch
from hesuan.policy.book import Book
from hesuan.policy.claims import Claim
from hesuan.policy.decision import Decision, Facts
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import Key, Needed, needed
from hesuan.policy.predicates import FactValue
from hesuan.policy.programme import Programme

T = TypeVar("T")

TOP = 5
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One claim and what it got."""

    claim: Claim
    decision: Decision

    @property
    def applicant(self) -> str:
        """Who asked; the claim itself where the table does not say."""
        return str(self.claim.facts.stated.get("applicant.id", self.claim.id))


@dataclass(frozen=True, slots=True)
class Month:
    """One calendar month of the year."""

    name: str
    """``2026-03``."""
    claims: int
    granted: int
    asked_fen: int
    """All invoices, whether eligible or not."""
    subsidy_fen: int
    running_fen: int
    """Everything granted up to its end."""


@dataclass(slots=True)
class BudgetUse:
    """One budget in one window."""

    id: str
    key: Key
    window: str
    limit_fen: int
    used_fen: int = 0
    short_on: date | None = None
    """The first day on which a claim found less than it needed; the budget may still have a rest."""
    gone_on: date | None = None
    """The day on which its last hundredth was given."""


@dataclass(slots=True)
class Nothing:
    """Claims that get nothing for one reason; a claim may stand under several."""

    code: str
    field: str
    where: str
    claims: int = 0
    asked_fen: int = 0
    first: str = ""
    """The first such claim."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one applicant gets of everything."""

    applicant: str
    subsidy_fen: int
    share: Fraction


@dataclass(frozen=True, slots=True)
class Variant:
    """The year once more with other rates and caps."""

    rate: Fraction
    """Added to every tier's rate, which stays between 0 and 1."""
    cap: Fraction
    """What every cap on money is multiplied by, the tiers' own too."""
    granted: int
    subsidy_fen: int
    gone_on: date | None
    """The first day on which a budget was gone or short."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A year as it was decided."""

    programme: Programme
    outcomes: tuple[Outcome, ...]
    budgets: tuple[BudgetUse, ...]

    @property
    def granted(self) -> tuple[Outcome, ...]:
        """The claims that get something."""
        return tuple(one for one in self.outcomes if one.decision.subsidy_fen)

    @property
    def subsidy_fen(self) -> int:
        """Everything granted."""
        return sum(one.decision.subsidy_fen for one in self.outcomes)

    @property
    def asked_fen(self) -> int:
        """All invoices."""
        return sum(one.decision.invoice_fen for one in self.outcomes)

    @property
    def gone_on(self) -> date | None:
        """The first day on which a budget was gone or short."""
        days = [day for one in self.budgets for day in (one.short_on, one.gone_on) if day is not None]
        return min(days, default=None)


def simulate(
    programme: Programme, claims: Sequence[Claim], *, progress: Progress | None = None
) -> Simulation:
    """Decides every claim in the order given, which is the order of days.

    Args:
        programme: One version; drafts may be tried too.
        claims: As :func:`.claims.load_claims` answers them.
        progress: Called with how many are done, and of how many.
    """
    year = _Year(programme)
    outcomes: list[Outcome] = []
    for batch in _batches(programme, claims):
        outcomes += year.decide(batch)
        if progress is not None:
            progress(len(outcomes), len(claims))
    return Simulation(programme, tuple(outcomes), tuple(year.budgets.values()))


def _batches(programme: Programme, claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    """One by one; by calendar month where a budget is paid in proportion."""
    if not prorated(programme):
        yield from ([claim] for claim in claims)
        return
    for _, batch in groupby(claims, key=lambda claim: month_of(claim.facts.on)):
        yield list(batch)


def prorated(programme: Programme) -> bool:
    """Whether a short budget is paid in proportion."""
    return any(budget.on_exhaust == PRORATED for budget in programme.budgets)


@dataclass(slots=True)
class _Applicant:
    """What one applicant has of one calendar year."""

    base_fen: int = 0
    granted_fen: int = 0
    grants: int = 0


@dataclass(slots=True)
class _Year:
    """The counters, while the claims go by."""

    programme: Programme
    book: Book = field(default_factory=Book)
    applicants: dict[tuple[str, int], _Applicant] = field(default_factory=lambda: defaultdict(_Applicant))
    budgets: dict[tuple[str, Key, str], BudgetUse] = field(default_factory=dict)

    def decide(self, batch: Sequence[Claim]) -> list[Outcome]:
        asked = [self.completed(claim) for claim in batch]
        if not prorated(self.programme):
            needs = needed(self.programme, asked[0])
            decision = decide(self.programme, asked[0], self.book.counters(needs))
            self.book.add(decision, asked[0].counting_day)
            decisions: Sequence[Decision] = [decision]
        else:
            decisions = decide_batch(self.programme, asked, self.book)
        for facts, decision in zip(asked, decisions, strict=True):
            self.note(facts, decision)
        return [Outcome(claim, decision) for claim, decision in zip(batch, decisions, strict=True)]

    def completed(self, claim: Claim) -> Facts:
        """The claim with the facts that a platform keeps, where it does not state them itself."""
        facts = claim.facts
        so_far = self.of(facts)
        kept: dict[str, FactValue] = {
            "year.base_total": so_far.base_fen + counted_fen(self.programme, facts),
            "year.granted_total": so_far.granted_fen,
            "request.ordinal": Fraction(so_far.grants + 1),
        }
        return replace(facts, stated={**kept, **facts.stated}, other_aid_fen=facts.other_aid_fen)

    def of(self, facts: Facts) -> _Applicant:
        return self.applicants[str(facts.stated.get("applicant.id", "")), facts.on.year]

    def note(self, facts: Facts, decision: Decision) -> None:
        if decision.subsidy_fen:
            so_far = self.of(facts)
            so_far.base_fen += counted_fen(self.programme, facts)
            so_far.granted_fen += decision.subsidy_fen
            so_far.grants += 1
        short = {failure.facts.get("budget") for failure in decision.failures}
        for one in needed(self.programme, facts):
            if one.kind == "budget" and one.limit_fen is not None:
                self.note_budget(one, one.limit_fen, facts.on, is_short=one.id in short)

    def note_budget(self, one: Needed, limit_fen: int, on: date, *, is_short: bool) -> None:
        window = (
            one.window.name.partition(":")[0] if one.window.name.startswith("rolling") else one.window.name
        )
        place = one.id, one.key, window
        use = self.budgets.setdefault(place, BudgetUse(one.id, one.key, window, limit_fen))
        use.used_fen = self.book.used(one)
        if is_short and use.short_on is None:
            use.short_on = on
        if use.used_fen >= limit_fen and use.gone_on is None:
            use.gone_on = on


def counted_fen(programme: Programme, facts: Facts) -> int:
    """The lines that count, tax as the rule says; all of them where the rule is open."""
    base = programme.base
    kinds = base.kinds if base is not None and isinstance(base.kinds, tuple) else None
    without_tax = base is not None and base.tax == "excl"
    return sum(
        line.amount_fen - (line.tax_fen if without_tax else 0)
        for line in facts.lines
        if kinds is None or line.kind in kinds
    )


# --- Reading the year ---


def months(simulation: Simulation) -> tuple[Month, ...]:
    """Every month from the first claim's to the last one's, also those without a claim."""
    outcomes = simulation.outcomes
    if not outcomes:
        return ()
    by_month: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_month[month_of(one.claim.facts.on)].append(one)
    found: list[Month] = []
    running_fen = 0
    for name in _names(outcomes[0].claim.facts.on, outcomes[-1].claim.facts.on):
        ones = by_month[name]
        subsidy_fen = sum(one.decision.subsidy_fen for one in ones)
        running_fen += subsidy_fen
        found.append(
            Month(
                name=name,
                claims=len(ones),
                granted=sum(one.decision.subsidy_fen > 0 for one in ones),
                asked_fen=sum(one.decision.invoice_fen for one in ones),
                subsidy_fen=subsidy_fen,
                running_fen=running_fen,
            )
        )
    return tuple(found)


def month_of(day: date) -> str:
    """``2026-03``."""
    return f"{day.year}-{day.month:02d}"


def _names(first: date, last: date) -> Iterator[str]:
    for at in range(12 * first.year + first.month - 1, 12 * last.year + last.month):
        yield f"{at // 12}-{at % 12 + 1:02d}"


def nothing(simulation: Simulation) -> tuple[Nothing, ...]:
    """Who gets nothing and why, the most frequent reason first."""
    found: dict[tuple[str, str], Nothing] = {}
    for one in simulation.outcomes:
        if one.decision.subsidy_fen:
            continue
        reasons = {(failure.code.name, failure.field): failure.where for failure in one.decision.failures}
        for (code, path), where in (reasons or {("", "floors"): simulation.programme.cite("floors")}).items():
            reason = found.setdefault((code, path), Nothing(code, path, where, first=one.claim.id))
            reason.claims += 1
            reason.asked_fen += one.decision.invoice_fen
    return tuple(sorted(found.values(), key=lambda one: (-one.claims, one.code, one.field)))


def top(simulation: Simulation) -> tuple[Share, ...]:
    """The five applicants that get most, with their share of everything granted."""
    sums: dict[str, int] = defaultdict(int)
    for one in simulation.granted:
        sums[one.applicant] += one.decision.subsidy_fen
    whole = simulation.subsidy_fen
    ordered = sorted(sums.items(), key=lambda one: (-one[1], one[0]))[:TOP]
    return tuple(Share(name, fen, Fraction(fen, whole)) for name, fen in ordered)


# --- The year with other figures ---


def sensitivity(
    programme: Programme,
    claims: Sequence[Claim],
    *,
    rate: Fraction,
    cap: Fraction,
    steps: int,
    progress: Progress | None = None,
) -> tuple[Variant, ...]:
    """The year again for every rate and cap on a grid, the programme's own in the middle.

    Args:
        programme: The version varied.
        claims: The year.
        rate: What one step adds to every tier's rate.
        cap: By which part of itself one step changes every cap; fewer than 1/steps.
        steps: Steps to each side; 0 for none.
        progress: Called with how many claims are done, and of how many.
    """
    sides = range(-steps, steps + 1)
    grid = [(at * rate, 1 + by * cap) for at in sides for by in sides]
    found = []
    for done, (shift, factor) in enumerate(grid):

        def tell(at: int, of: int, done: int = done) -> None:
            if progress is not None:
                progress(done * of + at, len(grid) * of)

        year = simulate(varied(programme, rate=shift, cap=factor), claims, progress=tell)
        found.append(Variant(shift, factor, len(year.granted), year.subsidy_fen, year.gone_on))
    return tuple(found)


def varied(programme: Programme, *, rate: Fraction, cap: Fraction) -> Programme:
    """The programme with other rates and caps; rates that stand in each award, and lump sums, stay."""
    tiers = tuple(
        replace(
            tier,
            rate=min(Fraction(1), max(Fraction(0), tier.rate + rate))
            if isinstance(tier.rate, Fraction)
            else tier.rate,
            cap_fen=_scaled(tier.cap_fen, cap),
            ordinal_caps=tuple(replace(one, cap_fen=_scaled(one.cap_fen, cap)) for one in tier.ordinal_caps),
        )
        for tier in programme.tiers
    )
    caps = tuple(
        one if one.counts in ("claims", "active") else replace(one, limit_fen=_scaled(one.limit_fen, cap))
        for one in programme.caps
    )
    return replace(programme, tiers=tiers, caps=caps)


def _scaled(value: T, factor: Fraction) -> T | int:
    return int(value * factor) if isinstance(value, int) else value
