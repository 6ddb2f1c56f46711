"""A market as rows: orders, what became of them, vouchers and claims, on the hub's own tables, at any moment.

The road makes one order truly; the rest are copies of it with another moment and other figures, so that a
rule that looks at weeks and at dozens of orders can be asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.hub.flags.models import Flag
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.services import Event
from hesuan.hub.market.accounts import (
    BANK,
    CNY,
    centre_account,
    copay_end_id,
    copay_hold_id,
    organisation_account,
)
from hesuan.hub.market.models import Offering, Order, Quote, QuoteRequest
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.programmes.models import Application, Voucher
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Draw, Settlement
from hesuan.hub.surveillance import services
from hesuan.wire.ids import new_id

MONDAY = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
"""Nine in the morning at the programmes' place, and the first day of a month."""


@dataclass
class MarketRows:
    """Copies of one true order of a world."""

    here: ClaimWorld
    pattern: Order = field(init=False)

    def __post_init__(self) -> None:
        self.pattern = self.here.settle().order

    def order(
        self,
        at: datetime,
        *,
        voucher_fen: int = 1000,
        fen: int = 10_000,
        unit_fen: int | None = None,
        cancelled: timedelta | None = None,
        given: timedelta | None = None,
        firm: Organisation | None = None,
        offering: Offering | None = None,
        by: str = "",
    ) -> Order:
        """An accepted quote; ``cancelled`` and ``given`` after its placing."""
        first = self.pattern.quote
        where = offering or first.offering
        organisation = firm or self.pattern.organisation
        document: dict[str, Any] = {**first.document, "max_charge_fen": fen}
        document["price"] = {
            **document["price"],
            "fen_per_core_hour": unit_fen or document["price"]["fen_per_core_hour"],
        }
        held = {**document["voucher"], "max_fen": voucher_fen} if voucher_fen else None
        document["voucher"] = held
        request = QuoteRequest.objects.create(
            organisation=organisation, work=first.request.work, created_by="row", created_at=at
        )
        quote = Quote.objects.create(
            request=request,
            offering=where,
            document=document,
            digest="sha256:row",
            rank=1,
            valid_until=at + timedelta(hours=1),
            state=Quote.State.ACCEPTED,
        )
        order = Order.objects.create(
            id=new_id(),
            quote=quote,
            organisation=organisation,
            centre=where.centre,
            state=Order.State.PLACED,
            accepted_by=by or self.here.road.owner.identity.id,
            accepted_at=at,
        )
        Run.objects.create(
            order=order,
            agent=self.here.road.site.agent,
            cores=2,
            time_limit_s=10**6,
            created_at=at,
            started_at=at + given if given is not None else None,
            cancel_requested_at=at + cancelled if cancelled is not None else None,
        )
        return order

    def settle(self, order: Order, at: datetime, *, voucher_fen: int = 0, own_fen: int = 0) -> Settlement:
        """What became of an order: captured from the voucher, by rows alone, and from the firm's own money,
        which truly moves, since nothing is paid from books in which it did not."""
        document = order.quote.document
        if own_fen:
            pay_own(order, own_fen)
        made = Settlement.objects.create(
            order=order,
            state="COMPLETED",
            billed_s=1,
            cores=2,
            share_percent=100,
            charge_fen=voucher_fen + own_fen,
            max_charge_fen=max(document["max_charge_fen"], voucher_fen + own_fen),
            voucher_id=document["voucher"]["voucher"] if document["voucher"] else "",
            voucher_held_fen=max(voucher_fen, (document["voucher"] or {"max_fen": 0})["max_fen"]),
            voucher_captured_fen=voucher_fen,
            copay_held_fen=own_fen,
            copay_captured_fen=own_fen,
            settled_at=at,
        )
        if document["voucher"]:
            voucher = Voucher.objects.get(pk=document["voucher"]["voucher"])
            Draw.objects.create(
                settlement=made,
                place=0,
                voucher=voucher,
                programme_version=voucher.programme_version,
                held_fen=made.voucher_held_fen,
                captured_fen=voucher_fen,
            )
        return made

    def used(self, at: datetime, fen: int, **more: Any) -> Settlement:
        """An order with a voucher, settled an hour later."""
        order = self.order(at, voucher_fen=fen, **more)
        return self.settle(order, at + timedelta(hours=1), voucher_fen=fen)

    def usage(self, order: Order, *, hours: int = 1, cores: int = 2, busy_permille: int = 900) -> UsageRecord:
        """What was metered of an order's run, which held two cores."""
        begin, wall_ms = order.accepted_at, hours * 3_600_000
        return UsageRecord.objects.create(
            run=order.run,
            attempt=1,
            state="COMPLETED",
            started_at=begin,
            ended_at=begin + timedelta(milliseconds=wall_ms),
            wall_ms=wall_ms,
            cpu_ms=wall_ms * cores * busy_permille // 1000,
            cores=cores,
            held_core_s=wall_ms * cores // 1000,
            peak_memory_bytes=1,
            evidence="row",
            raw={},
            digest="sha256:row",
            recorded_at=begin + timedelta(milliseconds=wall_ms),
        )

    def application(self, at: datetime, subsidy_fen: int, *, firm: Organisation | None = None) -> Application:
        """Another application for so much, of the owner or somebody else."""
        row = self.here.voucher.application  # type: ignore[union-attr]
        again = Application.objects.get(pk=row.pk)
        again.pk, again.submitted_at = new_id(), at
        again.organisation = firm or row.organisation
        again.decision = {**row.decision, "subsidy_fen": subsidy_fen}
        again.save(force_insert=True)
        return again


def pay_own(order: Order, fen: int) -> None:
    """Money that the firm paid in for this, held for the order and captured by its end."""
    firm, centre = organisation_account(order.organisation_id), centre_account(order.centre_id)
    for key in (firm, centre):
        ledger.open_account(ledger=CNY, key=key, kind=key.partition(":")[0])
    held = copay_hold_id(order.id)
    ledger.post_or_raise(
        [
            Event(f"{order.id}:paid-in", "transfer", CNY, fen, "deposit", BANK, firm),
            Event(held, "hold", CNY, fen, "hold", firm, centre),
            Event(copay_end_id(order.id), "capture", CNY, fen, "capture", pending_id=held),
        ]
    )


def raised(until: datetime) -> dict[str, list[Flag]]:
    """Rule → its flags, after a round up to a moment."""
    services.run(until)
    found: dict[str, list[Flag]] = {}
    for one in Flag.objects.order_by("id"):
        found.setdefault(one.rule, []).append(one)
    return found
