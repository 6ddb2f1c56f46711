"""Reads of the identity room, and the two questions every other room's selectors ask of an actor.

``visible_to`` says which rows of an organisation an actor may know of; what is not visible is *not found*.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Q, QuerySet

from hesuan.errors import NotFound, Refused, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import ApiToken, Identity, Membership, Organisation
from hesuan.hub.identity.rules import SECOND_FACTOR_ROLES, may_hold_both

ORGANISATION_NOT_FOUND = declare(
    "identity.organisation_not_found",
    en="There is no organisation {organisation}, or none that you belong to.",
    zh="没有组织 {organisation}，或您不属于该组织。",
)
SECOND_FACTOR_MISSING = declare(
    "identity.second_factor_missing",
    en="{name} holds the role {role}, which asks for more than a password: set up a one-time-password app.",
    zh="{name} 持有角色 {role}，仅凭密码不足以登录：请先启用动态口令应用。",
)


def actor_of(identity: Identity) -> Actor:
    """The actor that a signed-in identity is, with all its roles."""
    roles: dict[str, set[str]] = defaultdict(set)
    for organisation_id, role in Membership.objects.filter(identity=identity).values_list(
        "organisation_id", "role"
    ):
        roles[organisation_id].add(role)
    frozen = {organisation_id: frozenset(held) for organisation_id, held in roles.items()}
    return Actor(identity_id=identity.id, name=str(identity), roles=frozen)


def sees_everything(actor: Actor) -> bool:
    """The hub itself, an auditor, and the platform's operator see every organisation's rows."""
    return actor.is_system or actor.has("auditor") or actor.has("platform_operator")


def visible_to(actor: Actor, path: str = "organisation_id") -> Q:
    """The condition on a query that leaves what an actor may know of.

    Args:
        actor: Who asks.
        path: From the queried row to an organisation's id, such as ``order__organisation_id``.
    """
    return Q() if sees_everything(actor) else Q(**{f"{path}__in": sorted(actor.organisations())})


def organisations(actor: Actor) -> list[Organisation]:
    """The organisations an actor belongs to, by name (all of them, for those who see everything)."""
    return list(Organisation.objects.filter(visible_to(actor, "id")).order_by("name", "id"))


def organisation(actor: Actor, organisation_id: str) -> Organisation:
    """One organisation.

    Raises:
        NotFound: it does not exist, or the actor does not belong to it; the two are told alike.
    """
    found = Organisation.objects.filter(visible_to(actor, "id"), pk=organisation_id).first()
    if found is None:
        raise NotFound(ORGANISATION_NOT_FOUND, organisation=organisation_id)
    return found


def granting_in(actor: Actor, organisation_id: str) -> Organisation:
    """An organisation in which the actor asks for people and roles; a security administrator knows every one.

    Raises:
        NotFound: as :func:`organisation`.
    """
    known = Q() if actor.has("security_admin") else visible_to(actor, "id")
    found = Organisation.objects.filter(known, pk=organisation_id).first()
    if found is None:
        raise NotFound(ORGANISATION_NOT_FOUND, organisation=organisation_id)
    return found


def members(actor: Actor, organisation_id: str) -> QuerySet[Membership]:
    """Who belongs to an organisation, with their roles.

    A security administrator, who gives roles, is told too, and of no organisation anything else.

    Raises:
        NotFound: as :func:`organisation`.
    """
    granting_in(actor, organisation_id)
    found = Membership.objects.filter(organisation_id=organisation_id)
    return found.select_related("identity").order_by("identity__username", "role")


def roles_to_separate() -> list[tuple[Identity, list[Membership]]]:
    """Everybody who holds roles from before that one person may not hold together, with those roles."""
    held: dict[str, list[Membership]] = defaultdict(list)
    for one in Membership.objects.select_related("identity", "organisation").order_by("role", "id"):
        held[one.identity_id].append(one)
    return [
        (clashing[0].identity, clashing)
        for rows in held.values()
        if (
            clashing := [
                one for one in rows if not all(may_hold_both(one.role, other.role) for other in rows)
            ]
        )
    ]


def tokens(actor: Actor) -> list[ApiToken]:
    """The actor's own tokens, newest first; revoked and ended ones too."""
    return list(ApiToken.objects.filter(identity_id=actor.identity_id).order_by("-created_at"))


def second_factor_missing(identity: Identity, of_the_issuer: object = "") -> str:
    """The role for which this identity lacks the second factor it should have; empty: none.

    Always empty where ``HESUAN_REQUIRE_MFA`` is off.

    Args:
        identity: Who asks.
        of_the_issuer: What the session knows of a second factor that its issuer asked for
            (``HESUAN_OIDC_SECOND_FACTOR``); a token has no session, so nothing.
    """
    if not settings.REQUIRE_MFA or of_the_issuer in settings.ENVIRONMENT.oidc_second_factor:
        return ""
    if Authenticator.objects.filter(user=identity, type=Authenticator.Type.TOTP).exists():
        return ""
    role = identity.memberships.filter(role__in=SECOND_FACTOR_ROLES).values_list("role", flat=True).first()
    return role or ""


def require_second_factor(identity: Identity, of_the_issuer: object = "") -> None:
    """Asks for the second factor.

    Raises:
        Refused: ``identity.second_factor_missing``.
    """
    if role := second_factor_missing(identity, of_the_issuer):
        raise Refused(SECOND_FACTOR_MISSING, name=str(identity), role=role)


def names(identity_ids: Iterable[str]) -> dict[str, str]:
    """Identity id → the name people use, for pages that say who did what. Ids nobody has are left out.

    The caller shows it only beside an object that the reader may see.
    """
    wanted = [identity_id for identity_id in identity_ids if identity_id]
    return {one.id: str(one) for one in Identity.objects.filter(pk__in=wanted)}
