"""Applications by whom they wait on, since when: what a programme office opens in the morning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors
from hesuan.hub.programmes.models import Application


@dataclass(frozen=True, slots=True)
class Waiting:
    """One application with the role it waits on (empty: none) and since when."""

    application: Application
    role: str
    since: datetime


def waiting(application: Application) -> Waiting:
    """Whom an application waits on; since its last step."""
    waits = selectors.waiting_on(application)
    return Waiting(application, waits.role, waits.since)


def waiting_for(actor: Actor) -> list[Waiting]:
    """What waits for this person, oldest first."""
    return [waiting(one) for one in selectors.queue(actor)]


def next_verb(actor: Actor, application: Application) -> str:
    """The step this person may take now, empty where it is somebody else's; services decide in the end."""
    waits = selectors.waiting_on(application)
    if waits.verb not in ("review", "approve", "issue"):
        return ""
    office = application.programme_version.programme.office_id
    outsider = application.organisation_id not in actor.organisations()
    if waits.verb == "issue" and outsider and actor.has("approver", office):
        return waits.verb
    return waits.verb if selectors.may_act(actor, application) else ""
