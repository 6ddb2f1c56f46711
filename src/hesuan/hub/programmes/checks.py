"""Checks that the room's verbs make before they write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import application_selectors, waiting
from hesuan.hub.programmes.errors import (
    APPLICATION_REASON_MISSING,
    NOT_A_VERDICT,
    OWN_APPLICATION,
    ROLE_MISSING,
    SAME_PERSON,
    VOUCHER_OWN,
    VOUCHER_REASON,
    VOUCHER_STATE,
    WRONG_STATE,
)
from hesuan.hub.programmes.models import Application, Voucher

Verb = tuple[str, str]
"""What is asked for, in English and in Chinese."""

_PARTS = {"author": ("its author", "申领人"), "resolver": ("who decided an objection", "异议处理人")}


def need_role(actor: Actor, organisation: Organisation, roles: tuple[str, ...], verb: Verb) -> None:
    """Asks for one of the roles in an organisation that the actor already knows of; the hub needs none.

    Raises:
        Refused: ``programme.role_missing``.
    """
    if actor.is_system or any(actor.has(role, organisation.id) for role in roles):
        return
    raise Refused(
        ROLE_MISSING,
        verb=verb[0],
        verb_zh=verb[1],
        role=" / ".join(roles),
        organisation=organisation.name,
        name=actor.name,
    )


def need_verdict(verdict: str, known: tuple[str, ...], reason: str, verb: Verb) -> None:
    """One of the known answers; every one but the first needs a reason.

    Raises:
        Refused: ``application.not_a_verdict``, ``application.reason_missing``.
    """
    if verdict not in known:
        raise Refused(NOT_A_VERDICT, verdict=verdict[:40], known=", ".join(known))
    if verdict != known[0]:
        need_reason(reason, verb)


def need_reason(reason: str, verb: Verb) -> None:
    """Raises: Refused: ``application.reason_missing``."""
    if not reason.strip():
        raise Refused(APPLICATION_REASON_MISSING, verb=verb[0], verb_zh=verb[1])


def need_another_person(actor: Actor, application: Application, part: str, verb: Verb) -> None:
    """Four eyes over all rounds, and eyes from outside the applicant.

    Raises:
        Refused: ``application.same_person``, ``application.own_organisation``.
    """
    acted = waiting.acted_as(actor.identity_id, application, step=part)
    if acted is not None:
        words = _PARTS.get(acted, (f"step `{acted}`", f"环节“{acted}”"))
        raise Refused(
            SAME_PERSON,
            name=actor.name,
            application=application.id,
            part=words[0],
            part_zh=words[1],
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
    seen = application_selectors.application(actor, application_id)
    need_role(actor, seen.programme_version.programme.office, roles, verb)
    return locked(seen.pk)


def for_step(
    actor: Actor, application_id: str, roles: tuple[str, ...], verb: Verb, kind: str = ""
) -> Application:
    """The application under lock, for somebody with a role in an office that takes one of its steps.

    Args:
        actor: Who.
        application_id: Which.
        roles: One of these is needed.
        verb: For the refusal.
        kind: ``review`` or ``approve``: at a step of this kind only; while one is waiting, at that one.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``programme.role_missing``.
    """
    row = locked(application_selectors.application(actor, application_id).pk)
    office = row.programme_version.programme.office
    waits = waiting.current_step(row)
    steps = [one for one in waiting.steps_of(row) if kind in ("", one.verb)]
    if waits is not None and waits in steps and kind:
        steps = [waits]
    offices = {waiting.desk_of(row, one) for one in steps} or {office.id}
    if not any(actor.has(role, one) for role in roles for one in offices):
        named = office if office.id in offices else Organisation.objects.get(pk=min(offices))
        need_role(actor, named, roles, verb)
    return row


def for_applicant(actor: Actor, application_id: str, verb: Verb) -> Application:
    """The application under lock, for an owner of the organisation that applies.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``programme.role_missing``.
    """
    seen = application_selectors.application(actor, application_id)
    need_role(actor, seen.organisation, ("owner",), verb)
    return locked(seen.pk)


def locked(application_id: str) -> Application:
    """The application's row, held until the transaction ends."""
    rows = Application.objects.select_for_update(of=("self",))
    return rows.select_related("programme_version__programme__office", "organisation", "call").get(
        pk=application_id
    )


def need_state(application: Application, needed: str | Iterable[str], verb: Verb) -> None:
    """Raises: Refused: ``application.wrong_state``."""
    states = (needed,) if isinstance(needed, str) else tuple(needed)
    if application.state not in states:
        raise wrong_state(application, " / ".join(states), verb)


def wrong_state(application: Application, needed: str, verb: Verb) -> Refused:
    """The refusal that names both states."""
    return Refused(
        WRONG_STATE,
        application=application.id,
        state=application.state,
        needed=needed,
        verb=verb[0],
        verb_zh=verb[1],
    )


def need_voucher_state(voucher: Voucher, needed: Sequence[str], verb: Verb) -> None:
    """Raises: Refused: ``voucher.wrong_state``."""
    if voucher.state not in needed:
        raise Refused(
            VOUCHER_STATE,
            voucher=voucher.code,
            state=voucher.state,
            needed=" / ".join(needed),
            verb=verb[0],
            verb_zh=verb[1],
        )


def need_words(reason: str, verb: Verb) -> None:
    """Raises: Refused: ``voucher.reason_missing``."""
    if not reason.strip():
        raise Refused(VOUCHER_REASON, verb=verb[0], verb_zh=verb[1])


def need_outsider(actor: Actor, voucher: Voucher, verb: Verb) -> None:
    """Raises: Refused: ``voucher.own_organisation``."""
    if voucher.organisation_id in actor.organisations():
        raise Refused(
            VOUCHER_OWN,
            name=actor.name,
            organisation=voucher.organisation.name,
            verb=verb[0],
            verb_zh=verb[1],
        )
