"""From the rooms' rows to the facts that the rules judge, as they stood at a moment. Reads only; keeps ids.

What came after the moment is left out, so that a round can be run again later and says the same. Only who
controls whom is taken as the registry knows it now.

What the hub does not see, no rule judges: payments between organisations outside the platform, and what a
machine did that nobody metered. Own shares of charges are seen, since they move through the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from hesuan.hub.centres.models import Inventory as InventoryRow
from hesuan.hub.flags import calls
from hesuan.hub.market.models import Order as OrderRow
from hesuan.hub.market.models import Price
from hesuan.hub.market.ordering import voucher_uses
from hesuan.hub.metering import selectors as metering
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.application_models import Application as ApplicationRow
from hesuan.hub.programmes.models import ENDS_AT, Voucher, VoucherStep
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry.models import NumberUse as NumberRow
from hesuan.hub.settlement import drawn
from hesuan.hub.settlement.gate import USER_FLOWS
from hesuan.hub.settlement.models import Claim as ClaimRow
from hesuan.hub.settlement.models import ClaimLine, Dispute, RedemptionStep, Settlement
from hesuan.hub.surveillance import related
from hesuan.surveillance.facts import (
    Application,
    Calls,
    Claim,
    Facts,
    Grant,
    Hold,
    Inventory,
    Limit,
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
class _Use:
    """One voucher on an order."""

    voucher: str
    programme: str
    hold_id: str
    held_fen: int
    captured_fen: int
    """Once it is settled."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An order's row with what several facts need of it."""

    row: OrderRow
    centre: str
    """The organisation behind the centre."""
    uses: tuple[_Use, ...]
    """Vouchers, in the order of use."""
    settled: Settlement | None

    @property
    def programme(self) -> str:
        """Of the voucher that is used first; empty without one."""
        return self.uses[0].programme if self.uses else ""

    @property
    def voucher_fen(self) -> int:
        """Held on all vouchers [fen]."""
        return sum(one.held_fen for one in self.uses)


def gather(until: datetime, *, firms: Sequence[str] = ()) -> Facts:
    """Everything up to a moment; of some firms only, what concerns one claim of theirs.

    Args:
        until: Now.
        firms: Ids of organisations; empty: all.
    """
    since = until - LOOK_BACK
    placed = _placed(since, until, firms)
    today = programme_day(until)
    pairs = {(one.row.organisation_id, one.centre) for one in placed if one.uses}
    return Facts(
        until=until,
        orders=tuple(_orders(placed, until)),
        holds=tuple(_holds(placed)),
        grants=tuple(_grants(since, until, firms)),
        redemptions=tuple(_redemptions(placed)),
        payments=tuple(_payments(placed)),
        claims=tuple(_claims(since, until, firms)),
        applications=() if firms else tuple(_applications(since, until)),
        limits=tuple(_limits()),
        numbers=tuple(_numbers(until)),
        usage=tuple(_usage(placed, until)),
        inventories=() if firms else tuple(_inventories(until)),
        relationships=related.relationships(pairs, today, until),
        calls=() if firms else tuple(_calls(since, until)),
        controllers=related.controllers(today),
        agents=related.agents(),
    )


def _placed(since: datetime, until: datetime, firms: Sequence[str]) -> list[_Placed]:
    rows = OrderRow.objects.filter(accepted_at__gte=since, accepted_at__lte=until)
    if firms:
        rows = rows.filter(organisation_id__in=firms)
    names = ("quote__request", "quote__offering", "centre", "run__usage", "settlement")
    found = rows.select_related(*names).prefetch_related("settlement__draws").order_by("accepted_at", "id")
    programmes = dict(Voucher.objects.values_list("id", "programme_version__programme_id"))
    made = []
    for row in found:
        settled: Settlement | None = getattr(row, "settlement", None)
        if settled is not None and settled.settled_at > until:
            settled = None
        captured = {one.voucher_id: one.captured_fen for one in settled.draws.all()} if settled else {}
        uses = tuple(
            _Use(
                use.voucher_id,
                programmes.get(use.voucher_id, ""),
                use.hold_id,
                use.most_fen,
                captured.get(use.voucher_id, 0),
            )
            for use in voucher_uses(row.quote.document, row.id)
        )
        made.append(_Placed(row, row.centre.organisation_id, uses, settled))
    return made


