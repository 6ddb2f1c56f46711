"""What the office does: step by step, pass, return or reject. Part of :mod:`.services`.

Steps come in the document's order, each taken by a person of its own who is neither the author nor of the
applicant. Above the document's ``second_approver_above`` another approver follows the first. The database
refuses what the code should not have tried: one person in two parts of a round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import application_rules as life
from hesuan.hub.programmes import engine, errors, publicity, selectors, waiting
from hesuan.hub.programmes.application_rules import ReviewStep
from hesuan.hub.programmes.checks import (
    Verb,
    for_step,
    need_another_person,
    need_role,
    need_verdict,
    wrong_state,
)
from hesuan.hub.programmes.conflicts import need_no_conflict
from hesuan.hub.programmes.judging import judge_application, of_the_award, refuse_ungranted
from hesuan.hub.programmes.models import Application, ApplicationStep, Desk
from hesuan.hub.programmes.steps import move, record
from hesuan.hub.programmes.versions import lock
from hesuan.policy.predicates import parse_fact
from hesuan.wire.canonical import Json

State = Application.State

AWARD = ("award.rate", "award.max_subsidy", "award.cap", "award.reason")
"""What an approver may set for one award."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What somebody says of an application at a step."""

    verdict: str
    note: str
    at: datetime


_TO = {life.RETURN: State.RETURNED, life.REJECT: State.REJECTED}


def review(*, actor: Actor, application_id: str, verdict: str, note: str = "") -> Application:
    """Takes a reviewing step: passes an application on, returns it for completion, or rejects it.

    Args:
        actor: A reviewer of the office that takes the step, in no other part, and not of the applicant.
        application_id: The application.
        verdict: ``pass``, ``return`` or ``reject``.
        note: Why; seen by the office and the applicant, and needed to return or reject.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``programme.role_missing``, ``application.not_a_verdict``, ``application.reason_missing``,
            ``application.same_person``, ``application.own_organisation``, ``application.wrong_state``,
            ``application.conflicted``, ``application.related``.
    """
    verb = ("Reviewing an application", "审核申领")
    said = _Said(verdict, note, timezone.now())
    with transaction.atomic():
        application = for_step(actor, application_id, ("reviewer",), verb, life.REVIEW)
        if _has_said(actor, application, life.REVIEW, verdict):
            return application
        step = _need_step(actor, application, life.REVIEW, said, verb)
        application.reviewed_by, application.reviewed_at = actor.identity_id, said.at
        application.review_note = note
        _decide(application, actor, step, said)
        record("application.reviewed", application, actor, _public(step, verdict), note=note)
        return application


def approve(
    *,
    actor: Actor,
    application_id: str,
    verdict: str = life.PASS,
    note: str = "",
    award: Mapping[str, Json] | None = None,
) -> Application:
    """Takes an approving step: the last one, and above the document's limit the one after it.

    Args:
        actor: An approver of the office; neither the author nor in another step, and not of the applicant.
        application_id: The application.
        verdict: ``pass``, ``return`` or ``reject``.
        note: Why; seen by the office and the applicant, and needed to return or reject.
        award: What the first approver sets for this award alone: ``award.rate`` where the document's is a
            ceiling, ``award.max_subsidy``, ``award.cap``, ``award.reason``.

    Raises:
        As :func:`review`; Faults: what an award cannot set; Refused: ``application.award_fixed``,
        ``application.not_eligible`` where the award still lacks something.
    """
    verb = ("Approving an application", "批准申领")
    said = _Said(verdict, note, timezone.now())
    with transaction.atomic():
        application = for_step(actor, application_id, ("approver",), verb, life.APPROVE)
        if _has_said(actor, application, life.APPROVE, verdict):
            return application
        step = _need_step(actor, application, life.APPROVE, said, verb)
        if verdict == life.PASS:
            _set_award(application, step, dict(award or {}), said.at)
        application.approved_by, application.approved_at = actor.identity_id, said.at
        application.approval_note = note
        _decide(application, actor, step, said)
        record("application.approved", application, actor, _public(step, verdict), note=note)
        if application.state == State.APPROVED:
            publicity.after_approval(application, said.at)
            application.save()
        return application


