"""Cliffs: where one more hundredth of base loses subsidy, found in the rules and proven by deciding twice.

Candidates are the amounts that conditions compare with (of the year, the contract, the project, the units
asked for). For each, and for each way from one tier to another across it, :mod:`.satisfiability` looks for a
request that differs in nothing but that hundredth; the evaluator then decides it on both sides. What is
reported has happened in that decision; a way that no request could be found for is not reported.

Splitting a contract gains there: the part below is paid at the better rate (where it gains besides:
:mod:`.splitting`).
The same is asked of requests in a row, where the n-th has a lower cap than the one before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from hesuan.errors import declare
from hesuan.policy.book import Book
from hesuan.policy.decision import (
    BELOW_FLOOR,
    CONDITION_UNMET,
    NO_ALTERNATIVE,
    NO_TIER,
    Decision,
    Facts,
    Line,
    yuan,
)
from hesuan.policy.evaluator import decide
from hesuan.policy.facts import KEY_FACTS
from hesuan.policy.finding import Finding, found
from hesuan.policy.keys import needed, with_day
from hesuan.policy.predicates import All, AnyOf, Condition, FactValue, Not, Pred, judge
from hesuan.policy.programme import Budget, Cap, Programme, Tier
from hesuan.policy.satisfiability import Answer, Demand, is_possible, satisfy
from hesuan.policy.terms import Span
from hesuan.policy.tier_checks import MOST_TIERS, condition, conditions_of, is_condition

AMOUNTS = ("year.base_total", "contract.amount", "project.amount")
"""Facts that grow with the base: here the request is the whole year, contract and project."""
UNITS = "request.units"
PLENTY_FEN = 10**15
TOLD = (CONDITION_UNMET, NO_ALTERNATIVE, NO_TIER, BELOW_FLOOR)
"""Refusals that a rule states; any other only says that the request made up here lacks something."""

CLIFF = declare(
    "policy.cliff",
    en="One more hundredth loses {loss}: a base of {at} gets {before} (`{tier}`), one of {above} gets {after}"
    " ({next}). Splitting a contract here gains.",
    zh="多百分之一即少得 {loss}：基数 {at} 得 {before}（“{tier}”），基数 {above} 得 {after}（{next_zh}）。"
    "在此拆分合同可获利。",
)
ORDINAL_CLIFF = declare(
    "policy.ordinal_cliff",
    en="Request {ordinal} loses {loss}: on a base of {at} the one before gets {before}, this one {after}.",
    zh="第 {ordinal} 次申领少得 {loss}：同为基数 {at}，前一次得 {before}，本次得 {after}。",
)


@dataclass(frozen=True, slots=True)
class Cliff:
    """Two decisions about one request, whose bases differ by a hundredth."""

    at_fen: int
    below: Decision
    above: Decision
    field: str

    @property
    def loss_fen(self) -> int:
        """What the larger request gets less."""
        return self.below.subsidy_fen - self.above.subsidy_fen


def check_cliffs(programme: Programme) -> Iterator[Finding]:
    """One warning for each cliff."""
    for cliff in cliffs(programme):
        beyond = f"`{cliff.above.tier}`" if cliff.above.granted else "refused"
        beyond_zh = f"“{cliff.above.tier}”" if cliff.above.granted else "不予支付"
        yield found(
            programme,
            CLIFF,
            cliff.field,
            blocks=False,
            at_fen=cliff.at_fen,
            loss_fen=cliff.loss_fen,
            at=yuan(cliff.at_fen, programme.unit),
            above=yuan(cliff.at_fen + 1, programme.unit),
            before=yuan(cliff.below.subsidy_fen, programme.unit),
            after=yuan(cliff.above.subsidy_fen, programme.unit),
            loss=yuan(cliff.loss_fen, programme.unit),
            tier=cliff.below.tier,
            next=beyond,
            next_zh=beyond_zh,
        )
    for tier in programme.tiers:
        yield from _check_ordinals(programme, tier)


def cliffs(programme: Programme) -> tuple[Cliff, ...]:
    """Every cliff that could be proven; the deepest for each point and pair of tiers."""
    deepest: dict[tuple[int, str, str], Cliff] = {}
    if len(programme.tiers) > MOST_TIERS:
        return ()
    for at_fen in sorted(points(programme)):
        for field, route in _routes(programme, at_fen):
            cliff = _prove(programme, at_fen, field, route)
            if cliff is None:
                continue
            key = at_fen, cliff.below.tier, cliff.above.tier
            if key not in deepest or deepest[key].loss_fen < cliff.loss_fen:
                deepest[key] = cliff
    # That nobody is for the request above is told only where no other tier can be: who makes such a request
    # states what the tiers ask for.
    passed = {(at, below) for at, below, above in deepest if above}
    return tuple(deepest[key] for key in sorted(deepest) if key[2] or key[:2] not in passed)


# --- Where to look ---


def points(programme: Programme) -> set[int]:
    """The last amounts [fen] before a condition about an amount changes its answer."""
    rules = [programme.eligible, *(tier.when for tier in programme.tiers)]
    rules += [one.when for one in programme.caps]
    rules += [one.when for one in programme.budgets]
    conditions = [one for rule in rules if is_condition(rule) for one in conditions_of(rule)]
    found = {at for one in conditions for at in _points_of(one)}
    return {at for at in found if 0 < at < PLENTY_FEN}


def _points_of(one: Condition) -> tuple[int, ...]:
    if one.fact not in (*AMOUNTS, UNITS):
        return ()
    [literal] = one.literals
    assert isinstance(literal, int | Fraction)
    value = 100 * literal if one.fact == UNITS else literal
    match one.operator:
        case "<" | ">=":
            return (math.ceil(value) - 1,)
        case "<=" | ">":
            return (math.floor(value),)
    return math.ceil(value) - 1, math.floor(value)


def amounts_at(fen: int) -> dict[str, FactValue]:
    """Every amount a base of so much makes."""
    return {**dict.fromkeys(AMOUNTS, fen), UNITS: Fraction(fen, 100)}


def fixed(pred: Pred, fen: int) -> Pred:
    """A predicate with the amounts put in."""
    match pred:
        case Condition():
            if pred.fact not in (*AMOUNTS, UNITS):
                return pred
            is_met = judge(pred, {pred.fact: amounts_at(fen)[pred.fact]}).truth
            return All(()) if is_met else AnyOf(())
        case Not(part=part):
            return Not(fixed(part, fen))
        case All(parts=parts):
            return All(tuple(fixed(part, fen) for part in parts))
        case AnyOf(parts=parts):
            return AnyOf(tuple(fixed(part, fen) for part in parts))


def _routes(programme: Programme, at_fen: int) -> Iterator[tuple[str, list[Demand]]]:
    """The field that is crossed, and what a request that crosses it there has to meet."""
    if not all(is_condition(tier.when) for tier in programme.tiers):
        return
    base = entry(programme)
    eligible = programme.eligible if is_condition(programme.eligible) else All(())
    leaves: Demand = (fixed(eligible, at_fen + 1), False)
    before = taken(programme, at_fen, [*base, (fixed(eligible, at_fen), True)])
    after = taken(programme, at_fen + 1, base)
    nobody = [(fixed(tier.when, at_fen + 1), False) for tier in programme.tiers if is_condition(tier.when)]
    limits: tuple[Cap | Budget, ...] = (*programme.caps, *programme.budgets)
    for tier, below in before:
        yield "eligible", [*below, leaves]
        yield tier.path, [*below, *nobody]
        for other, above in after:
            if other is not tier:
                yield tier.path, [*below, *above]
        for rule in limits:
            if is_condition(rule.when):
                changes = [(fixed(rule.when, at_fen), False), (fixed(rule.when, at_fen + 1), True)]
                yield rule.path, [*below, *changes]


def taken(programme: Programme, fen: int, base: list[Demand]) -> list[tuple[Tier, list[Demand]]]:
    """Every tier that can be the one taken at an amount, and what makes it so; or may, where the best is."""
    found: list[tuple[Tier, list[Demand]]] = []
    above: list[Demand] = []
    for tier in programme.tiers:
        if not is_condition(tier.when):
            continue
        when = fixed(tier.when, fen)
        demands = [*base, *(above if programme.select == "first" else ()), (when, True)]
        if is_possible(*demands) is not False:
            found.append((tier, demands))
        above.append((when, False))
    return found


def entry(programme: Programme) -> list[Demand]:
    """What the request meets anyway: a day on which it can be made, a line that counts."""
    demands: list[Demand] = []
    issuance = programme.terms.issuance
    spans = [Span(programme.period_from, programme.period_to), *(issuance.windows[:1] if issuance else ())]
    for span in spans:
        if isinstance(span.begin, date):
            demands.append((condition("now", ">=", span.begin), True))
        if isinstance(span.end, date):
            demands.append((condition("now", "<=", span.end), True))
    kinds = programme.base.kinds if programme.base else None
    if isinstance(kinds, tuple):
        demands.append((condition("line.kind", "in", *kinds), True))
    return demands


# --- Proving ---


def _prove(programme: Programme, at_fen: int, field: str, route: list[Demand]) -> Cliff | None:
    answer = satisfy(route)
    if not answer.possible:
        return None
    below, above = (try_out(programme, fen, answer.example) for fen in (at_fen, at_fen + 1))
    cliff = Cliff(at_fen, below, above, field)
    told = all(failure.code in TOLD for failure in above.failures)
    told = told or _is_ineligible(programme, at_fen + 1, answer.example)
    return cliff if below.granted and told and cliff.loss_fen > 0 else None


def _is_ineligible(programme: Programme, fen: int, stated: Mapping[str, FactValue]) -> bool:
    """Whether the request is not eligible whatever it states beside.

    A refusal names every condition that is not met, those of other routes among them that ask for facts this
    request does not state.
    """
    asked = request_of(programme, fen, {**amounts_at(fen), **_without_amounts(stated)})
    rule = programme.eligible
    return is_condition(rule) and judge(rule, with_day(asked)).truth is False


def try_out(programme: Programme, fen: int, stated: Mapping[str, FactValue]) -> Decision:
    """What the first request of a year gets for one line of so much, with nothing used so far."""
    asked = request_of(programme, fen, {**amounts_at(fen), **_without_amounts(stated)})
    return decide(programme, asked, Book().counters(needed(programme, asked)))


def request_of(programme: Programme, fen: int, stated: Mapping[str, FactValue]) -> Facts:
    """A request of one line of so much; what is not stated is as usual, the amounts are the line's."""
    facts = {**_usual(programme), **amounts_at(fen), **stated}
    on = stated.get("now", programme.period_from)
    event: Literal["issue", "redeem"] = "redeem" if programme.event == "none" else "issue"
    return Facts(
        event=event,
        on=on if isinstance(on, date) else date.min,
        lines=(Line(str(facts.get("line.kind", "")), fen, on=_metered_on(programme)),),
        stated={name: value for name, value in facts.items() if name not in ("now", "line.kind")},
    )


