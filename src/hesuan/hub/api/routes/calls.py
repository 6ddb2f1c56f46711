"""Calls, and which office takes which step of a programme's review."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Day, Id, Note, Shape, Time
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Call, Desk
from hesuan.hub.programmes.rules import programme_day

router = Router()


class CallShape(Shape):
    """When applications are taken, and which budget line they draw on; without a last day it stands open."""

    id: str
    programme: str
    programme_version: str
    title: str
    budget: str
    opens_on: date
    closes_on: date | None
    state: str
    closed_at: Time | None
    close_reason: str


class NewCall(Body):
    """A call under an active version; without a last day it stands open."""

    programme_version: Id
    opens_on: Day
    closes_on: Day | None = None
    budget: Annotated[str, Field(max_length=64)] = ""
    """The document's first without."""
    title: Annotated[str, Field(max_length=200)] = ""


class Closing(Body):
    """Why a call ends before its last day."""

    reason: Note


class DeskShape(Shape):
    """A step of the review that another office takes."""

    step: str
    office: str
    office_name: str


class NewDesk(Body):
    """Which office takes a step from now on."""

    step: Annotated[str, Field(min_length=1, max_length=64)]
    office: Id


@router.get("/calls", response=Page[CallShape])
def list_calls(
    request: HttpRequest,
    programme: str = "",
    taking: bool = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> Page[CallShape]:
    """Every call, newest first; `taking`: those that take applications today, what ends first first."""
    del request
    rows = selectors.open_calls() if taking else selectors.calls()
    found = [one for one in rows if programme in ("", one.programme_version.programme_id)]
    return page(found, _call, limit=limit, cursor=cursor)


@router.post("/calls", response={201: CallShape})
def open_call(request: HttpRequest, body: NewCall) -> HttpResponse:
    """An officer opens a call, inside the document's windows where it names any."""
    actor = actor_of(request)

    def work(call_id: str) -> CallShape:
        return _call(
            services.open_call(
                actor=actor,
                version_id=body.programme_version,
                opens_on=body.opens_on,
                closes_on=body.closes_on,
                budget=body.budget,
                title=body.title,
                call_id=call_id,
            )
        )

    return once(request, work)


@router.get("/calls/{call_id}", response=CallShape)
def get_call(request: HttpRequest, call_id: str) -> CallShape:
    """One call."""
    del request
    return _call(selectors.call(call_id))


@router.post("/calls/{call_id}/close", response=CallShape)
def close_call(request: HttpRequest, call_id: str, body: Closing) -> HttpResponse:
    """An officer closes a call before its last day; the reason is public."""
    actor = actor_of(request)

    def work(_: str) -> CallShape:
        return _call(services.close_call(actor=actor, call_id=call_id, reason=body.reason))

    return once(request, work, status=200)


@router.get("/programmes/{programme_id}/steps", response=list[DeskShape])
def list_desks(request: HttpRequest, programme_id: str) -> list[DeskShape]:
    """Which steps of the review other offices take; for the offices concerned."""
    return [_desk(one) for one in selectors.desks(actor_of(request), programme_id)]


@router.post("/programmes/{programme_id}/steps", response={201: DeskShape})
def assign_desk(request: HttpRequest, programme_id: str, body: NewDesk) -> HttpResponse:
    """An officer lets another programme office take a step, such as the county's."""
    actor = actor_of(request)

    def work(_: str) -> DeskShape:
        return _desk(
            services.assign_desk(
                actor=actor, programme_id=programme_id, step=body.step, office_id=body.office
            )
        )

    return once(request, work)


def _call(row: Call) -> CallShape:
    return CallShape(
        id=row.id,
        programme=row.programme_version.programme_id,
        programme_version=row.programme_version_id,
        title=row.title,
        budget=row.budget,
        opens_on=row.opens_on,
        closes_on=row.closes_on,
        state=row.state_on(programme_day(timezone.now())),
        closed_at=row.closed_at,
        close_reason=row.close_reason,
    )


def _desk(row: Desk) -> DeskShape:
    return DeskShape(step=row.step, office=row.office_id, office_name=row.office.name)
