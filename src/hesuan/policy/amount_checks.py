"""What the linter says of amounts that do not fit each other: floors, caps, budgets, shares, ratios."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from hesuan.errors import declare
from hesuan.policy.decision import SHARES_NOT_ONE, yuan
from hesuan.policy.fields import Open
from hesuan.policy.finding import Finding, found
from hesuan.policy.keys import BY_CLAIM, budget_limit
from hesuan.policy.programme import AWARD_RATE, Floor, Programme, Tier
from hesuan.policy.satisfiability import is_possible
from hesuan.policy.tier_checks import is_condition

NO_PAYER = declare(
    "policy.no_payer",
    en="`funding` names nobody who pays.",
    zh="“funding”没有写明出资方。",
)
RATIO_MISSING = declare(
    "policy.ratio_missing",
    en="`stacking.ratio` is missing; mode sum_ratio_cap needs it.",
    zh="缺少“stacking.ratio”；sum_ratio_cap 需要它。",
)
RATIO_BELOW_RATE = declare(
    "policy.ratio_below_rate",
    en="Tier `{tier}` pays up to {rate}, and all public money together may pay {ratio}: with any other aid"
    " the two contradict. Decide it: `stacking.ratio_by_tier.{tier}`.",
    zh="档次“{tier}”至多支付 {rate}，而全部财政资金合计至多 {ratio}：一旦另有资助，两者相互矛盾。"
    "请裁定“stacking.ratio_by_tier.{tier}”。",
)
FLOOR_ABOVE_CAP = declare(
    "policy.floor_above_cap",
    en="Nothing below {floor} is paid, and tier `{tier}` pays {most} at most: it never pays.",
    zh="低于 {floor} 不予支付，而档次“{tier}”至多 {most}：它永远不会支付。",
)
BASE_FLOOR_ABOVE_BASE = declare(
    "policy.base_floor_above_base",
    en="A base below {floor} is refused, and at most {most} of a base counts: nothing is ever paid.",
    zh="基数低于 {floor} 不予受理，而基数至多计入 {most}：永远不会支付。",
)
BUDGET_BELOW_AWARD = declare(
    "policy.budget_below_award",
    en="Budget `{budget}` ({limit}) cannot pay one maximal award: tier `{tier}` pays up to {most}.",
    zh="预算“{budget}”（{limit}）不足以支付一笔最高资助：档次“{tier}”至多 {most}。",
)
ROUNDING_MISSING = declare(
    "policy.rounding_missing",
    en="Tier `{tier}` leaves parts of a hundredth, and `rounding.stages` does not round the subsidy.",
    zh="档次“{tier}”会产生不足百分之一的零头，而“rounding.stages”不对补贴取整。",
)


def check_amounts(programme: Programme) -> Iterator[Finding]:
    """Every finding about amounts."""
    yield from _check_funding(programme)
    yield from _check_stacking(programme)
    yield from _check_floors(programme)
    yield from _check_budgets(programme)
    yield from _check_rounding(programme)


def _check_funding(programme: Programme) -> Iterator[Finding]:
    shares = [payer.share for payer in programme.funding]
    known = [share for share in shares if isinstance(share, Fraction)]
    if not shares and not programme.is_open("funding") and programme.flow != "no_cash":
        yield found(programme, NO_PAYER, "funding")
    elif len(known) == len(shares) and known and sum(known) != 1:
        yield found(programme, SHARES_NOT_ONE, "funding", total=sum(known))


def _check_stacking(programme: Programme) -> Iterator[Finding]:
    rule = programme.stacking
    if rule is None or rule.mode != "sum_ratio_cap" or programme.is_open("stacking.ratio_by_tier"):
        return
    by_tier = rule.ratio_by_tier or {}
    if not by_tier and (rule.ratio is None or isinstance(rule.ratio, Open)):
        yield found(programme, RATIO_MISSING, "stacking")
    for tier in programme.tiers:
        ratio = by_tier.get(tier.id, rule.ratio)
        if tier.id in by_tier or not isinstance(ratio, Fraction):
            continue  # a ratio of the tier's own is somebody's decision, whatever it says
        if isinstance(tier.rate, Fraction) and ratio < tier.rate:
            yield found(
                programme, RATIO_BELOW_RATE, "stacking.ratio", tier=tier.id, rate=tier.rate, ratio=ratio
            )


def most_paid(programme: Programme, tier: Tier) -> int | None:
    """The most that one award under a tier can be [fen]; ``None`` where no rule bounds it."""
    limits: list[int] = []
    for value in (tier.cap_fen, tier.lump_sum_fen):
        if isinstance(value, int):
            limits.append(value)
    ordinal = [one.cap_fen for one in tier.ordinal_caps if isinstance(one.cap_fen, int)]
    if ordinal and len(ordinal) == len(tier.ordinal_caps):
        limits.append(max(ordinal))
    for cap in programme.caps:
        named = cap.tiers is None or (isinstance(cap.tiers, tuple) and tier.id in cap.tiers)
        by_amount = isinstance(cap.counts, str) and cap.counts not in BY_CLAIM
        if isinstance(cap.limit_fen, int) and cap.when is None and named and by_amount:
            limits.append(cap.limit_fen)
    base, rate = programme.base, tier.rate
    year_counts = programme.retroactive is not None and programme.retroactive is not False
    matches = programme.stacking is not None and programme.stacking.match is not None
    if base and isinstance(base.max_fen, int) and isinstance(rate, Fraction) and not (year_counts or matches):
        limits.append(int(base.max_fen * rate))
    return min(limits, default=None)


def _check_floors(programme: Programme) -> Iterator[Finding]:
    base = programme.base
    if base and isinstance(base.max_fen, int):
        # The base's own `min` is compared before `max` cuts; a floor after, so no base reaches it.
        for floor in (one.min_fen for one in programme.floors if one.on == "base"):
            if isinstance(floor, int) and floor > base.max_fen:
                least, most = _shown(programme, floor), _shown(programme, base.max_fen)
                yield found(programme, BASE_FLOOR_ABOVE_BASE, "base", floor=least, most=most)
    for one in programme.floors:
        if one.on == "subsidy" and isinstance(one.min_fen, int):
            yield from _check_floor(programme, one, one.min_fen)


def _check_floor(programme: Programme, floor: Floor, least: int) -> Iterator[Finding]:
    """It blocks where every tier is below: then the programme pays nobody."""
    most = {tier.id: most_paid(programme, tier) for tier in programme.tiers}
    below = {name: fen for name, fen in most.items() if fen is not None and fen < least}
    for name, fen in below.items():
        yield found(
            programme,
            FLOOR_ABOVE_CAP,
            floor.path,
            blocks=len(below) == len(most),
            tier=name,
            floor=_shown(programme, least),
            most=_shown(programme, fen),
        )


def _check_budgets(programme: Programme) -> Iterator[Finding]:
    for budget in programme.budgets:
        limit = budget_limit(programme, budget)
        if limit is None or isinstance(budget.when, Open):
            continue
        for tier in programme.tiers:
            most = most_paid(programme, tier)
            together = [(one, True) for one in (budget.when, tier.when) if is_condition(one)]
            if most is not None and most > limit and is_possible(*together) is not False:
                yield found(
                    programme,
                    BUDGET_BELOW_AWARD,
                    budget.path,
                    blocks=False,
                    budget=budget.id,
                    limit=_shown(programme, limit),
                    tier=tier.id,
                    most=_shown(programme, most),
                )
                break


def _check_rounding(programme: Programme) -> Iterator[Finding]:
    """Without the rule, whoever's amount is not whole is refused."""
    rule = programme.rounding
    if rule is None or not isinstance(rule.stages, tuple) or "subsidy" in rule.stages:
        return
    quantum = rule.quantum_fen if "base" in rule.stages and isinstance(rule.quantum_fen, int) else 1
    apportioned = programme.base is not None and programme.base.apportion is not None
    for tier in programme.tiers:
        fraction = isinstance(tier.rate, Fraction) and (tier.rate * quantum).denominator != 1
        parts = apportioned and "base" not in rule.stages and tier.lump_sum_fen is None
        if fraction or parts or tier.rate == AWARD_RATE:
            yield found(programme, ROUNDING_MISSING, "rounding.stages", tier=tier.id)
            return


def _shown(programme: Programme, fen: int) -> str:
    return yuan(fen, programme.unit)
