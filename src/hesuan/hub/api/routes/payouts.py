"""Batches, clawbacks, floats and statements: how a programme's office pays, and what centres are owed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.routes.claim_shapes import Payment, Reason, Remark
from hesuan.hub.api.routes.payout_shapes import (
    BatchShape,
    ClawbackShape,
    FloatRefund,
    FloatShape,
    FloatStatementShape,
    NewClawback,
    NewFloat,
    QuarterShape,
    StatementShape,
    batch_shape,
    clawback_shape,
    float_shape,
)
from hesuan.hub.settlement import batches, clawing, floats, statements
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.models import Batch, Clawback

router = Router()

Wanted = Annotated[str, Query(min_length=1, max_length=100)]


@router.get("/batches", response=Page[BatchShape])
def list_batches(
    request: HttpRequest,
    programme: Annotated[str, Query(max_length=100)] = "",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> Page[BatchShape]:
    """The batches of one's office, newest first."""
    return page(reads.batches(actor_of(request), programme), batch_shape, limit=limit, cursor=cursor)


@router.get("/batches/{batch_id}", response=BatchShape)
def get_batch(request: HttpRequest, batch_id: str) -> BatchShape:
    """One batch with its claims and what each payer pays."""
    return batch_shape(reads.batch(actor_of(request), batch_id))


@router.post("/batches/{batch_id}/close", response=BatchShape)
def close_batch(request: HttpRequest, batch_id: str) -> HttpResponse:
    """Closes a batch; later claims go into the next one."""
    actor = actor_of(request)
    return _batch(request, lambda: batches.close(actor=actor, batch_id=batch_id))


@router.post("/batches/{batch_id}/review", response=BatchShape)
def review_batch(request: HttpRequest, batch_id: str, body: Remark) -> HttpResponse:
    """A second person agrees to a closed batch."""
    actor = actor_of(request)
    return _batch(request, lambda: batches.review(actor=actor, batch_id=batch_id, note=body.note))


@router.post("/batches/{batch_id}/pay", response=BatchShape)
def pay_batch(request: HttpRequest, batch_id: str, body: Payment) -> HttpResponse:
    """A third person pays a reviewed batch; needs an `Idempotency-Key`."""
    actor = actor_of(request)
    return _batch(
        request,
        lambda: batches.pay(actor=actor, batch_id=batch_id, reference=body.reference),
        required=True,
    )


@router.get("/clawbacks", response=Page[ClawbackShape])
def list_clawbacks(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[ClawbackShape]:
    """What has to come back: from oneself, or to one's office; newest first."""
    return page(reads.clawbacks(actor_of(request)), clawback_shape, limit=limit, cursor=cursor)


@router.post("/clawbacks", response={201: ClawbackShape})
def demand(request: HttpRequest, body: NewClawback) -> HttpResponse:
    """Demands money back of a paid claim; needs an `Idempotency-Key`."""
    actor = actor_of(request)

    def work(object_id: str) -> ClawbackShape:
        made = clawing.demand(
            actor=actor,
            clawback_id=object_id,
            claim_id=body.claim,
            amount_fen=body.amount_yuan,
            reason=body.reason,
        )
        return clawback_shape(made)

    return once(request, work, required=True)


@router.get("/clawbacks/{clawback_id}", response=ClawbackShape)
def get_clawback(request: HttpRequest, clawback_id: str) -> ClawbackShape:
    """One clawback."""
    return clawback_shape(reads.clawback(actor_of(request), clawback_id))


@router.post("/clawbacks/{clawback_id}/recover", response=ClawbackShape)
def recover(request: HttpRequest, clawback_id: str, body: Payment) -> HttpResponse:
    """The money came back; needs an `Idempotency-Key`."""
    actor = actor_of(request)
    return _clawback(
        request,
        lambda: clawing.recover(actor=actor, clawback_id=clawback_id, reference=body.reference),
        required=True,
    )


@router.post("/clawbacks/{clawback_id}/write-off", response=ClawbackShape)
def write_off(request: HttpRequest, clawback_id: str, body: Reason) -> HttpResponse:
    """Writes off what is left: the first person proposes, the second one agrees by the same call."""
    actor = actor_of(request)
    return _clawback(
        request, lambda: clawing.write_off(actor=actor, clawback_id=clawback_id, reason=body.reason)
    )


@router.get("/floats", response=FloatStatementShape)
def float_statement(
    request: HttpRequest, programme: Wanted, centre: Wanted, year: Annotated[int, Query(ge=2000, le=2199)]
) -> FloatStatementShape:
    """A supplier's float in one year; what is not one's own or one's office's is empty."""
    actor = actor_of(request)
    found = floats.statement(actor, programme_id=programme, centre_id=centre, year=year)
    return FloatStatementShape(
        opening_yuan=found.opening_fen,
        funded_yuan=found.funded_fen,
        drawn_yuan=found.drawn_fen,
        refunded_yuan=found.refunded_fen,
        closing_yuan=found.closing_fen,
        movements=[float_shape(one) for one in found.movements],
    )


@router.post("/floats", response={201: FloatShape})
def fund_float(request: HttpRequest, body: NewFloat) -> HttpResponse:
    """Puts money with a supplier in advance, or fills it up; needs an `Idempotency-Key`."""
    actor = actor_of(request)

    def work(object_id: str) -> FloatShape:
        made = floats.fund(
            actor=actor,
            movement_id=object_id,
            version_id=body.programme_version,
            centre_id=body.centre,
            amount_fen=body.amount_yuan,
            reference=body.reference,
        )
        return float_shape(made)

    return once(request, work, required=True)


@router.post("/float-refunds", response={201: FloatShape})
def refund_float(request: HttpRequest, body: FloatRefund) -> HttpResponse:
    """Takes back what is unused of a float; needs an `Idempotency-Key`."""
    actor = actor_of(request)

    def work(object_id: str) -> FloatShape:
        made = floats.refund(
            actor=actor,
            movement_id=object_id,
            version_id=body.programme_version,
            centre_id=body.centre,
            reference=body.reference,
        )
        return float_shape(made)

    return once(request, work, required=True)


@router.get("/programmes/{programme_id}/centres/{centre_id}/statement", response=StatementShape)
def centre_statement(request: HttpRequest, programme_id: str, centre_id: str) -> StatementShape:
    """What a programme owes a centre and has paid it, by quarter."""
    found = statements.statement(actor_of(request), programme_id=programme_id, centre_id=centre_id)
    return StatementShape(
        programme=found.programme_id,
        centre=found.centre_id,
        owed_yuan=found.owed_fen,
        quarters=[
            QuarterShape(
                period=one.period,
                captured_yuan=one.captured_fen,
                reduced_yuan=one.reduced_fen,
                raised_yuan=one.raised_fen,
                paid_yuan=one.paid_fen,
                demanded_yuan=one.demanded_fen,
                returned_yuan=one.returned_fen,
                owed_yuan=one.owed_fen,
            )
            for one in found.quarters
        ],
    )


def _batch(request: HttpRequest, verb: Callable[[], Batch], *, required: bool = False) -> HttpResponse:
    return once(request, lambda _: batch_shape(verb()), status=200, required=required)


def _clawback(request: HttpRequest, verb: Callable[[], Clawback], *, required: bool = False) -> HttpResponse:
    return once(request, lambda _: clawback_shape(verb()), status=200, required=required)