def _without_amounts(stated: Mapping[str, FactValue]) -> dict[str, FactValue]:
    return {fact: value for fact, value in stated.items() if fact not in (*AMOUNTS, UNITS)}


def _metered_on(programme: Programme) -> date | None:
    rule = programme.base.apportion if programme.base else None
    return rule.baseline_from if rule is not None and isinstance(rule.baseline_from, date) else None


def _usual(programme: Programme) -> dict[str, FactValue]:
    """What a request states that no condition asked for: the full rate, a contract inside the baseline."""
    facts: dict[str, FactValue] = {name: "one" for names in KEY_FACTS.values() for name in names}
    facts |= {
        "call.id": "one",
        "award.rate": Fraction(1),
        "award.max_subsidy": PLENTY_FEN,
        "relation.counterpart_claimed": False,
        "request.ordinal": Fraction(1),
        "year.granted_total": 0,
        "year.redeemed_total": 0,
    }
    if programme.base and isinstance(programme.base.kinds, tuple) and programme.base.kinds:
        facts["line.kind"] = programme.base.kinds[0]
    rule = programme.base.apportion if programme.base else None
    if rule and isinstance(rule.baseline_from, date) and isinstance(rule.baseline_to, date):
        facts |= {"contract.starts_on": rule.baseline_from, "contract.ends_on": rule.baseline_to}
    return facts


