"""Applications: the queue with what waits on whom, and reviewing, approving and issuing one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import faults
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.queue import next_verb, waiting, waiting_for
from hesuan.hub.console.views.applying import WRITABLE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Application
from hesuan.hub.registry import selectors as registry


@signed_in
def applications(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Those that wait for this person, then all that wait, longest first, then those that ended."""
    rows = [waiting(one) for one in selectors.applications(actor)]
    page = page_of(request, [row for row in rows if not row.role])
    context = {
        "mine": waiting_for(actor),
        "waiting": sorted((row for row in rows if row.role), key=lambda row: row.since),
        "ended": page.rows,
        "page": page,
    }
    return render(request, "console/applications.html", context)


@signed_in
def application(request: HttpRequest, actor: Actor, *, application_id: str) -> HttpResponse:
    """One application with its history and the next step."""
    found = selectors.application(actor, application_id)
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        try:
            _act(request, actor, found)
            return redirect("console:application", application_id=application_id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    context = {**_about(actor, application_id), "faults": wrong, "note": request.POST.get("note", "")}
    return render(request, "console/application.html", context, status=status)


def _act(request: HttpRequest, actor: Actor, found: Application) -> None:
    verb, verdict = request.POST.get("verb", ""), request.POST.get("verdict", "")
    note = request.POST.get("note", "")
    if verb == "issue":
        services.issue(actor=actor, application_id=found.id)
    elif verb == "approve":
        services.approve(actor=actor, application_id=found.id, verdict=verdict, note=note)
    else:
        services.review(actor=actor, application_id=found.id, verdict=verdict, note=note)


def _about(actor: Actor, application_id: str) -> dict[str, Any]:
    found = selectors.application(actor, application_id)
    vouchers = [row.voucher for row in selectors.vouchers(actor, found.organisation_id)]
    state = waiting(found)
    steps = selectors.steps(actor, application_id)
    objections = selectors.objections(actor, application_id)
    return {
        "application": found,
        "sees_record": _sees_record(actor, found),
        "voucher": next((one for one in vouchers if one.application_id == found.id), None),
        "steps": steps,
        "objections": objections,
        "people": identity.names([*(one.actor for one in steps), *(one.raised_by for one in objections)]),
        "waits": selectors.waiting_on(found),
        "may_amend": found.state in WRITABLE and actor.has("owner", found.organisation_id),
        "waits_on": state.role,
        "since": state.since,
        "verb": next_verb(actor, found),
    }


def _sees_record(actor: Actor, found: Application) -> bool:
    """Whether the applicant's record is open to this person; it need not be to a desk."""
    try:
        registry.organisation(actor, found.organisation_id)
    except NotFound:
        return False
    return True
