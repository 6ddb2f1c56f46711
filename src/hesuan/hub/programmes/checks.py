"""Checks that the room's verbs make before they write."""

from __future__ import annotations

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import rules, selectors
from hesuan.hub.programmes.errors import (
    NOT_A_VERDICT,
    OWN_APPLICATION,
    ROLE_MISSING,
    SAME_PERSON,
    WRONG_STATE,
)
from hesuan.hub.programmes.models import Application

Verb = tuple[str, str]
"""What is asked for, in English and in Chinese."""


def need_role(actor: Actor, organisation: Organisation, roles: tuple[str, ...], verb: Verb) -> None:
    """Asks for one of the roles in an organisation that the actor already knows of.

    Raises:
        Refused: ``programme.role_missing``.
    """
    if any(actor.has(role, organisation.id) for role in roles):
        return
    raise Refused(
        ROLE_MISSING,
        verb=verb[0],
        verb_zh=verb[1],
        role=" / ".join(roles),
        organisation=organisation.name,
        name=actor.name,
    )


def need_verdict(verdict: str) -> None:
    """Raises: Refused: ``application.not_a_verdict``."""
    if verdict not in (rules.PASS, rules.REJECT):
        raise Refused(NOT_A_VERDICT, verdict=verdict[:40])


def need_another_person(actor: Actor, application: Application, parts: tuple[str, ...], verb: Verb) -> None:
    """Four eyes, and eyes from outside the applicant.

    Raises:
        Refused: ``application.same_person``, ``application.own_organisation``.
    """
    acted = rules.acted_as(actor.identity_id, {part: getattr(application, part) for part in parts})
    if acted is not None:
        raise Refused(
            SAME_PERSON,
            name=actor.name,
            application=application.id,
            part=acted[0],
            part_zh=acted[1],
            verb=verb[0],
            verb_zh=verb[1],
        )
    if application.organisation_id in actor.organisations():
        raise Refused(
            OWN_APPLICATION,
            name=actor.name,
            organisation=application.organisation.name,
            verb=verb[0],
            verb_zh=verb[1],
        )


def for_office(actor: Actor, application_id: str, roles: tuple[str, ...], verb: Verb) -> Application:
    """The application under lock, for somebody with a role in its programme's office.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``programme.role_missing``.
    """
    seen = selectors.application(actor, application_id)
    need_role(actor, seen.programme_version.programme.office, roles, verb)
    locked = Application.objects.select_for_update(of=("self",))
    return locked.select_related("programme_version__programme__office", "organisation").get(pk=seen.pk)


def need_state(application: Application, needed: str, verb: Verb) -> None:
    """Raises: Refused: ``application.wrong_state``."""
    if application.state != needed:
        raise Refused(
            WRONG_STATE,
            application=application.id,
            state=application.state,
            needed=needed,
            verb=verb[0],
            verb_zh=verb[1],
        )
