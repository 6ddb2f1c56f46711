"""The public's days: an approved application stands on the public list, and anybody may object. Part of
:mod:`.services`.

The days begin with the approval and end at a midnight of the programme's calendar. An objection stops the
clock with what is left; dismissed, the rest runs on. Then an officer issues the voucher; what the engine
approved by itself, the clock issues.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Conflict, NotFound, Refused
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.programmes import application_rules as life
from hesuan.hub.programmes import application_selectors, errors, waiting
from hesuan.hub.programmes.checks import (
    Verb,
    for_office,
    locked,
    need_another_person,
    need_reason,
    need_state,
    need_verdict,
)
from hesuan.hub.programmes.conflicts import need_no_conflict
from hesuan.hub.programmes.models import Application, Objection
from hesuan.hub.programmes.steps import move, record
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

State = Application.State
_OUTCOMES = {
    life.DISMISS: (Objection.Outcome.DISMISSED, State.PUBLICISED),
    life.RETURN: (Objection.Outcome.RETURNED, State.RETURNED),
    life.REJECT: (Objection.Outcome.REJECTED, State.REJECTED),
}


def after_approval(application: Application, now: datetime) -> None:
    """Begins the public's days where the document asks for them; the caller saves."""
    issuance = waiting.issuance_of(application)
    days = issuance.publicity_days if issuance else None
    if isinstance(days, int) and days > 0:
        move(application, State.PUBLICISED, trigger="publicise", actor=SYSTEM, at=now)
        application.publicity_until = life.publicity_end(now, days)
        application.due_at = application.publicity_until
        until = application.publicity_until.isoformat()
        record("application.publicised", application, SYSTEM, {"days": days, "until": until})
    elif application.state == State.AUTO_APPROVED:
        application.due_at = now


def need_issuable(application: Application, verb: Verb) -> None:
    """Approved, and public long enough where the document asks for it.

    Raises:
        Refused: ``application.wrong_state``, ``application.publicity_running``.
    """
    need_state(application, (State.APPROVED, State.AUTO_APPROVED, State.PUBLICISED), verb)
    if waiting.is_public_still(application):
        raise Refused(
            errors.PUBLICITY_RUNNING,
            application=application.id,
            until=_told(application.publicity_until),
            verb=verb[0],
            verb_zh=verb[1],
        )


def object_to(
    *, actor: Actor, application_id: str, reason: str, objection_id: str | None = None
) -> Objection:
    """Objects to an application on the public list; its clock stops until somebody decides.

    Args:
        actor: Anybody signed in; the applicant does not learn who.
        application_id: From the public list.
        reason: Why.
        objection_id: Chosen by the caller; the same id again is the same objection.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``application.wrong_state``, ``application.reason_missing``, ``application.publicity_over``.
        Conflict: ``objection.id_taken``.
    """
    verb = ("Objecting to an application", "对申领提出异议")
    with transaction.atomic():
        application = _on_the_list(actor, application_id)
        need_reason(reason, verb)
        before = Objection.objects.filter(pk=objection_id).first() if objection_id else None
        if before is not None:
            return _same(before, actor, application, reason)
        need_state(application, life.PUBLIC, verb)
        now = timezone.now()
        _stop_the_clock(application, now)
        made = Objection.objects.create(
            id=objection_id or new_id(),
            application=application,
            raised_by=actor.identity_id,
            reason=reason,
            raised_at=now,
        )
        move(application, State.OBJECTED, trigger="object", actor=actor, reason=reason, at=now)
        application.save()
        record("application.objected", application, actor, {"objection": made.id}, note=reason)
        return made


