"""Vouchers: issue, balances and movements."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.routes.organisations import TransferShape, transfer_shape
from hesuan.hub.api.shapes import JsonObject, Shape, Time, Yuan
from hesuan.hub.disclosure import owned
from hesuan.hub.programmes import accounts, selectors, services

router = Router()

SealedDay = Annotated[str, Query(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="a sealed day")]


class VoucherShape(Shape):
    """A voucher with its balance: face = available + locked + held + redeemed + returned."""

    id: str
    code: str
    programme: str
    programme_version: str
    organisation: str
    application: str
    state: str
    face_yuan: Yuan
    available_yuan: Yuan
    locked_yuan: Yuan
    held_yuan: Yuan
    redeemed_yuan: Yuan
    returned_yuan: Yuan
    issued_at: Time
    expires_at: Time | None
    """When it ends, extensions included."""
    first_expires_at: Time | None
    """As it was issued."""


@router.post("/applications/{application_id}/issue", response={201: VoucherShape})
def issue(request: HttpRequest, application_id: str) -> HttpResponse:
    """Issues the voucher of an approved application, once."""
    actor = actor_of(request)

    def work(_: str) -> VoucherShape:
        made = services.issue(actor=actor, application_id=application_id)
        return voucher_shape(selectors.voucher(actor, made.id))

    return once(request, work)


@router.get("/vouchers", response=Page[VoucherShape])
def list_vouchers(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[VoucherShape]:
    """The vouchers one may see with their balances, newest first."""
    views = [voucher_shape(view) for view in selectors.vouchers(actor_of(request))]
    return page(views, lambda view: view, limit=limit, cursor=cursor)


@router.get("/vouchers/{voucher_id}", response=VoucherShape)
def getvoucher_shape(request: HttpRequest, voucher_id: str) -> VoucherShape:
    """One voucher, by id or by code."""
    return voucher_shape(selectors.voucher(actor_of(request), voucher_id))


@router.get("/vouchers/{voucher_id}/transfers", response=Page[TransferShape])
def list_voucher_transfers(
    request: HttpRequest, voucher_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[TransferShape]:
    """Every movement of a voucher, newest first."""
    actor = actor_of(request)
    account = accounts.voucher_account(selectors.voucher(actor, voucher_id).voucher.id)
    rows = selectors.voucher_transfers(actor, voucher_id)[::-1]
    return page(rows, lambda row: transfer_shape(row, account), limit=limit, cursor=cursor)


def voucher_shape(view: selectors.VoucherView) -> VoucherShape:
    """A voucher as the API tells it."""
    row = view.voucher
    return VoucherShape(
        id=row.id,
        code=row.code,
        programme=row.programme_version.programme_id,
        programme_version=row.programme_version_id,
        organisation=row.organisation_id,
        application=row.application_id,
        state=view.shown_state,
        locked_yuan=view.locked_fen,
        returned_yuan=view.returned_fen,
        face_yuan=row.face_fen,
        available_yuan=view.available_fen,
        held_yuan=view.held_fen,
        redeemed_yuan=view.redeemed_fen,
        issued_at=row.issued_at,
        expires_at=row.ends_at,
        first_expires_at=row.expires_at,
    )


@router.get("/vouchers/{voucher_id}/sealed-balances", response=JsonObject)
def get_sealed_balances(request: HttpRequest, voucher_id: str, day: SealedDay = "") -> HttpResponse:
    """The balances of the voucher's organisation in the programme, proven under a day's seal.

    A file for `hesuan verify`; without `day` of the last day that was sealed.
    """
    content = owned.sealed_balances(actor_of(request), voucher_id, day)
    return _file(content, f"balances-{voucher_id}.json")


@router.get("/vouchers/{voucher_id}/log-entries", response=JsonObject)
def get_log_entries(request: HttpRequest, voucher_id: str) -> HttpResponse:
    """Salt, private record and proof of every entry of the public log about a voucher.

    A file for `hesuan verify`, the newest 500 entries; erased ones are left out.
    """
    return _file(owned.opened_entries(actor_of(request), voucher_id), f"entries-{voucher_id}.json")


def _file(content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
