"""Names that point at another part of the same document, and shares that must be a whole.

A cap for a tier that does not exist holds nothing, and three tranches of a half are more than the award.
Neither can be meant, so both are faults of the text, told with their place like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from hesuan.errors import InputFault, declare
from hesuan.policy.fields import Fields, Open
from hesuan.policy.programme import Programme

NO_SUCH_ENTRY = declare(
    "policy.no_such_entry",
    en="`{name}` in `{field}` is none of the document's {what}: {options}.",
    zh="“{field}”中的“{name}”不在文档的{what_zh}之内：{options}。",
)
PARTS_NOT_ONE = declare(
    "policy.parts_not_one",
    en="The shares in `{field}` add up to {total}, not to 1.",
    zh="“{field}”中各份额之和为 {total}，不是 1。",
)

Named = tuple[str, Sequence[str]]
"""A field and the names in it."""


def check(fields: Fields, programme: Programme) -> None:
    """Adds a fault for each name that points nowhere and each list of shares that is not a whole."""
    tiers = [tier.id for tier in programme.tiers]
    # A budget that is a share of itself is none, and a share of a share is written as what it is.
    budgets = [budget.id for budget in programme.budgets if budget.share_of is None]
    told = (
        ("tiers", "档次", tiers, _of_tiers(programme)),
        ("budgets", "预算", budgets, _of_budgets(programme)),
        ("verifying steps", "审核环节", list(verifying(programme)), _of_setting(programme)),
    )
    for what, what_zh, known, named in told:
        for field, names in named:
            for name in names:
                if name not in known:
                    options = ", ".join(known)
                    facts = {"name": name, "what": what, "what_zh": what_zh, "options": options}
                    fields.reading.fault(
                        InputFault(NO_SUCH_ENTRY, where=_where(fields, field), field=field, **facts)
                    )
    for field, shares in _shares(programme):
        known_shares = [share for share in shares if isinstance(share, Fraction)]
        if shares and len(known_shares) == len(shares) and sum(known_shares) != 1:
            total = sum(known_shares)
            fields.reading.fault(
                InputFault(PARTS_NOT_ONE, where=_where(fields, field), field=field, total=total)
            )


def _of_tiers(programme: Programme) -> Iterator[Named]:
    for cap in programme.caps:
        if isinstance(cap.tiers, tuple):
            yield f"{cap.path}.tiers", cap.tiers
    stacking = programme.stacking
    if stacking is not None and stacking.ratio_by_tier:
        yield "stacking.ratio_by_tier", tuple(stacking.ratio_by_tier)
    if stacking is not None and stacking.match is not None:
        yield "stacking.match.ratio_by_tier", tuple(stacking.match.ratio_by_tier)


def _of_budgets(programme: Programme) -> Iterator[Named]:
    for budget in programme.budgets:
        if budget.share_of is not None:
            yield f"{budget.path}.share_of.pool", (budget.share_of.pool,)


def verifying(programme: Programme) -> tuple[str, ...]:
    """The steps that verify a claim: all but the last, which approves; one reviewer where fewer are named."""
    settlement = programme.terms.settlement
    steps = settlement.steps if settlement else ()
    return steps[:-1] if len(steps) > 1 else ("reviewer",)


def _of_setting(programme: Programme) -> Iterator[Named]:
    """Who sets a claim's rate must not be who approves the claim."""
    if isinstance(programme.set_by, str):
        yield "rates.set_by", (programme.set_by,)


def _shares(programme: Programme) -> Iterator[tuple[str, Sequence[Fraction | Open | None]]]:
    issuance, settlement = programme.terms.issuance, programme.terms.settlement
    if issuance is not None:
        yield "issuance.tranches", [one.share for one in issuance.tranches]
    if settlement is not None:
        yield "settlement.schedule", [one.share for one in settlement.schedule]


def _where(fields: Fields, field: str) -> str:
    return fields.reading.where(fields.reading.places.get(field, fields.mark))
