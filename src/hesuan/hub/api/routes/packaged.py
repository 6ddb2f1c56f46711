"""Packaged applications: published from files that were sent, measured at centres that let them in."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Id, Shape, Time
from hesuan.hub.centres import services as centres
from hesuan.hub.files import publishing, selectors
from hesuan.hub.files.models import App
from hesuan.wire.apps import LONGEST_NAME, MOST_FILES

router = Router()

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]


class AppFileShape(Shape):
    """One file of an application."""

    path: str
    size_bytes: int
    sha256: str


class AppShape(Shape):
    """A published application; `digest` is the one over a folder of just these files."""

    id: str
    organisation: str
    name: str
    version: str
    work_unit: str
    digest: str
    size_bytes: int
    files: list[AppFileShape]
    published_at: Time
    withdrawn_at: Time | None


class NewAppFile(Body):
    """Where a file lies below the folder, and which of the organisation's complete files it is.

    `file` is null for one without content.
    """

    path: str
    file: Id | None


class NewApp(Body):
    """The files of an application's folder; `app.toml` is one of them."""

    organisation: Id
    files: Annotated[list[NewAppFile], Field(min_length=1, max_length=MOST_FILES + 1)]


class NewMeasurement(Body):
    """What a centre is to measure: an application by name and, where it may be fetched, by digest."""

    app: Name
    app_digest: Digest | None = None


class MeasurementShape(Shape):
    """A command that was left for the centre's agent; what it measured stands among the centre's evidence."""

    command: str
    agent: str
    app: str
    app_digest: str | None


@router.get("/apps", response=Page[AppShape])
def list_apps(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> Page[AppShape]:
    """The published applications, newest first; withdrawn ones are left out."""
    actor_of(request)
    return page(selectors.apps(), _app, limit=limit, cursor=cursor)


@router.post("/apps", response={201: AppShape})
def publish_app(request: HttpRequest, body: NewApp) -> HttpResponse:
    """An operator of the platform publishes an application; the same content again is the same one."""
    actor = actor_of(request)

    def work(app_id: str) -> AppShape:
        made = publishing.publish(
            actor=actor,
            organisation_id=body.organisation,
            files=[(one.path, one.file) for one in body.files],
            app_id=app_id,
        )
        return _app(made)

    return once(request, work)


@router.get("/apps/{app_id}", response=AppShape)
def get_app(request: HttpRequest, app_id: str) -> AppShape:
    """One published application with its files."""
    actor_of(request)
    return _app(selectors.app(app_id))


@router.post("/apps/{app_id}/withdraw", response=AppShape)
def withdraw_app(request: HttpRequest, app_id: str) -> HttpResponse:
    """No site is asked to fetch it from now on; a site that has it keeps it."""
    actor = actor_of(request)
    return once(request, lambda _: _app(publishing.withdraw(actor=actor, app_id=app_id)), status=200)


@router.post("/centres/{centre_id}/benchmarks", response={201: MeasurementShape})
def request_benchmark(request: HttpRequest, centre_id: str, body: NewMeasurement) -> HttpResponse:
    """The centre's operator has an application measured there; a published one is fetched if need be."""
    actor = actor_of(request)

    def work(request_id: str) -> MeasurementShape:
        left = centres.request_benchmark(
            actor=actor,
            centre_id=centre_id,
            app=body.app,
            request_id=request_id,
            app_digest=body.app_digest or "",
        )
        return MeasurementShape(
            command=left.id,
            agent=left.agent_id,
            app=left.body["app"],
            app_digest=left.body.get("app_digest"),
        )

    return once(request, work)


def _app(row: App) -> AppShape:
    return AppShape(
        id=row.id,
        organisation=row.organisation_id,
        name=row.name,
        version=row.version,
        work_unit=row.work_unit,
        digest=row.digest,
        size_bytes=row.size_bytes,
        files=[AppFileShape(**one) for one in row.files],
        published_at=row.published_at,
        withdrawn_at=row.withdrawn_at,
    )
