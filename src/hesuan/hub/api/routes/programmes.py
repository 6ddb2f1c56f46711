"""Programmes: their documents, what the linter says of them, activation, budget, admitted centres."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Day, Id, Note, Sentence, Shape, Time, Title, Yuan
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import ProgrammeVersion, SupplierAdmission

router = Router()


class FindingShape(Shape):
    """What the linter found; one that blocks stands in the way of activation."""

    code: str
    blocks: bool
    field: str
    where: str
    sentence: Sentence


class BudgetShape(Shape):
    """The programme's open window."""

    budget: str
    window: str
    funded_yuan: Yuan
    used_yuan: Yuan
    left_yuan: Yuan


class AdmissionShape(Shape):
    """A centre at which the programme's vouchers may be used."""

    id: str
    programme: str
    centre: str
    centre_name: str
    batch: str
    service_item: str
    """The kind of line; empty: every one."""
    valid_from: date | None
    """Null: from the moment it was entered."""
    valid_until: date | None
    ended_on: date | None
    """The last day, where the office ended it."""
    admitted_at: Time
    reason: str


class VersionShape(Shape):
    """One immutable text of a programme, without the text."""

    id: str
    programme: str
    version: int
    title: str
    issuer: str
    state: str
    digest: str
    source_name: str
    loaded_at: Time
    activated_at: Time | None
    retired_at: Time | None


class VersionText(VersionShape):
    """A version with its text and what the linter says of it."""

    text: str
    findings: list[FindingShape]


class ProgrammeShape(Shape):
    """A programme with its versions, newest first."""

    id: str
    office: str
    versions: list[VersionShape]
    budget: BudgetShape | None
    suppliers: list[AdmissionShape]


class NewVersion(Body):
    """A programme's document; findings name their place by `source_name` and line."""

    text: str
    source_name: Title
    office: Id | None = None
    """Where the officer serves more than one office."""


class NewSupplier(Body):
    """A centre to admit, for which batch, service item and days, and why."""

    centre: Id
    reason: Note
    batch: Annotated[str, Field(max_length=64)] = ""
    service_item: Annotated[str, Field(max_length=32)] = ""
    valid_from: Day | None = None
    valid_until: Day | None = None


class NewEnd(Body):
    """Why an admission ends, and its last day; without one, today."""

    reason: Note
    last_day: Day | None = None


@router.get("/programmes", response=Page[VersionShape])
def list_programmes(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[VersionShape]:
    """Every version one may see: those that are or were active, and one's own office's drafts."""
    return page(selectors.versions(actor_of(request)), _version, limit=limit, cursor=cursor)


@router.post("/programmes", response={201: VersionText})
def load_programme(request: HttpRequest, body: NewVersion) -> HttpResponse:
    """Stores a document as a draft and lints it; the same text again is the same version."""
    actor = actor_of(request)

    def work(_: str) -> VersionText:
        made = services.load_programme(
            actor=actor, text=body.text, source_name=body.source_name, office_id=body.office
        )
        return _with_text(actor, made)

    return once(request, work)


@router.get("/programmes/{programme_id}", response=ProgrammeShape)
def get_programme(request: HttpRequest, programme_id: str) -> ProgrammeShape:
    """One programme with its versions, its budget and the centres admitted to it."""
    actor = actor_of(request)
    row = selectors.programme(actor, programme_id)
    return ProgrammeShape(
        id=row.id,
        office=row.office_id,
        versions=[_version(one) for one in selectors.versions(actor, programme_id)],
        budget=_budget(selectors.budget(actor, programme_id)),
        suppliers=[_admission(one) for one in selectors.admissions(actor, programme_id)],
    )


@router.post("/programmes/{programme_id}/suppliers", response={201: AdmissionShape})
def admit_supplier(request: HttpRequest, programme_id: str, body: NewSupplier) -> HttpResponse:
    """Lets the programme's vouchers be used at a centre."""
    actor = actor_of(request)

    def work(_: str) -> AdmissionShape:
        return _admission(
            services.admit_supplier(
                actor=actor,
                programme_id=programme_id,
                centre_id=body.centre,
                reason=body.reason,
                batch=body.batch,
                service_item=body.service_item,
                valid_from=body.valid_from,
                valid_until=body.valid_until,
            )
        )

    return once(request, work)


@router.post("/supplier-admissions/{admission_id}/end", response=AdmissionShape)
def end_admission(request: HttpRequest, admission_id: str, body: NewEnd) -> HttpResponse:
    """Ends an admission; orders agreed until its last day stay paid."""
    actor = actor_of(request)

    def work(_: str) -> AdmissionShape:
        services.end_admission(
            actor=actor, admission_id=admission_id, reason=body.reason, last_day=body.last_day
        )
        return _admission(selectors.admission(actor, admission_id))

    return once(request, work, status=200)


@router.get("/programme-versions/{version_id}", response=VersionText)
def get_version(request: HttpRequest, version_id: str) -> VersionText:
    """One version with its text and the linter's findings."""
    actor = actor_of(request)
    return _with_text(actor, selectors.version(actor, version_id))


@router.post("/programme-versions/{version_id}/activate", response=VersionShape)
def activate(request: HttpRequest, version_id: str) -> HttpResponse:
    """Activates a draft and funds its budget; refused with every open rule, its field and `file:line`."""
    actor = actor_of(request)

    def work(_: str) -> VersionShape:
        return _version(services.activate(actor=actor, version_id=version_id))

    return once(request, work, status=200)


def _version(row: ProgrammeVersion) -> VersionShape:
    return VersionShape(
        id=row.id,
        programme=row.programme_id,
        version=row.version,
        title=row.title,
        issuer=row.issuer,
        state=row.state,
        digest=row.digest,
        source_name=row.source_name,
        loaded_at=row.loaded_at,
        activated_at=row.activated_at,
        retired_at=row.retired_at,
    )


def _with_text(actor: Actor, row: ProgrammeVersion) -> VersionText:
    findings = [
        FindingShape(
            code=one.code,
            blocks=one.blocks,
            field=one.field,
            where=one.where,
            sentence=Sentence(en=one.en, zh=one.zh),
        )
        for one in selectors.findings(actor, row.id)
    ]
    # By the validated members and not their dumped form: times would come back as text.
    return VersionText(**dict(_version(row)), text=row.text, findings=findings)


def _budget(view: selectors.BudgetView | None) -> BudgetShape | None:
    if view is None:
        return None
    return BudgetShape(
        budget=view.budget,
        window=view.window,
        funded_yuan=view.funded_fen,
        used_yuan=view.used_fen,
        left_yuan=view.left_fen,
    )


def _admission(row: SupplierAdmission) -> AdmissionShape:
    return AdmissionShape(
        id=row.id,
        programme=row.programme_id,
        centre=row.centre_id,
        centre_name=row.centre.name,
        batch=row.batch,
        service_item=row.service_item,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        ended_on=row.ended_on,
        admitted_at=row.admitted_at,
        reason=row.reason,
    )