def resolve(*, actor: Actor, objection_id: str, verdict: str, reason: str) -> Objection:
    """Decides an objection; dismissed, the public's days run on; otherwise the application leaves the list.

    Args:
        actor: An officer or approver of the office who has neither acted on the application nor objected.
        objection_id: Which.
        verdict: ``dismiss``, ``return`` or ``reject``.
        reason: Why; the applicant reads it.

    Raises:
        NotFound: ``objection.not_found``.
        Refused: ``programme.role_missing``, ``application.not_a_verdict``, ``application.reason_missing``,
            ``objection.own``, ``objection.decided``, and as :func:`.reviewing.review` for four eyes.
    """
    verb = ("Deciding an objection", "处理异议")
    with transaction.atomic():
        objection = Objection.objects.filter(pk=objection_id).first()
        if objection is None or not application_selectors.sees(actor, objection.application_id):
            raise NotFound(errors.OBJECTION_NOT_FOUND, objection=objection_id)
        roles = ("programme_officer", "approver")
        application = for_office(actor, objection.application_id, roles, verb)
        objection = Objection.objects.select_for_update().get(pk=objection.pk)
        need_verdict(verdict, life.RESOLUTIONS, reason, verb)
        need_reason(reason, verb)
        outcome, to = _OUTCOMES[verdict]
        if (objection.outcome, objection.resolved_by) == (outcome, actor.identity_id):
            return objection
        if objection.outcome != Objection.Outcome.OPEN:
            raise Refused(errors.OBJECTION_DECIDED, objection=objection.id, outcome=objection.outcome)
        if objection.raised_by == actor.identity_id:
            raise Refused(errors.OWN_OBJECTION, objection=objection.id, name=actor.name)
        need_another_person(actor, application, life.RESOLVER, verb)
        need_no_conflict(actor, application, verb)
        _close(objection, actor, outcome, reason)
        _go_on(application, actor, to, f"resolve.{verdict}", reason)
        public: dict[str, Json] = {"objection": objection.id, "outcome": str(outcome)}
        record("application.objection_decided", application, actor, public, note=reason)
        return objection


# --- Parts of objecting ---


def _on_the_list(actor: Actor, application_id: str) -> Application:
    """The application under lock: on the public list for everybody, otherwise for who may see it."""
    found = Application.objects.filter(pk=application_id, state__in=life.PUBLIC)
    if not found.exists():
        application_selectors.application(actor, application_id)
    return locked(application_id)


def _same(before: Objection, actor: Actor, application: Application, reason: str) -> Objection:
    mine = (before.application_id, before.raised_by, before.reason)
    if mine != (application.id, actor.identity_id, reason):
        raise Conflict(errors.OBJECTION_TAKEN, objection=before.id)
    return before


def _stop_the_clock(application: Application, now: datetime) -> None:
    until = application.publicity_until
    if application.state == State.OBJECTED:
        return
    assert until is not None, "what is public is public until some day"
    if now >= until:
        raise Refused(errors.PUBLICITY_OVER, application=application.id, until=_told(until))
    application.publicity_left = until - now
    application.publicity_until = application.due_at = None


def _close(objection: Objection, actor: Actor, outcome: Objection.Outcome, reason: str) -> None:
    objection.outcome, objection.resolved_by = outcome, actor.identity_id
    objection.resolution, objection.resolved_at = reason, timezone.now()
    objection.save(update_fields=["outcome", "resolved_by", "resolution", "resolved_at"])


def _go_on(application: Application, actor: Actor, to: str, trigger: str, reason: str) -> None:
    """The clock runs on when no objection is left; returned or rejected, the others fall away with it."""
    now = timezone.now()
    others = Objection.objects.filter(application=application, outcome=Objection.Outcome.OPEN)
    if to == State.PUBLICISED and others.exists():
        to = State.OBJECTED
    elif to == State.PUBLICISED:
        assert application.publicity_left is not None, "the objection stopped the clock"
        application.publicity_until = application.due_at = now + application.publicity_left
        application.publicity_left = None
    else:
        for other in others.select_for_update():
            _close(other, actor, Objection.Outcome(_outcome_of(to)), reason)
    move(application, to, trigger=trigger, actor=actor, part=_part(application, actor), reason=reason, at=now)
    application.save()


def _outcome_of(to: str) -> str:
    return next(outcome for outcome, state in _OUTCOMES.values() if state == to)


def _part(application: Application, actor: Actor) -> str:
    """``resolver``, once a round: who decided one objection may decide the next one."""
    rows = application.steps.filter(round=application.round, actor=actor.identity_id, part=life.RESOLVER)
    return "" if rows.exists() else life.RESOLVER


def _told(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}" if moment else ""
