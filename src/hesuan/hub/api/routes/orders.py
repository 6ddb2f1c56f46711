"""Run, meter and settle: orders with their run, log, usage, settlement and receipt."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from hesuan.errors import NotFound, declare
from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import JsonObject, Sentence, Shape, Time, Yuan
from hesuan.hub.audit import selectors as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market
from hesuan.hub.market.models import Order
from hesuan.hub.metering import selectors as metering
from hesuan.hub.metering.models import Attempt, Finding
from hesuan.hub.runs import selectors as runs
from hesuan.hub.runs import services as run_services
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement.models import Draw, Receipt, Settlement

router = Router()

NO_USAGE_YET = declare(
    "usage.not_yet",
    en="The usage of order {order} has not arrived; its run is {state}.",
    zh="订单 {order} 的用量尚未到达；其运行状态为 {state}。",
)


class StateShape(Shape):
    """One state as the agent reported it."""

    state: str
    at: Time
    reason: str


class RunShape(Shape):
    """The order's run. Unknown stays `UNKNOWN` until accounting says what happened."""

    id: str
    agent: str
    state: str
    reason: str
    exit_status: int | None
    signal: int | None
    cores: int
    time_limit_s: int
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    states: list[StateShape]


class PayerShareShape(Shape):
    """What one payer pays of a voucher's part."""

    payer: str
    yuan: Yuan


class DrawShape(Shape):
    """What one voucher paid of the order: captured of what was held, the rest given back."""

    voucher: str
    code: str
    programme: str
    programme_version: str
    held_yuan: Yuan
    captured_yuan: Yuan
    shares: list[PayerShareShape]


class SettlementShape(Shape):
    """What the order cost in the end and who paid which part.

    `vouchers` has every voucher, in the order of use; `voucher` names the first.
    """

    state: str
    billed_s: int
    cores: int
    share_percent: int
    charge_yuan: Yuan
    max_charge_yuan: Yuan
    voucher: str
    vouchers: list[DrawShape]
    voucher_held_yuan: Yuan
    voucher_captured_yuan: Yuan
    copay_held_yuan: Yuan
    copay_captured_yuan: Yuan
    trace: list[Sentence]
    settled_at: Time


class OrderShape(Shape):
    """An accepted quote with its run, and its settlement and receipt as soon as they are there."""

    id: str
    organisation: str
    centre: str
    quote: str
    quote_document: JsonObject
    state: str
    accepted_at: Time
    run: RunShape
    settlement: SettlementShape | None
    receipt: str | None
    receipt_state: str | None
    receipt_witnessed: bool | None
    """Whether enough witnesses cosigned the log's newest checkpoint; null without a receipt."""


class AttemptShape(Shape):
    """One time that the run was run. `core_s` and the like: set aside × seconds; null where nobody read it.

    `evidence_class` is `kernel`, `accounting` (the scheduler's own books; `raw` is their line) or
    `self-reported`. Without a line, `raw_digest` is that of the usage document.
    """

    key: str
    state: str
    started_at: Time
    ended_at: Time
    wall_ms: int
    core_s: int
    card_s: int | None
    node_s: int | None
    memory_mib_s: int | None
    energy_j: int | None
    evidence: str
    evidence_class: str
    raw: str
    raw_digest: str


class UsageShape(Shape):
    """What the centre's accounting observed of the run; `result` is the program's own word."""

    run: str
    attempt: int
    state: str
    exit_status: int | None
    signal: int | None
    started_at: Time | None
    ended_at: Time | None
    wall_ms: int
    cpu_ms: int
    cores: int
    held_core_s: int
    peak_memory_bytes: int
    evidence: str
    output_digest: str
    result: JsonObject
    document: JsonObject
    digest: str
    attempts: list[AttemptShape]


class MeteringFinding(Shape):
    """Two records of one run that do not agree; kept for a person to look at, never corrected."""

    id: str
    kind: str
    facts: JsonObject
    found_at: Time


class ReceiptShape(Shape):
    """A receipt; `document` is what the site signs, and the file for `hesuan verify` is beside it.

    `witnesses` cosigned the log's newest checkpoint; `witnessed` says whether they make the quorum.
    """

    id: str
    order: str
    state: str
    digest: str
    document: JsonObject
    site_key: str
    refused_reason: str
    created_at: Time
    signed_at: Time | None
    witnesses: list[str]
    witnessed: bool


