"""What the linter says of tiers: which nobody can reach, and which two leave the choice to their order.

A finding is made only where :mod:`.satisfiability` is certain.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import TypeGuard

from hesuan.errors import declare
from hesuan.policy.fields import Open
from hesuan.policy.finding import Finding, found
from hesuan.policy.nodes import Mark
from hesuan.policy.predicates import All, AnyOf, Condition, FactValue, Not, Pred, show
from hesuan.policy.programme import Programme, Tier
from hesuan.policy.satisfiability import Demand, is_possible, satisfy

TIERS_EMPTY = declare(
    "policy.tiers_empty",
    en="`rates.tiers` is empty, so nothing would ever be paid.",
    zh="“rates.tiers”为空，将永远不会支付。",
)
RATE_KIND_MISSING = declare(
    "policy.rate_kind_missing",
    en="`{field}` is missing: whether {rate} is exact or a ceiling decides every award.",
    zh="缺少“{field}”：{rate} 是固定比例还是上限，决定每一笔金额。",
)
CONTRADICTORY_TIER = declare(
    "policy.contradictory_tier",
    en="Tier `{tier}` is for nobody: its conditions contradict each other.",
    zh="档次“{tier}”不适用于任何人：其条件相互矛盾。",
)
TIER_OF_NOBODY_ELIGIBLE = declare(
    "policy.tier_of_nobody_eligible",
    en="Tier `{tier}` is for nobody: whoever meets its conditions is not eligible.",
    zh="档次“{tier}”不适用于任何人：符合其条件者均不符合申领条件。",
)
UNREACHABLE_TIER = declare(
    "policy.unreachable_tier",
    en="Tier `{tier}` is never reached: every request it is for is taken by {before} above it.",
    zh="档次“{tier}”永远不会适用：符合其条件的申请都已适用其上的 {before}。",
)
OVERLAPPING_TIERS = declare(
    "policy.overlapping_tiers",
    en="Tiers `{before}` and `{tier}` both fit a request ({example}); only their order decides.",
    zh="同一申请（{example}）同时符合档次“{before}”和“{tier}”；仅由文档中的先后次序决定。",
)

MOST_TIERS = 60
"""Beyond it tiers are not compared, nor cliffs looked for: no document may hold its reader up."""


def check_tiers(programme: Programme) -> Iterator[Finding]:
    """Every finding about tiers."""
    is_open = programme.is_open("rates.tiers") or programme.is_open("rates")
    if not programme.tiers and not is_open:
        yield found(programme, TIERS_EMPTY, "rates.tiers")
    for tier in programme.tiers:
        if isinstance(tier.rate, Fraction) and tier.rate_kind is None:
            field = f"{tier.path}.rate_kind"
            yield found(programme, RATE_KIND_MISSING, field, shown_at=tier.path, rate=tier.rate)
    for at in range(len(programme.tiers) if len(programme.tiers) <= MOST_TIERS else 0):
        yield from _check_reach(programme, at)


def _check_reach(programme: Programme, at: int) -> Iterator[Finding]:
    tier, entry = programme.tiers[at], entering(programme)
    if not is_condition(tier.when):
        return
    if is_possible((tier.when, True)) is False:
        yield found(programme, CONTRADICTORY_TIER, tier.path, blocks=False, tier=tier.id)
    elif is_possible(*entry, (tier.when, True)) is False:
        yield found(programme, TIER_OF_NOBODY_ELIGIBLE, tier.path, blocks=False, tier=tier.id)
    elif programme.select == "first":
        if is_possible(*reaching(programme, at)) is False:
            before = ", ".join(f"`{one.id}`" for one in _sharing(programme, at))
            yield found(programme, UNREACHABLE_TIER, tier.path, blocks=False, tier=tier.id, before=before)
        else:
            yield from _check_overlaps(programme, at)


def _check_overlaps(programme: Programme, at: int) -> Iterator[Finding]:
    """Two conditions that share requests, neither an exception to the other, with different pay."""
    tier = programme.tiers[at]
    for before, other in enumerate(programme.tiers[:at]):
        if _pay(other) == _pay(tier) or not is_condition(other.when) or not is_condition(tier.when):
            continue
        if is_possible((other.when, True), (tier.when, False)) is not True:
            continue
        both = satisfy([*reaching(programme, before), (tier.when, True)])
        if both.possible:
            yield found(
                programme,
                OVERLAPPING_TIERS,
                tier.path,
                blocks=False,
                tier=tier.id,
                before=other.id,
                example=described(both.example, other.when, tier.when),
            )


def _pay(tier: Tier) -> tuple[object, ...]:
    return tier.rate, tier.rate_kind, tier.cap_fen, tier.lump_sum_fen, tier.ordinal_caps


def _sharing(programme: Programme, at: int) -> list[Tier]:
    """The tiers above one that take some of its requests."""
    when = programme.tiers[at].when
    assert is_condition(when)
    return [
        one
        for one in programme.tiers[:at]
        if is_condition(one.when) and is_possible((one.when, True), (when, True)) is not False
    ]


def entering(programme: Programme) -> list[Demand]:
    """What is true of every request that comes to the tiers.

    Where each line has a tier of its own, lines may state facts that the request as a whole does not.
    """
    if programme.scope is not None and programme.scope != "claim":
        return []
    demands: list[Demand] = [(programme.eligible, True)] if is_condition(programme.eligible) else []
    if isinstance(programme.period_from, date):
        demands.append((condition("now", ">=", programme.period_from), True))
    if isinstance(programme.period_to, date):
        demands.append((condition("now", "<=", programme.period_to), True))
    return demands


def reaching(programme: Programme, at: int) -> list[Demand]:
    """What is true of every request that the ``at``-th tier is for, where the first that fits is taken."""
    above = [(one.when, False) for one in programme.tiers[:at] if is_condition(one.when)]
    when = programme.tiers[at].when
    return [*entering(programme), *above, *([(when, True)] if is_condition(when) else [])]


def condition(fact: str, operator: str, *literals: FactValue) -> Condition:
    """A condition that no document wrote."""
    return Condition(fact, operator, literals, f"{fact} {operator} …", Mark(0, 0))


def is_condition(value: Pred | Open | None) -> TypeGuard[Pred]:
    """Whether a condition is stated."""
    return isinstance(value, Condition | All | AnyOf | Not)


def conditions_of(pred: Pred) -> Iterator[Condition]:
    """Every condition in a predicate."""
    match pred:
        case Condition():
            yield pred
        case Not(part=part):
            yield from conditions_of(part)
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from conditions_of(part)


def described(example: dict[str, FactValue], *preds: Pred) -> str:
    """The facts that some predicates ask for, as people read them."""
    asked = sorted({one.fact for pred in preds for one in conditions_of(pred)} & set(example))
    return ", ".join(f"{fact} {show(fact, example[fact])}" for fact in asked) or "–"
