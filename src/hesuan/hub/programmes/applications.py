"""What the applicant does: begin, amend, submit, submit again what was returned. Part of :mod:`.services`.

On submission the facts are those of that day: what is declared, what the registry holds as checked, what the
platform knows; the version is the one applied under, and stays it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from hesuan.errors import Conflict, Refused
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import application_rules as life
from hesuan.hub.programmes import calls, engine, errors, onrecord, publicity, rules, selectors, triage
from hesuan.hub.programmes.checks import for_applicant, need_role, need_state
from hesuan.hub.programmes.judging import awaits_award, judge_application, refuse_ungranted
from hesuan.hub.programmes.models import Application, ProgrammeVersion
from hesuan.hub.programmes.steps import move, record
from hesuan.hub.registry import services as registry
from hesuan.wire.canonical import MAX_INTEGER, Json
from hesuan.wire.ids import new_id

State = Application.State
APPLYING = ("Applying for a voucher", "申领算力券")
"""The verb, for a refusal."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an applicant asks for."""

    organisation_id: str
    version_id: str
    planned_fen: int
    facts: dict[str, Json]
    call_id: str | None


def apply(
    *,
    actor: Actor,
    organisation_id: str,
    version_id: str,
    planned_fen: int,
    facts: Mapping[str, Json],
    call_id: str | None = None,
    application_id: str | None = None,
) -> Application:
    """Asks for a voucher that helps to pay planned spending: begins an application and submits it.

    Args:
        actor: An owner of the organisation.
        organisation_id: The applicant.
        version_id: An active version.
        planned_fen: Planned spending on computing [fen].
        facts: What the applicant states, by the names of conditions, such as ``project.level``. What the
            register knows (``applicant.kind``, and what was checked there) is not asked for.
        call_id: The call; the open one that ends first without.
        application_id: Chosen by the caller; the same id again is the same application.

    Raises:
        NotFound: the organisation, or the version.
        Faults: facts that are unknown, of the wrong type, or not the applicant's to state.
        Refused: ``programme.role_missing``, ``programme.not_active``, ``programme.nothing_issued``,
            ``call.none_open``, ``application.not_an_amount``, ``application.contract_taken``;
            ``application.not_eligible`` with every condition that is not met.
        Conflict: ``application.id_taken``.
    """
    asked = _Asked(organisation_id, version_id, planned_fen, dict(facts), call_id)

    def work() -> Application:
        application, made = _begin(actor, asked, application_id)
        return _submit(application, actor) if made else application

    return _once(work, asked)


def draft(
    *,
    actor: Actor,
    organisation_id: str,
    version_id: str,
    planned_fen: int,
    facts: Mapping[str, Json],
    call_id: str | None = None,
    application_id: str | None = None,
) -> Application:
    """Begins an application that only the applicant sees until it is submitted.

    Raises:
        As :func:`apply`, without what is judged on submission.
    """
    asked = _Asked(organisation_id, version_id, planned_fen, dict(facts), call_id)
    return _once(lambda: _begin(actor, asked, application_id)[0], asked)


def amend(
    *,
    actor: Actor,
    application_id: str,
    planned_fen: int | None = None,
    facts: Mapping[str, Json] | None = None,
) -> Application:
    """Changes what a draft, or an application that was returned, asks for; what is ``None`` stays.

    Raises:
        NotFound: ``application.not_found``.
        Faults: as :func:`apply`.
        Refused: ``programme.role_missing``, ``application.wrong_state``, ``application.not_an_amount``.
    """
    verb = ("Amending an application", "修改申领")
    with transaction.atomic():
        application = for_applicant(actor, application_id, verb)
        need_state(application, (State.DRAFT, State.RETURNED), verb)
        before = (application.planned_fen, application.declared)
        if planned_fen is not None:
            need_amount(planned_fen)
            application.planned_fen = planned_fen
        if facts is not None:
            programme_id = application.programme_version.programme_id
            known = onrecord.known_facts(application.organisation, programme_id, timezone.now())
            engine.declared_facts(facts, known)
            application.declared = dict(facts)
        if (application.planned_fen, application.declared) != before:
            application.save(update_fields=["planned_fen", "declared"])
            record("application.amended", application, actor, {"planned_fen": application.planned_fen})
        return application


def submit(*, actor: Actor, application_id: str) -> Application:
    """Submits a draft, or again what was returned: facts and decision are made anew.

    One that is submitted already stays as it is. A draft needs an active version and an open call; what was
    returned is completed under the version and the call it was submitted under.

    Raises:
        NotFound: ``application.not_found``.
        Refused: as :func:`apply`.
    """
    verb = ("Submitting an application", "提交申领")
    with transaction.atomic():
        application = for_applicant(actor, application_id, verb)
        if application.state in (State.DRAFT, State.RETURNED):
            return _submit(application, actor)
        return application