def assign_desk(*, actor: Actor, programme_id: str, step: str, office_id: str) -> Desk:
    """Lets another programme office take a step of the review, such as the county's; the last call counts.

    Raises:
        NotFound: ``programme.not_found``.
        Refused: ``programme.role_missing``, ``programme.no_such_step``, ``programme.not_an_office``.
    """
    with transaction.atomic():
        seen = selectors.programme(actor, programme_id)
        need_role(actor, seen.office, ("programme_officer",), ("Assigning a step", "指定环节承办单位"))
        programme = lock(programme_id)
        office = Organisation.objects.filter(pk=office_id, kind="programme_office").first()
        if office is None:
            raise Refused(errors.NOT_AN_OFFICE, organisation=office_id)
        _need_named(programme.id, actor, step)
        desk, made = Desk.objects.get_or_create(
            programme=programme,
            step=step,
            defaults={"office": office, "assigned_by": actor.identity_id, "assigned_at": timezone.now()},
        )
        if made or desk.office_id != office.id:
            desk.office, desk.assigned_by, desk.assigned_at = office, actor.identity_id, timezone.now()
            desk.save()
            audit.record(
                kind="programme.step_assigned",
                subject=programme.id,
                actor=actor.identity_id,
                public={"programme": programme.id, "step": step},
                private={"office": office.id},
            )
        return desk


def _need_named(programme_id: str, actor: Actor, step: str) -> None:
    known: list[str] = []
    for version in selectors.versions(actor, programme_id):
        issuance = engine.programme_of(version).terms.issuance
        steps = life.review_steps(issuance.else_steps if issuance else (), second_approver=True)
        known += [one.name for one in steps if one.name not in known]
    if step not in known:
        raise Refused(errors.NO_SUCH_STEP, programme=programme_id, step=step[:64], known=", ".join(known))


# --- One step ---


def _has_said(actor: Actor, application: Application, verb: str, verdict: str) -> bool:
    """Whether this person has said the same in this round."""
    return ApplicationStep.objects.filter(
        application=application,
        round=application.round,
        actor=actor.identity_id,
        trigger=f"{verb}.{verdict}",
    ).exists()


def _need_step(actor: Actor, application: Application, kind: str, said: _Said, verb: Verb) -> ReviewStep:
    """The step that the application is at, for somebody who may take it."""
    need_verdict(said.verdict, life.VERDICTS, said.note, verb)
    step = waiting.current_step(application)
    need_another_person(actor, application, step.name if step else "", verb)
    if step is None or step.verb != kind:
        waits = waiting.steps_of(application)
        needed = ", ".join(one.name for one in waits if one.verb == kind)
        raise wrong_state(application, f"SUBMITTED / UNDER_REVIEW ({needed})", verb)
    need_no_conflict(actor, application, verb)
    return step


def _decide(application: Application, actor: Actor, step: ReviewStep, said: _Said) -> None:
    """Moves the application as the verdict says; a pass of the last step approves it."""
    verdict = said.verdict
    if verdict == life.PASS:
        application.passed += 1
        is_last = application.passed == len(waiting.steps_of(application))
        to = State.APPROVED if is_last else State.UNDER_REVIEW
    else:
        to = _TO[verdict]
    trigger = f"{step.verb}.{verdict}"
    move(application, to, trigger=trigger, actor=actor, part=step.name, reason=said.note, at=said.at)
    application.save()


def _public(step: ReviewStep, verdict: str) -> dict[str, Json]:
    return {"step": step.name, "verdict": verdict}


# --- The award ---


def _set_award(application: Application, step: ReviewStep, award: dict[str, Json], now: datetime) -> None:
    """The engine decides anew where the approver set something, or where it could not decide before."""
    if award and application.award:
        raise Refused(errors.AWARD_FIXED, application=application.id, step=step.name)
    for name, value in award.items():
        if name not in AWARD:
            known = ", ".join(AWARD)
            raise InputFault(errors.NOT_FOR_THE_AWARD, where=f"award.{name}", fact=name[:64], known=known)
        parse_fact(name, value, where=f"award.{name}")
    if not award and application.decision.get("granted"):
        return
    application.award = {**award, "award.approved": True, "award.cap_role": step.role}
    decision = judge_application(application, now)
    refuse_ungranted(application, decision)
    application.facts = {**application.facts, **of_the_award(application)}
    application.decision = engine.as_json(decision)
