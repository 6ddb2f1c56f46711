"""Conflicts of interest: who acts on an application says first whether they have an interest in it.

Whoever decides without having said so says by deciding that there is none; that is on record as their
declaration. A declared interest ends the matter for that person. So does a relation that nobody declared: the
other organisations a person belongs to are looked up against the applicant in the registry's graph. The
office itself is left out, since a public owner's office would be related to everything it owns.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import errors, rules
from hesuan.hub.programmes.access import OFFICE_ROLES
from hesuan.hub.programmes.checks import Verb, for_step, need_reason
from hesuan.hub.programmes.models import Application, Interest
from hesuan.hub.programmes.steps import record
from hesuan.hub.registry import standing


def declare_interest(*, actor: Actor, application_id: str, conflicted: bool, reason: str = "") -> Interest:
    """Says whether one has an interest in an application; an interest, once declared, stands.

    Args:
        actor: Somebody of an office that decides about the application.
        application_id: The application.
        conflicted: Whether there is an interest.
        reason: Which; needed where there is one.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``programme.role_missing``, ``application.reason_missing``, ``application.interest_stands``.
    """
    verb = ("Declaring an interest", "申报利益冲突")
    with transaction.atomic():
        application = for_step(actor, application_id, OFFICE_ROLES, verb)
        if conflicted:
            need_reason(reason, verb)
        before = _latest(actor, application)
        if before is not None and before.conflicted == conflicted:
            return before
        if before is not None and before.conflicted:
            raise Refused(errors.INTEREST_STANDS, name=actor.name, application=application.id)
        made = _declare(actor, application, conflicted, reason)
        record("application.interest_declared", application, actor, {"conflicted": conflicted}, note=reason)
        return made


def need_no_conflict(actor: Actor, application: Application, verb: Verb) -> None:
    """Refuses a person with an interest, declared or found; records "none" for who has not said.

    Raises:
        Refused: ``application.conflicted``; ``application.related`` with the path.
    """
    before = _latest(actor, application)
    if before is not None and before.conflicted:
        raise Refused(
            errors.CONFLICTED,
            name=actor.name,
            application=application.id,
            reason=before.reason,
            verb=verb[0],
            verb_zh=verb[1],
        )
    _need_unrelated(actor, application, verb)
    if before is None:
        _declare(actor, application, conflicted=False, reason="")


def _need_unrelated(actor: Actor, application: Application, verb: Verb) -> None:
    today = rules.programme_day(timezone.now())
    own = Organisation.objects.filter(pk__in=actor.organisations()).exclude(kind="programme_office")
    for organisation in own.order_by("id"):
        view = standing.related(SYSTEM, organisation.id, application.organisation_id, today)
        if view.related:
            raise Refused(
                errors.RELATED,
                name=actor.name,
                own=organisation.name,
                organisation=application.organisation.name,
                path_en=view.en,
                path_zh=view.zh,
                verb=verb[0],
                verb_zh=verb[1],
            )


def _latest(actor: Actor, application: Application) -> Interest | None:
    rows = Interest.objects.filter(application=application, person=actor.identity_id)
    return rows.order_by("-id").first()


def _declare(actor: Actor, application: Application, conflicted: bool, reason: str) -> Interest:
    return Interest.objects.create(
        application=application,
        person=actor.identity_id,
        conflicted=conflicted,
        reason=reason,
        at=timezone.now(),
    )
