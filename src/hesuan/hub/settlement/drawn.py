"""What vouchers paid of settled orders, as claims read it: each programme is claimed for its own part.

An order may have been paid by several vouchers of one programme, and by several programmes that allow each
other. A claim under one version has a line for each voucher of it; what other programmes paid of the same
orders stands beside the lines, is never in them, and is nobody's double.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Sum

from hesuan.hub.settlement.models import Adjustment, Claim, ClaimLine, Draw, Settlement
from hesuan.hub.settlement.rules import portions
from hesuan.wire.canonical import Json


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line to be, with what it brings [fen]."""

    settlement: Settlement
    voucher_id: str | None
    """``None`` where the claim makes its own entitlement."""
    charge_fen: int
    subsidy_fen: int
    shares: list[dict[str, Json]]


def drawn_under(settlement: Settlement, version_id: str) -> list[Draw]:
    """What an order captured of a version's vouchers, in the order of use."""
    found = settlement.draws.filter(programme_version_id=version_id, captured_fen__gt=0)
    return list(found.order_by("place"))


def captured(settlement: Settlement, version_id: str) -> list[Wanted]:
    """What an order captured of a version's vouchers, a line each; the lines' charges sum to the order's."""
    draws = drawn_under(settlement, version_id)
    charges = portions(settlement.charge_fen, [one.captured_fen for one in draws])
    return [
        Wanted(settlement, one.voucher_id, charge_fen, one.captured_fen, list(one.shares))
        for one, charge_fen in zip(draws, charges, strict=True)
    ]


def beside(settlement_id: str, programme_id: str) -> dict[str, int]:
    """What other programmes' vouchers pay of an order after every credit note: programme → fen."""
    others = Draw.objects.filter(settlement_id=settlement_id, captured_fen__gt=0).exclude(
        programme_version__programme_id=programme_id
    )
    rows = others.values_list("programme_version__programme_id").annotate(total=Sum("captured_fen"))
    found = dict(rows.order_by("programme_version__programme_id"))
    lines = ClaimLine.objects.filter(settlement_id=settlement_id, live=True)
    changes = Adjustment.objects.filter(line__in=lines).select_related("line__claim__programme_version")
    for change in changes:
        other = change.line.claim.programme_version.programme_id
        if other in found:
            found[other] += change.after_fen - change.before_fen
    return found


def sharing(programme_id: str) -> list[str]:
    """Programmes whose vouchers paid orders that a programme's claims are on, by name."""
    mine = ClaimLine.objects.filter(claim__programme_version__programme_id=programme_id, live=True)
    draws = Draw.objects.filter(settlement__in=mine.values("settlement_id"), captured_fen__gt=0)
    others = draws.exclude(programme_version__programme_id=programme_id).order_by()
    return sorted(others.values_list("programme_version__programme_id", flat=True).distinct())


def same_orders(one: Claim, other: Claim) -> bool:
    """Whether two programmes' claims are on the same orders: then they stand on one invoice."""
    return _programme(one) != _programme(other) and set(_orders(one)) == set(_orders(other))


def paid_by_both(one: Claim, other: Claim) -> bool:
    """Whether two programmes paid every order of both claims: then they stand on one contract."""
    mine, theirs = _programme(one), _programme(other)
    return mine != theirs and _all_paid(_orders(one), theirs) and _all_paid(_orders(other), mine)


def _orders(claim: Claim) -> list[str]:
    return list(ClaimLine.objects.filter(claim=claim, live=True).values_list("settlement_id", flat=True))


def _all_paid(settlement_ids: Iterable[str], programme_id: str) -> bool:
    wanted = set(settlement_ids)
    paid = Draw.objects.filter(
        settlement_id__in=wanted, programme_version__programme_id=programme_id, captured_fen__gt=0
    )
    return bool(wanted) and set(paid.values_list("settlement_id", flat=True)) == wanted


def _programme(claim: Claim) -> str:
    return claim.programme_version.programme_id
