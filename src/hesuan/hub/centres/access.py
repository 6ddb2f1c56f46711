"""Who may act on a centre: the one gate of this room's services."""

from __future__ import annotations

from hesuan.errors import Refused, declare
from hesuan.hub.centres import rules, selectors
from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.actors import Actor

ROLE_MISSING = declare(
    "centre.role_missing",
    en="This needs the role {role} at {at}. Ask who manages the memberships there.",
    zh="此操作需要在{at}担任 {role} 角色。请联系管理成员身份的人员。",
)


def operated_centre(actor: Actor, centre_id: str) -> Centre:
    """The centre, for who may operate it; a stranger learns nothing."""
    centre = selectors.inner_centre(actor, centre_id)
    roles = selectors.roles_in(actor, centre.organisation_id)
    if not rules.may_operate(roles, by_platform=is_platform(actor)):
        raise Refused(ROLE_MISSING, role="centre_operator", at=centre.name)
    return centre


def is_platform(actor: Actor) -> bool:
    return actor.is_system or actor.has("platform_operator")
