"""Reads about calls and applications; who sees what is in :mod:`.access` and applied here.

Of an application on the public list everybody may know who gets how much under which rule, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet
from django.utils import timezone

from hesuan.errors import NotFound
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import access, application_rules, rules
from hesuan.hub.programmes.errors import APPLICATION_NOT_FOUND, CALL_NOT_FOUND, PROGRAMME_NOT_FOUND
from hesuan.hub.programmes.models import (
    Application,
    ApplicationStep,
    Call,
    Desk,
    Interest,
    Objection,
    Programme,
)
from hesuan.hub.programmes.waiting import WaitingOn, may_act, waiting_on

__all__ = [
    "PublicLine",
    "WaitingOn",
    "application",
    "applications",
    "call",
    "calls",
    "desks",
    "interests",
    "may_act",
    "objections",
    "open_calls",
    "publicised",
    "queue",
    "steps",
    "waiting_on",
    "waits_on",
]


@dataclass(frozen=True, slots=True)
class PublicLine:
    """What the public list says of one application."""

    application_id: str
    programme_id: str
    version: int
    title: str
    organisation: str
    subsidy_fen: int
    state: str
    publicised_at: datetime
    until: datetime | None
    """``None`` while an objection stops the clock."""


# --- Calls ---


def calls(programme_id: str | None = None) -> list[Call]:
    """Every call, newest first; like the active versions they belong to, calls are public."""
    found = _calls()
    if programme_id is not None:
        found = found.filter(programme_version__programme_id=programme_id)
    return list(found.order_by("-opens_on", "-opened_at", "-id"))


def call(call_id: str) -> Call:
    """One call.

    Raises:
        NotFound: ``call.not_found``.
    """
    found = _calls().filter(pk=call_id).first()
    if found is None:
        raise NotFound(CALL_NOT_FOUND, call=call_id)
    return found


def open_calls(on: date | None = None) -> list[Call]:
    """The calls that take applications on a day, today without; those that end first come first."""
    day = on or rules.programme_day(timezone.now())
    found = [one for one in calls() if one.state_on(day) == Call.State.OPEN]
    return sorted(found, key=lambda one: (one.closes_on or date.max, one.opens_on, one.id))


def desks(actor: Actor, programme_id: str) -> list[Desk]:
    """Which steps of a programme other offices do.

    Raises:
        NotFound: ``programme.not_found``, to everybody but the offices and who sees everything.
    """
    offices = access.offices(actor)
    found = Desk.objects.filter(programme_id=programme_id).select_related("office").order_by("step")
    one = Programme.objects.filter(pk=programme_id).first()
    rows = list(found)
    if one is None or not (
        sees_everything(actor) or one.office_id in offices or any(desk.office_id in offices for desk in rows)
    ):
        raise NotFound(PROGRAMME_NOT_FOUND, programme=programme_id)
    return rows


# --- Applications ---


def applications(actor: Actor) -> list[Application]:
    """Every application the actor may see, newest first; those that claims make stand with their claims."""
    found = _applications(actor).exclude(steps__trigger=application_rules.CLAIMED)
    return list(found.order_by("-submitted_at", "-id"))


def application(actor: Actor, application_id: str) -> Application:
    """One application.

    Raises:
        NotFound: ``application.not_found``.
    """
    found = _applications(actor).filter(pk=application_id).first()
    if found is None:
        raise NotFound(APPLICATION_NOT_FOUND, application=application_id)
    return found


def sees(actor: Actor, application_id: str) -> bool:
    """Whether an application exists for this person."""
    return _applications(actor).filter(pk=application_id).exists()


def steps(actor: Actor, application_id: str) -> list[ApplicationStep]:
    """Every transition of an application, oldest first; who objected is told to the office alone.

    Raises:
        NotFound: ``application.not_found``.
    """
    found = application(actor, application_id)
    rows = sorted(found.steps.all(), key=lambda one: one.number)
    if not _is_of_the_office(actor, found):
        for row in rows:
            row.actor = "" if row.trigger == "object" else row.actor
    return rows


def waits_on(actor: Actor, application_id: str) -> WaitingOn:
    """Whom an application waits on, since when, and what is asked.

    Raises:
        NotFound: ``application.not_found``.
    """
    return waiting_on(application(actor, application_id))


def queue(actor: Actor) -> list[Application]:
    """Applications that wait for one of the actor's office roles, oldest first.

    One's own part is left out: who reviewed an application does not find it again for approval; so is what
    one declared an interest in.
    """
    live = _applications(actor).exclude(state__in=(*application_rules.ENDED, "DRAFT", "RETURNED"))
    found = live.exclude(organisation_id__in=actor.organisations()).order_by("submitted_at", "id")
    return [one for one in found if may_act(actor, one)]


def interests(actor: Actor, application_id: str) -> list[Interest]:
    """What people of the office declared of an application, oldest first; the applicant does not see it.

    Raises:
        NotFound: ``application.not_found``.
    """
    found = application(actor, application_id)
    if not _is_of_the_office(actor, found):
        raise NotFound(APPLICATION_NOT_FOUND, application=application_id)
    return list(found.interests.order_by("id"))


def objections(actor: Actor, application_id: str) -> list[Objection]:
    """What was objected to an application, oldest first; by whom is told to the office alone.

    Raises:
        NotFound: ``application.not_found``.
    """
    found = list(application(actor, application_id).objections.order_by("raised_at", "id"))
    for one in found:
        if not _is_of_the_office(actor, one.application):
            one.raised_by = ""
    return found


def publicised(programme_id: str | None = None) -> list[PublicLine]:
    """The public list, for everybody: who is to get how much, until when one may object; newest first."""
    found = _rows().filter(state__in=application_rules.PUBLIC)
    if programme_id is not None:
        found = found.filter(programme_version__programme_id=programme_id)
    lines = [_public_line(one) for one in found]
    return sorted(lines, key=lambda one: (one.publicised_at, one.application_id), reverse=True)


def _public_line(one: Application) -> PublicLine:
    version = one.programme_version
    publicised_at = next(step.at for step in _newest_first(one) if step.trigger == "publicise")
    return PublicLine(
        application_id=one.id,
        programme_id=version.programme_id,
        version=version.version,
        title=version.title,
        organisation=one.organisation.name,
        subsidy_fen=one.decision["subsidy_fen"],
        state=one.state,
        publicised_at=publicised_at,
        until=one.publicity_until,
    )


def _newest_first(one: Application) -> list[ApplicationStep]:
    return sorted(one.steps.all(), key=lambda step: -step.number)


# --- Who sees what ---


def _is_of_the_office(actor: Actor, found: Application) -> bool:
    if sees_everything(actor):
        return True
    programme = found.programme_version.programme
    theirs = {programme.office_id, *(desk.office_id for desk in programme.desks.all())}
    return bool(theirs.intersection(access.offices(actor)))


def _calls() -> QuerySet[Call]:
    """Only versions that were activated have calls, and those everybody signed in may see."""
    return Call.objects.select_related("programme_version__programme__office")


def _applications(actor: Actor) -> QuerySet[Application]:
    return _rows().filter(access.applications(actor))


def _rows() -> QuerySet[Application]:
    found = Application.objects.select_related("programme_version__programme__office", "organisation", "call")
    return found.prefetch_related("steps", "interests", "programme_version__programme__desks")