def _orders(placed: Iterable[_Placed], until: datetime) -> Iterable[Order]:
    lists = list(Price.objects.order_by("valid_from", "id"))
    for one in placed:
        quote, run = one.row.quote, getattr(one.row, "run", None)
        cancelled_at = run.cancel_requested_at if run else None
        given_at = run.started_at if run else None
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
            given_at=given_at if given_at and given_at <= until else None,
            cancelled_at=cancelled_at if cancelled_at and cancelled_at <= until else None,
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
        for use in one.uses:
            yield Hold(
                id=use.hold_id,
                firm=one.row.organisation_id,
                programme=use.programme,
                fen=use.held_fen,
                opened_at=one.row.accepted_at,
                ended_at=one.settled.settled_at if one.settled else None,
                captured_fen=use.captured_fen,
            )


def _grants(since: datetime, until: datetime, firms: Sequence[str]) -> Iterable[Grant]:
    rows = Voucher.objects.annotate(ends=ENDS_AT).filter(ends__gte=since, issued_at__lte=until)
    if firms:
        rows = rows.filter(organisation_id__in=firms)
    steps = VoucherStep.objects.filter(trigger="exempt", at__lte=until).order_by("at")
    asked = dict(steps.values_list("voucher_id", "at"))
    for row in rows.select_related("programme_version").order_by("id"):
        assert row.ends_at is not None
        yield Grant(
            id=row.id,
            firm=row.organisation_id,
            programme=row.programme_version.programme_id,
            fen=row.face_fen,
            begins=row.issued_at,
            ends=row.ends_at,
            exempted_at=asked.get(row.id),
        )


def _redemptions(placed: Iterable[_Placed]) -> Iterable[Redemption]:
    for one in placed:
        for use in one.uses:
            if one.settled and use.captured_fen:
                yield Redemption(
                    id=f"{one.settled.id}:{use.voucher}",
                    firm=one.row.organisation_id,
                    programme=use.programme,
                    grant=use.voucher,
                    fen=use.captured_fen,
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
                own_share=bool(one.uses),
            )


def _claims(since: datetime, until: datetime, firms: Sequence[str]) -> Iterable[Claim]:
    submitted = RedemptionStep.objects.filter(trigger="submitted", at__lte=until).values("claim_id")
    rows = ClaimRow.objects.filter(created_at__gte=since, created_at__lte=until, pk__in=submitted)
    if firms:
        rows = rows.filter(holder_id__in=firms)
    living = rows.exclude(pk__in=_dead(until)).select_related("programme_version")
    living = living.prefetch_related("lines__settlement__order__run__usage")
    together = _together(_numbered(until))
    for row in living.order_by("created_at", "id"):
        yield Claim(
            id=row.id,
            firm=row.holder_id,
            programme=row.programme_version.programme_id,
            fen=sum(line.charge_fen for line in row.lines.all()),
            at=row.created_at,
            readings=_readings(row.lines.all(), until),
            beside=frozenset(
                one.removeprefix("claim:") for one in together.get(("invoice", f"claim:{row.id}"), ())
            ),
        )


def _readings(lines: Iterable[ClaimLine], until: datetime) -> frozenset[str]:
    """What tells the runs of a claim from all others; empty where one that was charged was not metered."""
    found = set[str]()
    for line in lines:
        run = getattr(line.settlement.order, "run", None)
        record: UsageRecord | None = getattr(run, "usage", None)
        told = metering.readings_of(record) if record and record.recorded_at <= until else frozenset()
        if line.charge_fen and not told:
            return frozenset()
        found |= told
    return frozenset(found)


def _dead(until: datetime) -> list[str]:
    """Claims that had been withdrawn or rejected by a moment."""
    ended = RedemptionStep.objects.filter(to_state__in=DEAD, at__lte=until, claim__isnull=False)
    return sorted({str(one) for one in ended.values_list("claim_id", flat=True)})