def _check_ordinals(programme: Programme, tier: Tier) -> Iterator[Finding]:
    """The n-th request, where its cap is below the one before; both decided on the same base."""
    steps = sorted(
        (one.begin, one.cap_fen)
        for one in tier.ordinal_caps
        if isinstance(one.begin, int) and isinstance(one.cap_fen, int)
    )
    for (_, before_fen), (ordinal, after_fen) in pairwise(steps):
        rate = tier.rate if isinstance(tier.rate, Fraction) and tier.rate else Fraction(1)
        fen = math.ceil(before_fen / rate)
        eligible = programme.eligible if is_condition(programme.eligible) else All(())
        ways = taken(programme, fen, [*entry(programme), (fixed(eligible, fen), True)])
        demands = next((found for one, found in ways if one is tier), None)
        answer = satisfy(demands) if demands is not None else Answer(False)
        if after_fen >= before_fen or not answer.possible:
            continue
        below, above = (
            try_out(programme, fen, {**answer.example, "request.ordinal": Fraction(at)})
            for at in (ordinal - 1, ordinal)
        )
        loss_fen = below.subsidy_fen - above.subsidy_fen
        if below.granted and loss_fen > 0:
            yield found(
                programme,
                ORDINAL_CLIFF,
                f"{tier.path}.ordinal_cap",
                blocks=False,
                ordinal=ordinal,
                at=yuan(fen, programme.unit),
                before=yuan(below.subsidy_fen, programme.unit),
                after=yuan(above.subsidy_fen, programme.unit),
                loss=yuan(loss_fen, programme.unit),
                at_fen=fen,
                loss_fen=loss_fen,
            )
