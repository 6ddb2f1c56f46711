"""Centres: what they declared beside what was observed, what was measured, and enrolling a site agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent, Inventory
from hesuan.hub.console import agentdesk, faults
from hesuan.hub.console.access import public
from hesuan.hub.console.deeds import drawn
from hesuan.hub.console.evidence import measured_rates
from hesuan.hub.console.inventory import comparison, differing
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market


@public
def centres(request: HttpRequest, actor: Actor) -> HttpResponse:
    rows = [
        {"centre": one, "agents": _agents(actor, one.id), "rates": measured_rates(actor, one.id)}
        for one in selectors.centres(actor)
    ]
    return render(request, "console/centres.html", {"rows": rows})


def _agents(actor: Actor, centre_id: str) -> list[Agent] | None:
    """The agents of a centre, ``None`` for those who may not look inside."""
    try:
        return selectors.agents(actor, centre_id)
    except NotFound:
        return None


def _capacity(actor: Actor, centre_id: str) -> dict[str, Any] | None:
    """What was free when the agent looked last; ``None`` to who may not look inside."""
    try:
        found = selectors.capacity(actor, centre_id)
    except NotFound:
        return None
    return found.body if found else None


@public
def centre(request: HttpRequest, actor: Actor, *, centre_id: str) -> HttpResponse:
    selectors.centre(actor, centre_id)
    sent, code = request.POST.dict(), ""
    refused: HesuanError | Faults | None = None
    if request.method == "POST":
        try:
            if sent.get("verb") in ("admit", *agentdesk.VERBS):
                _act(actor, centre_id, sent)
                return redirect("console:centre", centre_id=centre_id)
            code = services.issue_enrolment_code(actor=actor, centre_id=centre_id)
        except (HesuanError, Faults) as error:
            refused = error
    about = _about(actor, centre_id, code, sent, refused)
    status = faults.status(refused) if refused else 200
    response = render(request, "console/centre.html", about, status=status)
    if code:
        response["Cache-Control"] = "no-store"
    return response


def _act(actor: Actor, centre_id: str, sent: Mapping[str, str]) -> None:
    if sent["verb"] == "admit":
        services.admit_centre(actor=actor, centre_id=centre_id)
    else:
        agentdesk.act(actor, sent["verb"], agent_id=sent.get("on", ""), reason=sent.get("reason", ""))


def _about(
    actor: Actor,
    centre_id: str,
    code: str,
    sent: Mapping[str, str],
    refused: HesuanError | Faults | None,
) -> dict[str, Any]:
    found = selectors.centre(actor, centre_id)
    declared = selectors.inventory(actor, centre_id, Inventory.Source.DECLARED)
    observed = selectors.inventory(actor, centre_id)
    platform = actor.has("platform_operator")
    may_operate = platform or actor.has("centre_operator", found.organisation_id)
    agents = _agents(actor, centre_id)
    done = drawn(agentdesk.deeds(agents or []) if may_operate else [], sent, refused)
    lines = comparison(declared.body if declared else {}, observed.body if observed else {})
    return {
        "centre": found,
        "agents": None if agents is None else agentdesk.lines(agents, done),
        "declared": declared,
        "observed": observed,
        "comparison": lines,
        "differing": differing(lines),
        "capacity": _capacity(actor, centre_id),
        "rates": measured_rates(actor, centre_id),
        "benchmarks": selectors.benchmarks(actor, centre_id)[:20],
        "offerings": [row for row in market.offerings(actor) if row.centre_id == centre_id],
        "may_enrol": may_operate,
        "may_admit": platform and found.state == "applied",
        "code": code,
        "now": timezone.now(),
        "faults": done.faults,
    }
