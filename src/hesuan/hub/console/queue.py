"""Applications by whom they wait on, since when: what a programme office opens in the morning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors
from hesuan.hub.programmes.models import Application

WAITS_ON = {"SUBMITTED": "reviewer", "REVIEWED": "approver", "APPROVED": "programme_officer"}
"""State → the role that has to act next; none for the others."""
VERBS = {
    "SUBMITTED": ("review", ("reviewer",)),
    "REVIEWED": ("approve", ("approver",)),
    "APPROVED": ("issue", ("programme_officer", "approver")),
}
"""State → the verb of the next step and the office roles that may take it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One application with the role it waits on (empty: none) and since when."""

    application: Application
    role: str
    since: datetime


def waiting(application: Application) -> Waiting:
    """Whom an application waits on; since its last step."""
    since = application.approved_at or application.reviewed_at or application.submitted_at
    return Waiting(application, WAITS_ON.get(application.state, ""), since)


def waiting_for(actor: Actor) -> list[Waiting]:
    """What waits for this person, oldest first."""
    return [waiting(one) for one in selectors.queue(actor)]


def next_verb(actor: Actor, application: Application) -> str:
    """The step this person may take now, empty where it is somebody else's; services decide in the end."""
    verb, roles = VERBS.get(application.state, ("", ()))
    office = application.programme_version.programme.office_id
    acted = {application.submitted_by, application.reviewed_by}
    outsider = application.organisation_id not in actor.organisations()
    if not outsider or not any(actor.has(role, office) for role in roles):
        return ""
    return verb if verb == "issue" or actor.identity_id not in acted else ""
