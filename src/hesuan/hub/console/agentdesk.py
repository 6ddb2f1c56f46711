"""What a centre's page shows of its agents, and what its operator may ask of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent
from hesuan.hub.console.deeds import Deed, Drawn
from hesuan.hub.identity.actors import Actor
from hesuan.wire.messages import parse_at

DRAIN = Deed(
    "drain",
    _("Take no new work"),
    _(
        "Runs under way go on to their end. No quote and no order goes there any more; a run that was sent"
        " and has not begun is refused, costs nothing, and its user reads your reason."
    ),
)
RESUME = Deed(
    "resume",
    _("Take new work again"),
    _("It is quoted again once the agent has said so. What was said at the site itself stands."),
    (),
)


VERBS = ("drain", "resume")


@dataclass(frozen=True, slots=True)
class Line:
    """One agent on the page. ``asked`` and the two of ``told`` are ``{"since", "reason"}`` or None."""

    agent: Agent
    takes_work: bool
    asked: dict[str, Any] | None
    by_hub: dict[str, Any] | None
    by_site: dict[str, Any] | None
    deeds: list[Deed]


def deeds(agents: list[Agent]) -> list[Deed]:
    """What may be asked of each agent that is not revoked, by who operates the centre."""
    live = [one for one in agents if one.revoked_at is None]
    return [replace(DRAIN if one.drain_asked is None else RESUME, on=one.id) for one in live]


def lines(agents: list[Agent], drawn: Drawn) -> list[Line]:
    """The agents as the page lists them."""
    return [
        Line(
            agent=one,
            takes_work=one.revoked_at is None and selectors.takes_work(one),
            asked=_dated(one.drain_asked),
            by_hub=_dated((one.drain_told or {}).get("hub")),
            by_site=_dated((one.drain_told or {}).get("site")),
            deeds=drawn.of(one.id),
        )
        for one in agents
    ]


def act(actor: Actor, verb: str, *, agent_id: str, reason: str) -> None:
    """Does one of the deeds.

    Raises:
        As the service of that verb.
    """
    match verb:
        case "drain":
            services.drain_agent(actor=actor, agent_id=agent_id, reason=reason)
        case "resume":
            services.resume_agent(actor=actor, agent_id=agent_id)


def _dated(word: dict[str, Any] | None) -> dict[str, Any] | None:
    return {**word, "since": parse_at(word["since"])} if word else None
