"""The public list, and objections to what stands on it."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Note, Shape, Time, Yuan
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Objection

router = Router()


class ObjectionShape(Shape):
    """An objection to a publicised application."""

    id: str
    application: str
    reason: str
    raised_at: Time
    outcome: str
    resolution: str
    resolved_at: Time | None


class PublicLineShape(Shape):
    """One line of the public list; `until` is null while an objection stops the clock."""

    application: str
    programme: str
    version: int
    title: str
    organisation: str
    subsidy_yuan: Yuan
    state: str
    publicised_at: Time
    until: Time | None


class ObjectionEnd(Body):
    """`dismiss`, `return` or `reject`, and why."""

    verdict: str
    reason: Note


class Objecting(Body):
    """Why."""

    reason: Note


Of = Annotated[str, Field(max_length=100, description="one programme's only; empty: all")]


@router.get("/applications/{application_id}/objections", response=list[ObjectionShape])
def list_objections(request: HttpRequest, application_id: str) -> list[ObjectionShape]:
    """What was objected to an application, oldest first."""
    return [_objection(one) for one in selectors.objections(actor_of(request), application_id)]


@router.post("/applications/{application_id}/objections", response={201: ObjectionShape})
def object_to(request: HttpRequest, application_id: str, body: Objecting) -> HttpResponse:
    """Anybody signed in objects to an application on the public list; its clock stops."""
    actor = actor_of(request)

    def work(objection_id: str) -> ObjectionShape:
        return _objection(
            services.object_to(
                actor=actor, application_id=application_id, reason=body.reason, objection_id=objection_id
            )
        )

    return once(request, work)


@router.post("/objections/{objection_id}/resolve", response=ObjectionShape)
def resolve(request: HttpRequest, objection_id: str, body: ObjectionEnd) -> HttpResponse:
    """Somebody of the office who has not acted on the application decides an objection."""
    actor = actor_of(request)

    def work(_: str) -> ObjectionShape:
        return _objection(
            services.resolve(actor=actor, objection_id=objection_id, verdict=body.verdict, reason=body.reason)
        )

    return once(request, work, status=200)


@router.get("/publicity", response=Page[PublicLineShape], auth=None)
def list_publicised(
    request: HttpRequest, programme: Of = "", limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[PublicLineShape]:
    """The public list: who is to get how much under which rule, and until when anybody may object."""
    del request
    lines = selectors.publicised(programme or None)
    return page(lines, _public_line, limit=limit, cursor=cursor, key="application_id")


def _objection(row: Objection) -> ObjectionShape:
    return ObjectionShape(
        id=row.id,
        application=row.application_id,
        reason=row.reason,
        raised_at=row.raised_at,
        outcome=row.outcome,
        resolution=row.resolution,
        resolved_at=row.resolved_at,
    )


def _public_line(line: selectors.PublicLine) -> PublicLineShape:
    return PublicLineShape(
        application=line.application_id,
        programme=line.programme_id,
        version=line.version,
        title=line.title,
        organisation=line.organisation,
        subsidy_yuan=line.subsidy_fen,
        state=line.state,
        publicised_at=line.publicised_at,
        until=line.until,
    )