@router.get("/orders", response=Page[OrderShape])
def list_orders(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> Page[OrderShape]:
    """The orders one may see, newest first."""
    actor = actor_of(request)
    rows = market.orders(actor)
    return page(rows, lambda row: shape_order(actor, row), limit=limit, cursor=cursor)


@router.get("/orders/{order_id}", response=OrderShape)
def get_order(request: HttpRequest, order_id: str) -> OrderShape:
    """One order with its run, settlement and receipt."""
    actor = actor_of(request)
    return shape_order(actor, market.order(actor, order_id))


@router.post("/orders/{order_id}/cancel", response={202: OrderShape})
def cancel_order(request: HttpRequest, order_id: str) -> HttpResponse:
    """Asks the agent to end the run; the state changes when the agent says so."""
    actor = actor_of(request)

    def work(_: str) -> OrderShape:
        run_services.cancel(actor=actor, order_id=order_id)
        return shape_order(actor, market.order(actor, order_id))

    return once(request, work, status=202)


@router.get("/orders/{order_id}/usage", response=UsageShape)
def get_usage(request: HttpRequest, order_id: str) -> UsageShape:
    """The metered use of the order's run; 404 with `usage.not_yet` before it has arrived."""
    actor = actor_of(request)
    run = runs.run_of_order(actor, order_id)
    record = metering.usage(actor, run.id)
    if record is None:
        raise NotFound(NO_USAGE_YET, order=order_id, state=run.state)
    return UsageShape(
        run=run.id,
        attempt=record.attempt,
        state=record.state,
        exit_status=record.exit_status,
        signal=record.signal,
        started_at=record.started_at,
        ended_at=record.ended_at,
        wall_ms=record.wall_ms,
        cpu_ms=record.cpu_ms,
        cores=record.cores,
        held_core_s=record.held_core_s,
        peak_memory_bytes=record.peak_memory_bytes,
        evidence=record.evidence,
        output_digest=record.output_digest,
        result=record.result,
        document=record.raw,
        digest=record.digest,
        attempts=[_attempt(one) for one in metering.attempts(actor, run.id)],
    )


@router.get("/orders/{order_id}/findings", response=Page[MeteringFinding])
def list_findings(
    request: HttpRequest, order_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[MeteringFinding]:
    """What did not agree about the order's run, oldest first."""
    actor = actor_of(request)
    rows = metering.findings(actor, runs.run_of_order(actor, order_id).id)
    return page(rows, _finding, limit=limit, cursor=cursor)


@router.get("/receipts", response=Page[ReceiptShape])
def list_receipts(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[ReceiptShape]:
    """The receipts one may see, newest first."""
    return page(settlement.receipts(actor_of(request)), _receipt, limit=limit, cursor=cursor)


@router.get("/receipts/{receipt_id}", response=ReceiptShape)
def get_receipt(request: HttpRequest, receipt_id: str) -> ReceiptShape:
    """One receipt."""
    return _receipt(settlement.receipt(actor_of(request), receipt_id))


@router.get("/receipts/{receipt_id}/file", response=JsonObject)
def get_receipt_file(request: HttpRequest, receipt_id: str) -> HttpResponse:
    """The receipt file, exactly the bytes that were signed and that `hesuan verify` checks."""
    content = settlement.receipt_file(actor_of(request), receipt_id)
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="receipt-{receipt_id}.json"'
    return response


def shape_order(actor: Actor, row: Order) -> OrderShape:
    """An order with what has become of it so far."""
    run = runs.run_of_order(actor, row.id)
    receipt = settlement.receipt_of_order(actor, row.id)
    return OrderShape(
        id=row.id,
        organisation=row.organisation_id,
        centre=row.centre_id,
        quote=row.quote_id,
        quote_document=row.quote.document,
        state=row.state,
        accepted_at=row.accepted_at,
        run=_run(actor, run),
        settlement=_settlement(settlement.settlement(actor, row.id)),
        receipt=receipt.id if receipt else None,
        receipt_state=receipt.state if receipt else None,
        receipt_witnessed=audit.witnessing_of(receipt.fact).reached if receipt else None,
    )


def _run(actor: Actor, run: Run) -> RunShape:
    return RunShape(
        id=run.id,
        agent=run.agent_id,
        state=run.state,
        reason=run.reason,
        exit_status=run.exit_status,
        signal=run.signal,
        cores=run.cores,
        time_limit_s=run.time_limit_s,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        states=[
            StateShape(state=one.state, at=one.at, reason=one.reason) for one in runs.states(actor, run.id)
        ],
    )


def _settlement(row: Settlement | None) -> SettlementShape | None:
    if row is None:
        return None
    return SettlementShape(
        state=row.state,
        billed_s=row.billed_s,
        cores=row.cores,
        share_percent=row.share_percent,
        charge_yuan=row.charge_fen,
        max_charge_yuan=row.max_charge_fen,
        voucher=row.voucher_id,
        vouchers=[_draw(one) for one in settlement.draws(row)],
        voucher_held_yuan=row.voucher_held_fen,
        voucher_captured_yuan=row.voucher_captured_fen,
        copay_held_yuan=row.copay_held_fen,
        copay_captured_yuan=row.copay_captured_fen,
        trace=[Sentence(**line) for line in row.trace],
        settled_at=row.settled_at,
    )


def _draw(row: Draw) -> DrawShape:
    return DrawShape(
        voucher=row.voucher_id,
        code=row.voucher.code,
        programme=row.programme_version.programme_id,
        programme_version=row.programme_version_id,
        held_yuan=row.held_fen,
        captured_yuan=row.captured_fen,
        shares=[PayerShareShape(payer=one["payer"], yuan=one["fen"]) for one in row.shares],
    )


def _attempt(row: Attempt) -> AttemptShape:
    return AttemptShape(**{name: getattr(row, name) for name in AttemptShape.model_fields})


def _finding(row: Finding) -> MeteringFinding:
    return MeteringFinding(id=row.id, kind=row.kind, facts=row.facts, found_at=row.found_at)


def _receipt(row: Receipt) -> ReceiptShape:
    seen = audit.witnessing_of(row.fact)
    return ReceiptShape(
        id=row.id,
        order=row.settlement.order_id,
        state=row.state,
        digest=row.digest,
        document=row.document,
        site_key=row.site_key,
        refused_reason=row.refused_reason,
        created_at=row.created_at,
        signed_at=row.signed_at,
        witnesses=list(seen.witnesses),
        witnessed=seen.reached,
    )
