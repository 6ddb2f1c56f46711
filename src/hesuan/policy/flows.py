"""Who pays whom, for a decision: the five ways in which published programmes move money.

``reimburse_user``: the user pays the whole invoice, then the payers pay the user. ``deduct_pay_supplier``:
the user pays the co-pay, the payers pay the supplier. ``prefund_supplier``: the supplier holds money in
advance and draws it; the payers fill it up. ``post_award``: the payers pay the beneficiary, in one or more
instalments. ``no_cash``: nobody pays; units are spent. What is listed here is what a settlement has to
carry out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from hesuan.policy.decision import Decision, Share
from hesuan.policy.programme import Programme
from hesuan.policy.terms import Instalment

USER, SUPPLIER, FLOAT = "user", "supplier", "float"


@dataclass(frozen=True, slots=True)
class Movement:
    """One payment; its place in the list is its place in time."""

    payer: str
    """``user``, ``float``, or one of the programme's payers."""
    payee: str
    """``user``, ``supplier`` or ``float``."""
    fen: int
    when: str
    """``invoice``, ``claim``, a cadence such as ``quarterly``, or the name of an instalment."""


def movements(programme: Programme, decision: Decision) -> tuple[Movement, ...]:
    """The payments of one granted decision. An open flow, or nothing granted, moves nothing.

    The co-pay and other aid are the user's to bring; a payment of nothing is not listed.
    """
    subsidy, own = decision.subsidy_fen, decision.invoice_fen - decision.subsidy_fen
    match programme.flow if decision.granted else None:
        case "reimburse_user":
            found = [Movement(USER, SUPPLIER, decision.invoice_fen, "invoice")]
            found += _from_payers(programme, decision.shares, USER)
        case "deduct_pay_supplier":
            found = [Movement(USER, SUPPLIER, own, "invoice")]
            found += _from_payers(programme, decision.shares, SUPPLIER)
        case "prefund_supplier":
            found = [Movement(USER, SUPPLIER, own, "invoice"), Movement(FLOAT, SUPPLIER, subsidy, "claim")]
            found += _from_payers(programme, decision.shares, FLOAT)
        case "post_award":
            payee = SUPPLIER if programme.terms.beneficiary == "supplier" else USER
            found = [Movement(USER, SUPPLIER, decision.invoice_fen, "invoice")]
            found += _from_payers(programme, decision.shares, payee)
        case _:
            found = []
    return tuple(one for one in found if one.fen)


def instalments(schedule: Sequence[Instalment], fen: int) -> tuple[tuple[str, int], ...]:
    """An amount by a schedule: each share floored, what is left over in the first.

    Raises:
        ValueError: a share is open, or the shares are not a whole.
    """
    shares = [one.share for one in schedule if isinstance(one.share, Fraction)]
    if len(shares) != len(schedule) or sum(shares) != 1:
        raise ValueError("the shares of a schedule must be known and add up to 1")
    parts = [fen * share.numerator // share.denominator for share in shares]
    parts[0] += fen - sum(parts)
    return tuple((one.when, part) for one, part in zip(schedule, parts, strict=True))


def _from_payers(programme: Programme, shares: Sequence[Share], payee: str) -> list[Movement]:
    settlement = programme.terms.settlement
    schedule = settlement.schedule if settlement is not None else ()
    cadence = settlement.cadence if settlement is not None else None
    if not schedule:
        when = cadence if isinstance(cadence, str) else "claim"
        return [Movement(share.payer, payee, share.fen, when) for share in shares]
    return [
        Movement(share.payer, payee, fen, due)
        for share in shares
        for due, fen in instalments(schedule, share.fen)
    ]
