"""Applications: begin, submit, review, approve, object; each with what it waits on."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Id, JsonObject, Note, Sentence, Shape, Time, Yuan, YuanIn
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Application, ApplicationStep, Interest, Voucher

router = Router()


class ApplicationWaitingShape(Shape):
    """Who has to act next: role and step, since when, and what is asked; no role: nobody."""

    role: str
    step: str
    verb: str
    organisation: str
    since: Time
    until: Time | None
    sentence: Sentence


class ApplicationShape(Shape):
    """A request for a voucher; `decision` is the engine's, with its trace."""

    id: str
    programme: str
    programme_version: str
    call: str | None
    organisation: str
    planned_yuan: Yuan
    facts: JsonObject
    award: JsonObject
    state: str
    round: int
    waits_on: ApplicationWaitingShape
    flags: list[Sentence]
    decision: JsonObject
    submitted_at: Time
    reviewed_at: Time | None
    review_note: str
    approved_at: Time | None
    approval_note: str
    publicity_until: Time | None
    voucher: str | None


class ApplicationStepShape(Shape):
    """One transition; of people only the part they acted in is told."""

    number: int
    round: int
    from_state: str
    to_state: str
    trigger: str
    part: str
    reason: str
    at: Time


class InterestShape(Shape):
    """What somebody of the office declared before acting."""

    person: str
    conflicted: bool
    reason: str
    at: Time


class NewApplication(Body):
    """What is to be helped to pay, and what the applicant states of itself and its project."""

    organisation: Id
    programme_version: Id
    planned_yuan: YuanIn
    facts: JsonObject
    call: Id | None = None
    """The open call that ends first without."""
    draft: bool = False
    """Only begins it; it is submitted later."""


class Amendment(Body):
    """What is to change in a draft, or in what was returned."""

    planned_yuan: YuanIn | None = None
    facts: JsonObject | None = None


class Verdict(Body):
    """`pass`, `return` or `reject`, and why; needed to return or reject."""

    verdict: str
    note: Note = ""


class Approval(Verdict):
    """A verdict, and what the first approver sets for this award alone, such as `award.rate`."""

    award: JsonObject = Field(default_factory=dict)


class NewInterest(Body):
    """Whether one has an interest in the application, and which."""

    conflicted: bool
    reason: Note = ""


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
    """Applies for a voucher, or begins to (`draft`); refused with every condition that is not met."""
    actor = actor_of(request)
    verb = services.draft if body.draft else services.apply

    def work(application_id: str) -> ApplicationShape:
        return _application(
            verb(
                actor=actor,
                organisation_id=body.organisation,
                version_id=body.programme_version,
                planned_fen=body.planned_yuan,
                facts=body.facts,
                call_id=body.call,
                application_id=application_id,
            )
        )

    return once(request, work)


@router.get("/applications/{application_id}", response=ApplicationShape)
def get_application(request: HttpRequest, application_id: str) -> ApplicationShape:
    """One application with the engine's decision, and what it waits on."""
    return _application(selectors.application(actor_of(request), application_id))


@router.get("/applications/{application_id}/steps", response=list[ApplicationStepShape])
def list_steps(request: HttpRequest, application_id: str) -> list[ApplicationStepShape]:
    """Every transition of an application, oldest first."""
    return [_step(one) for one in selectors.steps(actor_of(request), application_id)]


@router.post("/applications/{application_id}/amend", response=ApplicationShape)
def amend(request: HttpRequest, application_id: str, body: Amendment) -> HttpResponse:
    """The applicant changes a draft, or what was returned."""
    actor = actor_of(request)

    def work(_: str) -> ApplicationShape:
        return _application(
            services.amend(
                actor=actor, application_id=application_id, planned_fen=body.planned_yuan, facts=body.facts
            )
        )

    return once(request, work, status=200)


@router.post("/applications/{application_id}/submit", response=ApplicationShape)
def submit(request: HttpRequest, application_id: str) -> HttpResponse:
    """The applicant submits a draft, or again what was returned; facts and decision are made anew."""
    actor = actor_of(request)

    def work(_: str) -> ApplicationShape:
        return _application(services.submit(actor=actor, application_id=application_id))

    return once(request, work, status=200)


@router.post("/applications/{application_id}/review", response=ApplicationShape)
def review(request: HttpRequest, application_id: str, body: Verdict) -> HttpResponse:
    """A reviewer passes an application on, returns it for completion, or rejects it."""
    actor = actor_of(request)

    def work(_: str) -> ApplicationShape:
        return _application(
            services.review(actor=actor, application_id=application_id, verdict=body.verdict, note=body.note)
        )

    return once(request, work, status=200)


@router.post("/applications/{application_id}/approve", response=ApplicationShape)
def approve(request: HttpRequest, application_id: str, body: Approval) -> HttpResponse:
    """An approver, another person, approves a reviewed application, returns or rejects it."""
    actor = actor_of(request)

    def work(_: str) -> ApplicationShape:
        return _application(
            services.approve(
                actor=actor,
                application_id=application_id,
                verdict=body.verdict,
                note=body.note,
                award=body.award,
            )
        )

    return once(request, work, status=200)


@router.get("/applications/{application_id}/interests", response=list[InterestShape])
def list_interests(request: HttpRequest, application_id: str) -> list[InterestShape]:
    """What people of the office declared of an application; not shown to the applicant."""
    return [_interest(one) for one in selectors.interests(actor_of(request), application_id)]


@router.post("/applications/{application_id}/interests", response={201: InterestShape})
def declare_interest(request: HttpRequest, application_id: str, body: NewInterest) -> HttpResponse:
    """Somebody of the office says whether they have an interest; one, once declared, stands."""
    actor = actor_of(request)

    def work(_: str) -> InterestShape:
        return _interest(
            services.declare_interest(
                actor=actor, application_id=application_id, conflicted=body.conflicted, reason=body.reason
            )
        )

    return once(request, work)


def _application(row: Application) -> ApplicationShape:
    voucher = Voucher.objects.filter(application=row).first()
    return ApplicationShape(
        id=row.id,
        programme=row.programme_version.programme_id,
        programme_version=row.programme_version_id,
        call=row.call_id,
        organisation=row.organisation_id,
        planned_yuan=row.planned_fen,
        facts=row.facts or row.declared,
        award=row.award,
        state=row.state,
        round=row.round,
        waits_on=_waiting(row),
        flags=[Sentence(en=one["en"], zh=one["zh"]) for one in row.flags],
        decision=row.decision,
        submitted_at=row.submitted_at,
        reviewed_at=row.reviewed_at,
        review_note=row.review_note,
        approved_at=row.approved_at,
        approval_note=row.approval_note,
        publicity_until=row.publicity_until,
        voucher=voucher.id if voucher else None,
    )


def _waiting(row: Application) -> ApplicationWaitingShape:
    waits = selectors.waiting_on(row)
    return ApplicationWaitingShape(
        role=waits.role,
        step=waits.step,
        verb=waits.verb,
        organisation=waits.organisation_id,
        since=waits.since,
        until=waits.until,
        sentence=Sentence(en=waits.en, zh=waits.zh),
    )


def _step(row: ApplicationStep) -> ApplicationStepShape:
    return ApplicationStepShape(
        number=row.number,
        round=row.round,
        from_state=row.from_state,
        to_state=row.to_state,
        trigger=row.trigger,
        part=row.part,
        reason=row.reason,
        at=row.at,
    )


def _interest(row: Interest) -> InterestShape:
    return InterestShape(person=row.person, conflicted=row.conflicted, reason=row.reason, at=row.at)
