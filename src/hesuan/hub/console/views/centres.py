"""Centres: what they declared beside what was observed, what was measured, and enrolling a site agent."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent, Inventory
from hesuan.hub.console import faults
from hesuan.hub.console.access import public
from hesuan.hub.console.evidence import measured_rates
from hesuan.hub.console.inventory import comparison
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


@public
def centre(request: HttpRequest, actor: Actor, *, centre_id: str) -> HttpResponse:
    selectors.centre(actor, centre_id)
    code, status = "", 200
    wrong: tuple[faults.FaultLine, ...] = ()
    if request.method == "POST":
        try:
            if request.POST.get("verb") == "admit":
                services.admit_centre(actor=actor, centre_id=centre_id)
                return redirect("console:centre", centre_id=centre_id)
            code = services.issue_enrolment_code(actor=actor, centre_id=centre_id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    response = render(request, "console/centre.html", _about(actor, centre_id, code, wrong), status=status)
    if code:
        response["Cache-Control"] = "no-store"
    return response


def _about(actor: Actor, centre_id: str, code: str, wrong: tuple[faults.FaultLine, ...]) -> dict[str, Any]:
    found = selectors.centre(actor, centre_id)
    declared = selectors.inventory(actor, centre_id, Inventory.Source.DECLARED)
    observed = selectors.inventory(actor, centre_id)
    platform = actor.has("platform_operator")
    return {
        "centre": found,
        "agents": _agents(actor, centre_id),
        "declared": declared,
        "observed": observed,
        "comparison": comparison(declared.body if declared else {}, observed.body if observed else {}),
        "rates": measured_rates(actor, centre_id),
        "benchmarks": selectors.benchmarks(actor, centre_id)[:20],
        "offerings": [row for row in market.offerings(actor) if row.centre_id == centre_id],
        "may_enrol": platform or actor.has("centre_operator", found.organisation_id),
        "may_admit": platform and found.state == "applied",
        "code": code,
        "now": timezone.now(),
        "faults": wrong,
    }
