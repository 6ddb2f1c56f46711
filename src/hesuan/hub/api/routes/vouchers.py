"""Applications and vouchers: apply, review, approve, issue; balances and movements."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from ninja import Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.routes.organisations import TransferShape, transfer_shape
from hesuan.hub.api.shapes import Body, Id, JsonObject, Note, Shape, Time, Yuan, YuanIn
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import accounts, selectors, services
from hesuan.hub.programmes.models import Application, Voucher

router = Router()


class ApplicationShape(Shape):
    """A request for a voucher; `decision` is the engine's, with its trace."""

    id: str
    programme: str
    programme_version: str
    organisation: str
    planned_yuan: Yuan
    facts: JsonObject
    state: str
    decision: JsonObject
    submitted_at: Time
    reviewed_at: Time | None
    review_note: str
    approved_at: Time | None
    approval_note: str
    voucher: str | None


class NewApplication(Body):
    """What is to be helped to pay, and what the applicant states of itself and its project."""

    organisation: Id
    programme_version: Id
    planned_yuan: YuanIn
    facts: JsonObject


class Verdict(Body):
    """`pass` or `reject`, and why."""

    verdict: str
    note: Note = ""


class VoucherShape(Shape):
    """A voucher with its balance: face = available + held + redeemed, and what expired."""

    id: str
    code: str
    programme: str
    programme_version: str
    organisation: str
    application: str
    face_yuan: Yuan
    available_yuan: Yuan
    held_yuan: Yuan
    redeemed_yuan: Yuan
    issued_at: Time
    expires_at: Time | None


@router.get("/applications", response=Page[ApplicationShape])
def list_applications(
    request: HttpRequest, waiting: bool = False, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[ApplicationShape]:
    """The applications one may see, newest first; `waiting`: those that wait for one's own role."""
    actor = actor_of(request)
    rows = selectors.queue(actor) if waiting else selectors.applications(actor)
    return page(rows, _application, limit=limit, cursor=cursor)


@router.post("/applications", response={201: ApplicationShape})
def apply(request: HttpRequest, body: NewApplication) -> HttpResponse:
    """Applies for a voucher; refused with every condition that is not met."""
    actor = actor_of(request)

    def work(application_id: str) -> ApplicationShape:
        return _application(
            services.apply(
                actor=actor,
                organisation_id=body.organisation,
                version_id=body.programme_version,
                planned_fen=body.planned_yuan,
                facts=body.facts,
                application_id=application_id,
            )
        )

    return once(request, work)


@router.get("/applications/{application_id}", response=ApplicationShape)
def get_application(request: HttpRequest, application_id: str) -> ApplicationShape:
    """One application with the engine's decision."""
    return _application(selectors.application(actor_of(request), application_id))


@router.post("/applications/{application_id}/review", response=ApplicationShape)
def review(request: HttpRequest, application_id: str, body: Verdict) -> HttpResponse:
    """A reviewer passes an application on, or rejects it."""
    return _judged(request, services.review, application_id, body)


@router.post("/applications/{application_id}/approve", response=ApplicationShape)
def approve(request: HttpRequest, application_id: str, body: Verdict) -> HttpResponse:
    """An approver, a third person, approves a reviewed application, or rejects it."""
    return _judged(request, services.approve, application_id, body)


@router.post("/applications/{application_id}/issue", response={201: VoucherShape})
def issue(request: HttpRequest, application_id: str) -> HttpResponse:
    """Issues the voucher of an approved application, once."""
    actor = actor_of(request)

    def work(_: str) -> VoucherShape:
        made = services.issue(actor=actor, application_id=application_id)
        return _voucher(selectors.voucher(actor, made.id))

    return once(request, work)


@router.get("/vouchers", response=Page[VoucherShape])
def list_vouchers(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[VoucherShape]:
    """The vouchers one may see with their balances, newest first."""
    views = [_voucher(view) for view in selectors.vouchers(actor_of(request))]
    return page(views, lambda view: view, limit=limit, cursor=cursor)


@router.get("/vouchers/{voucher_id}", response=VoucherShape)
def get_voucher(request: HttpRequest, voucher_id: str) -> VoucherShape:
    """One voucher, by id or by code."""
    return _voucher(selectors.voucher(actor_of(request), voucher_id))


@router.get("/vouchers/{voucher_id}/transfers", response=Page[TransferShape])
def list_voucher_transfers(
    request: HttpRequest, voucher_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[TransferShape]:
    """Every movement of a voucher, newest first."""
    actor = actor_of(request)
    account = accounts.voucher_account(selectors.voucher(actor, voucher_id).voucher.id)
    rows = selectors.voucher_transfers(actor, voucher_id)[::-1]
    return page(rows, lambda row: transfer_shape(row, account), limit=limit, cursor=cursor)


def _judged(
    request: HttpRequest, verb: Callable[..., Application], application_id: str, body: Verdict
) -> HttpResponse:
    actor: Actor = actor_of(request)

    def work(_: str) -> ApplicationShape:
        judged = verb(actor=actor, application_id=application_id, verdict=body.verdict, note=body.note)
        return _application(judged)

    return once(request, work, status=200)


def _application(row: Application) -> ApplicationShape:
    voucher = Voucher.objects.filter(application=row).first()
    return ApplicationShape(
        id=row.id,
        programme=row.programme_version.programme_id,
        programme_version=row.programme_version_id,
        organisation=row.organisation_id,
        planned_yuan=row.planned_fen,
        facts=row.facts,
        state=row.state,
        decision=row.decision,
        submitted_at=row.submitted_at,
        reviewed_at=row.reviewed_at,
        review_note=row.review_note,
        approved_at=row.approved_at,
        approval_note=row.approval_note,
        voucher=voucher.id if voucher else None,
    )


def _voucher(view: selectors.VoucherView) -> VoucherShape:
    row = view.voucher
    return VoucherShape(
        id=row.id,
        code=row.code,
        programme=row.programme_version.programme_id,
        programme_version=row.programme_version_id,
        organisation=row.organisation_id,
        application=row.application_id,
        face_yuan=row.face_fen,
        available_yuan=view.available_fen,
        held_yuan=view.held_fen,
        redeemed_yuan=view.redeemed_fen,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
    )
