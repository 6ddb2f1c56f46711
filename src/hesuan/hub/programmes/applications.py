"""From a request to a voucher: apply, review, approve, issue. Part of :mod:`.services`.

Three different people carry an application: who submits it, who reviews it, who approves it; neither reviewer
nor approver belongs to the applicant. The database refuses what the code should not have tried.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.utils import timezone

from hesuan.errors import Conflict, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import engine, errors, onrecord, rules, selectors
from hesuan.hub.programmes.checks import (
    for_office,
    need_another_person,
    need_role,
    need_state,
    need_verdict,
)
from hesuan.hub.programmes.judging import judge_application, refuse_ungranted
from hesuan.hub.programmes.models import (
    Application,
    ProgrammeVersion,
)
from hesuan.hub.registry import services as registry
from hesuan.wire.canonical import MAX_INTEGER, Json
from hesuan.wire.ids import new_id

State = Application.State


def apply(
    *,
    actor: Actor,
    organisation_id: str,
    version_id: str,
    planned_fen: int,
    facts: Mapping[str, Json],
    application_id: str | None = None,
) -> Application:
    """Asks for a voucher that helps to pay planned spending.

    Args:
        actor: An owner of the organisation.
        organisation_id: The applicant.
        version_id: An active version.
        planned_fen: Planned spending on computing [fen].
        facts: What the applicant states, by the names of conditions, such as ``project.level``. What the
            register knows (``applicant.kind``, and what was checked there) is not asked for.
        application_id: Chosen by the caller; the same id again is the same application.

    Raises:
        NotFound: the organisation, or the version.
        Faults: facts that are unknown, of the wrong type, or not the applicant's to state.
        Refused: ``programme.role_missing``, ``programme.not_active``, ``application.not_an_amount``;
            ``application.not_eligible`` with every condition that is not met.
        Conflict: ``application.id_taken``.
    """
    engine.declared_facts(facts)
    for last in (False, True):
        try:
            return _apply(
                actor,
                facts,
                application_id,
                organisation_id=organisation_id,
                version_id=version_id,
                planned_fen=planned_fen,
            )
        except IntegrityError:
            # Somebody wrote the same id meanwhile; the next look sees it, and whether it is the same.
            if last:
                raise
    raise AssertionError("unreachable")


def _apply(
    actor: Actor,
    facts: Mapping[str, Json],
    application_id: str | None,
    *,
    organisation_id: str,
    version_id: str,
    planned_fen: int,
) -> Application:
    with transaction.atomic():
        organisation = identity.organisation(actor, organisation_id)
        need_role(actor, organisation, ("owner",), ("Applying for a voucher", "申领算力券"))
        version = selectors.version(actor, version_id)
        if type(planned_fen) is not int or not 0 < planned_fen <= MAX_INTEGER:
            raise Refused(errors.NOT_AN_AMOUNT, planned=planned_fen, limit=MAX_INTEGER)
        before = Application.objects.filter(pk=application_id).first() if application_id else None
        now = before.submitted_at if before else timezone.now()
        known = onrecord.known_facts(organisation, version.programme_id, now)
        engine.declared_facts(facts, known)
        stored: dict[str, Json] = {**facts, **known}
        if before is not None:
            return _same(before, organisation, version, planned_fen, stored)
        if version.state != ProgrammeVersion.State.ACTIVE:
            raise Refused(
                errors.NOT_ACTIVE,
                programme=version.programme_id,
                version=version.version,
                state=version.state,
            )
        application = Application(
            id=application_id or new_id(),
            programme_version=version,
            organisation=organisation,
            facts=stored,
            planned_fen=planned_fen,
            submitted_by=actor.identity_id,
            submitted_at=now,
        )
        decision = judge_application(application, application.submitted_at)
        refuse_ungranted(application, decision)
        application.decision = engine.as_json(decision)
        application.save(force_insert=True)
        registry.open_record(
            actor=actor,
            organisation_id=organisation.id,
            office_id=version.programme.office_id,
            because=f"application:{application.id}",
        )
        _record("application.submitted", application, actor, {"planned_fen": planned_fen})
        return application


def review(*, actor: Actor, application_id: str, verdict: str, note: str = "") -> Application:
    """Passes a submitted application on, or rejects it.

    Args:
        actor: A reviewer of the office, not the submitter, and not of the applicant.
        application_id: The application.
        verdict: ``pass`` or ``reject``.
        note: Why; seen by the office and the applicant.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``programme.role_missing``, ``application.same_person``, ``application.own_organisation``,
            ``application.wrong_state``, ``application.not_a_verdict``.
    """
    verb = ("Reviewing an application", "审核申领")
    with transaction.atomic():
        application = for_office(actor, application_id, ("reviewer",), verb)
        need_verdict(verdict)
        need_another_person(actor, application, ("submitted_by",), verb)
        state = State.REVIEWED if verdict == rules.PASS else State.REJECTED
        if application.reviewed_by == actor.identity_id and application.state == state:
            return application
        need_state(application, State.SUBMITTED, verb)
        application.state = state
        application.reviewed_by = actor.identity_id
        application.reviewed_at = timezone.now()
        application.review_note = note
        application.save(update_fields=["state", "reviewed_by", "reviewed_at", "review_note"])
        _record("application.reviewed", application, actor, {"verdict": verdict}, note=note)
        return application


def approve(*, actor: Actor, application_id: str, verdict: str = rules.PASS, note: str = "") -> Application:
    """Approves a reviewed application, or rejects it.

    Args:
        actor: An approver of the office; neither the submitter nor the reviewer, and not of the applicant.
        application_id: The application.
        verdict: ``pass`` or ``reject``.
        note: Why; seen by the office and the applicant.

    Raises:
        As :func:`review`.
    """
    verb = ("Approving an application", "批准申领")
    with transaction.atomic():
        application = for_office(actor, application_id, ("approver",), verb)
        need_verdict(verdict)
        need_another_person(actor, application, ("submitted_by", "reviewed_by"), verb)
        state = State.APPROVED if verdict == rules.PASS else State.REJECTED
        if application.approved_by == actor.identity_id and application.state in (state, State.ISSUED):
            return application
        need_state(application, State.REVIEWED, verb)
        application.state = state
        application.approved_by = actor.identity_id
        application.approved_at = timezone.now()
        application.approval_note = note
        application.save(update_fields=["state", "approved_by", "approved_at", "approval_note"])
        _record("application.approved", application, actor, {"verdict": verdict}, note=note)
        return application


def _same(
    before: Application,
    organisation: Organisation,
    version: ProgrammeVersion,
    planned_fen: int,
    facts: dict[str, Json],
) -> Application:
    asked = (organisation.id, version.id, planned_fen, facts)
    if (before.organisation_id, before.programme_version_id, before.planned_fen, before.facts) != asked:
        raise Conflict(errors.APPLICATION_TAKEN, application=before.id)
    return before


def _record(
    kind: str, application: Application, actor: Actor, public: dict[str, Json], *, note: str = ""
) -> None:
    version = application.programme_version
    audit.record(
        kind=kind,
        subject=application.id,
        actor=actor.identity_id,
        public={"programme": version.programme_id, "digest": version.digest, **public},
        private={"organisation": application.organisation_id, "by": actor.identity_id, "note": note},
    )
