"""From the rooms' rows to the facts that the rules judge. Reads only; every row keeps its id.

What the hub does not see, no rule judges: payments between organisations outside the platform, and what a
machine did that nobody metered. Own shares of charges are seen, since they move through the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hesuan.hub.centres.models import Inventory as InventoryRow
from hesuan.hub.market.models import Order as OrderRow
from hesuan.hub.market.models import Price
from hesuan.hub.market.ordering import voucher_uses
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.programmes.models import Voucher, VoucherStep
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry.models import NumberUse as NumberRow
from hesuan.hub.settlement.models import Claim as ClaimRow
from hesuan.hub.settlement.models import ClaimLine, Settlement
from hesuan.hub.surveillance import related
from hesuan.surveillance.facts import (
    Calls,
    Claim,
    Facts,
    Grant,
    Hold,
    Inventory,
    NumberUse,
    Order,
    Payment,
    Redemption,
    Usage,
)

LOOK_BACK = timedelta(days=400)
"""How far back a round looks: a grant's year, and what its percentiles look back on."""
DEAD = (ClaimRow.State.WITHDRAWN, ClaimRow.State.REJECTED)


@dataclass(frozen=True, slots=True)
class _Placed:
    """An order's row with what several facts need of it."""

    row: OrderRow
    centre: str
    """The organisation behind the centre."""
    voucher: str
    programme: str
    voucher_fen: int
    settled: Settlement | None


def gather(until: datetime, *, firms: Sequence[str] = ()) -> Facts:
    """Everything up to a moment; of some firms only, what concerns one claim of theirs.

    Args:
        until: Now.
        firms: Ids of organisations; empty: all.
    """
    since = until - LOOK_BACK
    placed = _placed(since, until, firms)
    today = programme_day(until)
    pairs = {(one.row.organisation_id, one.centre) for one in placed if one.voucher}
    return Facts(
        until=until,
        orders=tuple(_orders(placed)),
        holds=tuple(_holds(placed)),
        grants=tuple(_grants(since, until, firms)),
        redemptions=tuple(_redemptions(placed)),
        payments=tuple(_payments(placed)),
        claims=tuple(_claims(since, until, firms)),
        numbers=tuple(_numbers(until)),
        usage=tuple(_usage(placed)),
        inventories=() if firms else tuple(_inventories(until)),
        relationships=related.relationships(pairs, today),
        calls=tuple(_calls(placed)),
        controllers=related.controllers(today),
        agents=related.agents(),
    )


def _placed(since: datetime, until: datetime, firms: Sequence[str]) -> list[_Placed]:
    rows = OrderRow.objects.filter(accepted_at__gte=since, accepted_at__lte=until)
    if firms:
        rows = rows.filter(organisation_id__in=firms)
    names = ("quote__request", "quote__offering", "centre", "run__usage", "settlement")
    found = list(rows.select_related(*names).order_by("accepted_at", "id"))
    programmes = dict(Voucher.objects.values_list("id", "programme_version__programme_id"))
    made = []
    for row in found:
        uses = voucher_uses(row.quote.document, row.id)
        voucher = uses[0].voucher_id if uses else ""
        made.append(
            _Placed(
                row=row,
                centre=row.centre.organisation_id,
                voucher=voucher,
                programme=programmes.get(voucher, ""),
                voucher_fen=sum(use.most_fen for use in uses),
                settled=getattr(row, "settlement", None),
            )
        )
    return made


def _orders(placed: Iterable[_Placed]) -> Iterable[Order]:
    lists = list(Price.objects.order_by("valid_from", "id"))
    for one in placed:
        quote, run = one.row.quote, getattr(one.row, "run", None)
        yield Order(
            id=one.row.id,
            firm=one.row.organisation_id,
            centre=one.centre,
            programme=one.programme,
            sku=quote.offering_id,
            fen=quote.document["max_charge_fen"],
            unit_fen=quote.document["price"]["fen_per_core_hour"],
            list_fen=_list_fen(lists, quote.offering_id, quote.request.created_at),
            voucher_fen=one.voucher_fen,
            placed_at=one.row.accepted_at,
            given_at=run.started_at if run else None,
            cancelled_at=run.cancel_requested_at if run else None,
        )


def _list_fen(lists: Iterable[Price], offering: str, at: datetime) -> int:
    valid = [
        one.fen_per_core_hour
        for one in lists
        if one.offering_id == offering
        and one.valid_from <= at
        and (one.valid_to is None or one.valid_to > at)
    ]
    return valid[-1] if valid else 0


def _holds(placed: Iterable[_Placed]) -> Iterable[Hold]:
    for one in placed:
        if one.voucher:
            yield Hold(
                id=f"{one.row.id}:voucher:hold",
                firm=one.row.organisation_id,
                programme=one.programme,
                fen=one.voucher_fen,
                opened_at=one.row.accepted_at,
                ended_at=one.settled.settled_at if one.settled else None,
                captured_fen=one.settled.voucher_captured_fen if one.settled else 0,
            )


