"""What a centre's page shows of its agents, and what its operator may ask of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent, Report
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


REPORT = Deed(
    "report",
    _("Ask for a report"),
    _("The agent says its version, its clock, what waits, and each run with the state its scheduler shows."),
    (),
)
VERBS = ("drain", "resume", "report")


@dataclass(frozen=True, slots=True)
class Line:
    """One agent on the page. ``asked`` and the two of ``told`` are ``{"since", "reason"}`` or None."""

    agent: Agent
    takes_work: bool
    asked: dict[str, Any] | None
    by_hub: dict[str, Any] | None
    by_site: dict[str, Any] | None
    deeds: list[Deed]
    report: Report | None
    report_awaited: bool


def deeds(agents: list[Agent]) -> list[Deed]:
    """What may be asked of each agent that is not revoked, by who operates the centre."""
    live = [one for one in agents if one.revoked_at is None]
    both = [(one.id, (DRAIN if one.drain_asked is None else RESUME, REPORT)) for one in live]
    return [replace(deed, on=agent_id) for agent_id, deeds_of in both for deed in deeds_of]


def lines(agents: list[Agent], drawn: Drawn) -> list[Line]:
    """The agents as the page lists them."""
    reports = {one.id: selectors.report_of(one) for one in agents}
    return [
        Line(
            agent=one,
            takes_work=one.revoked_at is None and selectors.takes_work(one),
            asked=_dated(one.drain_asked),
            by_hub=_dated((one.drain_told or {}).get("hub")),
            by_site=_dated((one.drain_told or {}).get("site")),
            deeds=drawn.of(one.id),
            report=reports[one.id][0],
            report_awaited=reports[one.id][1],
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
        case "report":
            services.request_report(actor=actor, agent_id=agent_id)


def _dated(word: dict[str, Any] | None) -> dict[str, Any] | None:
    return {**word, "since": parse_at(word["since"])} if word else None