def _applications(since: datetime, until: datetime) -> Iterable[Application]:
    """What was asked for; one that came to nothing asked all the same."""
    rows = ApplicationRow.objects.filter(submitted_at__gte=since, submitted_at__lte=until)
    for row in rows.exclude(state="DRAFT").select_related("programme_version").order_by("submitted_at", "id"):
        yield Application(
            id=row.id,
            firm=row.organisation_id,
            programme=row.programme_version.programme_id,
            fen=row.decision.get("subsidy_fen") or 0,
            at=row.submitted_at,
        )


def _limits() -> Iterable[Limit]:
    """Above which amount a second person approves, as each programme's version says."""
    for programme, fen in programmes.approval_limits():
        yield Limit(programme, fen, of="application")


def _numbers(until: datetime) -> Iterable[NumberUse]:
    """Contracts and invoices as the registry keeps them, and the orders that claims stand on.

    An order that several vouchers paid is claimed from each programme for its own part.
    """
    dead, rows = _dead(until), _numbered(until)
    together = _together(rows)
    for row in rows:
        beside = frozenset(together.get((row.kind, row.used_by), ()))
        yield NumberUse(row.used_by, row.kind, row.sha256, row.organisation_id, row.programme, row.at, beside)
    refused = Dispute.objects.filter(outcome=Dispute.Outcome.REFUSED, resolved_at__lte=until).values(
        "line_id"
    )
    lines = ClaimLine.objects.filter(claim__created_at__lte=until).exclude(claim_id__in=dead)
    lines = lines.exclude(pk__in=refused).select_related("claim__programme_version", "settlement")
    for line in lines.order_by("id"):
        claim = line.claim
        alone = claim.flow in USER_FLOWS
        yield NumberUse(
            used_by=f"claim:{claim.id}",
            kind="job",
            key=line.settlement.order_id if alone else f"{line.settlement.order_id}:{line.voucher_id}",
            firm=claim.holder_id,
            programme=claim.programme_version.programme_id,
            at=claim.created_at,
        )


def _numbered(until: datetime) -> list[NumberRow]:
    """Uses of contracts' and invoices' numbers, those of dead claims left out."""
    gone = {f"claim:{one}" for one in _dead(until)}
    return [row for row in NumberRow.objects.filter(at__lte=until).order_by("id") if row.used_by not in gone]


def _together(rows: Iterable[NumberRow]) -> dict[tuple[str, str], set[str]]:
    """``(kind, used by)`` → claims of other programmes that stand on the same number lawfully: they are for
    the same orders, which both programmes paid."""
    groups: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row.used_by.startswith("claim:"):
            groups[row.kind, row.sha256][row.used_by] = row.programme
    shared = {key: group for key, group in groups.items() if len(set(group.values())) > 1}
    names = {name.removeprefix("claim:") for group in shared.values() for name in group}
    claims = {f"claim:{one.id}": one for one in _versioned(names)}
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for (kind, _), group in shared.items():
        lawful = drawn.same_orders if kind == "invoice" else drawn.paid_by_both
        for one, other in combinations(sorted(group.keys() & claims.keys()), 2):
            if lawful(claims[one], claims[other]):
                found[kind, one].add(other)
                found[kind, other].add(one)
    return found


def _versioned(ids: Iterable[str]) -> Iterable[ClaimRow]:
    return ClaimRow.objects.filter(pk__in=ids).select_related("programme_version")


def _usage(placed: Iterable[_Placed], until: datetime) -> Iterable[Usage]:
    for one in placed:
        run = getattr(one.row, "run", None)
        record: UsageRecord | None = getattr(run, "usage", None)
        if run is None or record is None or record.recorded_at > until:
            continue
        if record.started_at is None or record.ended_at is None:
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
    """What a centre holds from each report on: the newest report of each of its agents, together."""
    newest: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows = InventoryRow.objects.filter(source=InventoryRow.Source.OBSERVED, at__lte=until)
    for row in rows.order_by("at", "id"):
        if isinstance(cores := row.body.get("cores"), int):
            newest[row.centre_id][str(row.agent_id)] = cores
            yield Inventory(row.id, row.centre_id, sum(newest[row.centre_id].values()), row.at)


def _calls(since: datetime, until: datetime) -> Iterable[Calls]:
    for account, at, count in calls.counted(since, until):
        yield Calls(account, at, count)