def _grants(since: datetime, until: datetime, firms: Sequence[str]) -> Iterable[Grant]:
    rows = Voucher.objects.filter(expires_at__gte=since, issued_at__lte=until)
    if firms:
        rows = rows.filter(organisation_id__in=firms)
    asked = dict(VoucherStep.objects.filter(trigger="exempt").order_by("at").values_list("voucher_id", "at"))
    for row in rows.select_related("programme_version").order_by("id"):
        assert row.expires_at is not None
        yield Grant(
            id=row.id,
            firm=row.organisation_id,
            programme=row.programme_version.programme_id,
            fen=row.face_fen,
            begins=row.issued_at,
            ends=row.expires_at,
            exempted_at=asked.get(row.id),
        )


def _redemptions(placed: Iterable[_Placed]) -> Iterable[Redemption]:
    for one in placed:
        if one.voucher and one.settled and one.settled.voucher_captured_fen:
            yield Redemption(
                id=one.settled.id,
                firm=one.row.organisation_id,
                programme=one.programme,
                grant=one.voucher,
                fen=one.settled.voucher_captured_fen,
                at=one.settled.settled_at,
                by=one.row.accepted_by,
            )


def _payments(placed: Iterable[_Placed]) -> Iterable[Payment]:
    for one in placed:
        if one.settled and one.settled.copay_captured_fen:
            yield Payment(
                id=f"{one.row.id}:copay:end",
                payer=one.row.organisation_id,
                payee=one.centre,
                fen=one.settled.copay_captured_fen,
                at=one.settled.settled_at,
                own_share=bool(one.voucher),
            )


def _claims(since: datetime, until: datetime, firms: Sequence[str]) -> Iterable[Claim]:
    rows = ClaimRow.objects.filter(created_at__gte=since, created_at__lte=until).exclude(period="")
    if firms:
        rows = rows.filter(holder_id__in=firms)
    living = rows.exclude(state__in=DEAD).select_related("programme_version").prefetch_related("lines")
    for row in living.order_by("created_at", "id"):
        yield Claim(
            id=row.id,
            firm=row.holder_id,
            programme=row.programme_version.programme_id,
            fen=sum(line.charge_fen for line in row.lines.all()),
            at=row.created_at,
            metered=True,
        )


def _numbers(until: datetime) -> Iterable[NumberUse]:
    """Contracts and invoices as the registry keeps them, and the orders that claims stand on."""
    dead = {f"claim:{one}" for one in ClaimRow.objects.filter(state__in=DEAD).values_list("id", flat=True)}
    for row in NumberRow.objects.filter(at__lte=until).order_by("id"):
        if row.used_by not in dead:
            yield NumberUse(row.used_by, row.kind, row.sha256, row.organisation_id, row.programme, row.at)
    lines = ClaimLine.objects.filter(live=True, claim__created_at__lte=until)
    for line in lines.select_related("claim__programme_version", "settlement").order_by("id"):
        claim = line.claim
        yield NumberUse(
            used_by=f"claim:{claim.id}",
            kind="job",
            key=line.settlement.order_id,
            firm=claim.holder_id,
            programme=claim.programme_version.programme_id,
            at=claim.created_at,
        )


def _usage(placed: Iterable[_Placed]) -> Iterable[Usage]:
    for one in placed:
        run = getattr(one.row, "run", None)
        record: UsageRecord | None = getattr(run, "usage", None)
        if run is None or record is None or record.started_at is None or record.ended_at is None:
            continue
        held = record.wall_ms * record.cores
        yield Usage(
            id=run.id,
            order=one.row.id,
            firm=one.row.organisation_id,
            centre=one.row.centre_id,
            programme=one.programme,
            cards=run.cores,
            held_card_ms=held,
            started_at=record.started_at,
            ended_at=record.ended_at,
            busy_ppm=min(1_000_000, record.cpu_ms * 1_000_000 // held) if held else None,
        )


def _inventories(until: datetime) -> Iterable[Inventory]:
    rows = InventoryRow.objects.filter(source=InventoryRow.Source.OBSERVED, at__lte=until)
    for row in rows.order_by("at", "id"):
        if isinstance(cores := row.body.get("cores"), int):
            yield Inventory(row.id, row.centre_id, cores, row.at)


def _calls(placed: Iterable[_Placed]) -> Iterable[Calls]:
    counted: Counter[tuple[str, datetime]] = Counter()
    for one in placed:
        counted[one.row.accepted_by, one.row.accepted_at.replace(microsecond=0)] += 1
        run = getattr(one.row, "run", None)
        if run and run.cancel_requested_at:
            counted[one.row.accepted_by, run.cancel_requested_at.replace(microsecond=0)] += 1
    for (account, at), count in sorted(counted.items()):
        yield Calls(account, at, count)
