"""Who may do what with what is on record: the one gate of this room's verbs."""

from __future__ import annotations

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.registry import errors

OFFICE_ROLES = ("programme_officer", "reviewer", "approver")

Verb = tuple[str, str]
"""What is asked for, in English and in Chinese."""


def is_clerk(actor: Actor) -> bool:
    """The platform's operator keeps the registry; the hub itself may what they may."""
    return actor.is_system or actor.has("platform_operator")


def offices(actor: Actor) -> list[str]:
    """The programme offices in which somebody works on applications."""
    return [
        one for one in sorted(actor.organisations()) if any(actor.has(role, one) for role in OFFICE_ROLES)
    ]


def may_check(actor: Actor) -> bool:
    """Whether somebody judges what others entered, wherever the record is open to them."""
    return is_clerk(actor) or any(actor.has("reviewer", one) for one in offices(actor))


def need_role(actor: Actor, organisation: Organisation, roles: tuple[str, ...], verb: Verb) -> None:
    """Asks for one of the roles in an organisation that the actor already knows of; the clerk needs none.

    Raises:
        Refused: ``registry.role_missing``.
    """
    if is_clerk(actor) or any(actor.has(role, organisation.id) for role in roles):
        return
    raise role_missing(actor, organisation, roles, verb)


def role_missing(actor: Actor, organisation: Organisation, roles: tuple[str, ...], verb: Verb) -> Refused:
    """The refusal that names the role."""
    return Refused(
        errors.ROLE_MISSING,
        verb=verb[0],
        verb_zh=verb[1],
        role=" / ".join(roles),
        organisation=organisation.name,
        name=actor.name,
    )