# --- Beginning ---


def _once(work: Callable[[], Application], asked: _Asked) -> Application:
    engine.declared_facts(asked.facts)
    for last in (False, True):
        try:
            with transaction.atomic():
                return work()
        except IntegrityError:
            # Somebody wrote the same id meanwhile; the next look sees it, and whether it is the same.
            if last:
                raise
    raise AssertionError("unreachable")


def _begin(actor: Actor, asked: _Asked, application_id: str | None) -> tuple[Application, bool]:
    """The application, and whether it was made now."""
    organisation = identity.organisation(actor, asked.organisation_id)
    need_role(actor, organisation, ("owner",), APPLYING)
    version = selectors.version(actor, asked.version_id)
    need_issuing(version)
    need_amount(asked.planned_fen)
    before = Application.objects.filter(pk=application_id).first() if application_id else None
    if before is not None:
        return _same(before, asked), False
    known = onrecord.known_facts(organisation, version.programme_id, timezone.now())
    engine.declared_facts(asked.facts, known)
    need_active(version)
    application = Application(
        id=application_id or new_id(),
        programme_version=version,
        organisation=organisation,
        call_id=asked.call_id and selectors.call(asked.call_id).id,
        declared=asked.facts,
        facts={},
        planned_fen=asked.planned_fen,
        decision={},
        state=State.DRAFT,
        submitted_by=actor.identity_id,
        submitted_at=timezone.now(),
    )
    application.save(force_insert=True)
    move(application, State.DRAFT, trigger="draft", actor=actor)
    return application, True


def _same(before: Application, asked: _Asked) -> Application:
    mine = (before.organisation_id, before.programme_version_id, before.planned_fen, before.declared)
    if mine != (asked.organisation_id, asked.version_id, asked.planned_fen, asked.facts):
        raise Conflict(errors.APPLICATION_TAKEN, application=before.id)
    return before


def need_amount(planned_fen: object) -> None:
    """Raises: Refused: ``application.not_an_amount``."""
    if type(planned_fen) is not int or not 0 < planned_fen <= MAX_INTEGER:
        raise Refused(errors.NOT_AN_AMOUNT, planned=planned_fen, limit=MAX_INTEGER)


def need_issuing(version: ProgrammeVersion) -> None:
    """Raises: Refused: ``programme.nothing_issued``, where aid is claimed after use."""
    if engine.issues_nothing(engine.programme_of(version)):
        raise Refused(errors.NOTHING_ISSUED, programme=version.programme_id)


def need_active(version: ProgrammeVersion) -> None:
    """Raises: Refused: ``programme.not_active``."""
    if version.state != ProgrammeVersion.State.ACTIVE:
        raise Refused(
            errors.NOT_ACTIVE, programme=version.programme_id, version=version.version, state=version.state
        )


# --- Submitting ---


def _submit(application: Application, actor: Actor) -> Application:
    """From DRAFT or RETURNED; the engine may approve it at once."""
    now = timezone.now()
    version = application.programme_version
    if application.state == State.DRAFT:
        need_active(version)
        application.call = calls.taking(version, rules.programme_day(now), application.call_id)
    else:
        _begin_round(application)
    application.submitted_by, application.submitted_at = actor.identity_id, now
    application.facts = onrecord.facts_at(application, now)
    triage.need_contract_once(application)
    decision = judge_application(application, now)
    if not awaits_award(decision):
        refuse_ungranted(application, decision)
    application.decision = engine.as_json(decision)
    move(application, State.SUBMITTED, trigger="submit", actor=actor, part=life.AUTHOR, at=now)
    record("application.submitted", application, actor, {"planned_fen": application.planned_fen})
    _open_the_record(application, actor)
    if triage.passes_by_itself(application, now):
        publicity.after_approval(application, now)
    application.save()
    return application


def _begin_round(application: Application) -> None:
    """The steps begin anew; who took them before stays in the rows."""
    application.round += 1
    application.passed = 0
    application.award = {}
    application.reviewed_by, application.reviewed_at, application.review_note = "", None, ""
    application.approved_by, application.approved_at, application.approval_note = "", None, ""
    application.publicity_until, application.publicity_left, application.due_at = None, None, None


def _open_the_record(application: Application, actor: Actor) -> None:
    programme = application.programme_version.programme
    offices = {programme.office_id, *programme.desks.values_list("office_id", flat=True)}
    for office_id in sorted(offices):
        registry.open_record(
            actor=actor,
            organisation_id=application.organisation_id,
            office_id=office_id,
            because=f"application:{application.id}",
        )
