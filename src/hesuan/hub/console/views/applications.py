"""Applications: the queue with what waits on whom, and reviewing, approving and issuing one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import applicationdesk, faults
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.deeds import drawn, need_sure
from hesuan.hub.console.entryform import Input
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.queue import next_verb, waiting, waiting_for
from hesuan.hub.console.views.applying import WRITABLE
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Application, Interest
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
    """One application with its history, the next step, and what else this person may do."""
    found = selectors.application(actor, application_id)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        try:
            _act(request, actor, found)
            return redirect("console:application", application_id=application_id)
        except (HesuanError, Faults) as refused:
            error = refused
    context = _about(actor, application_id, request.POST.dict(), error)
    status = faults.status(error) if error else 200
    return render(request, "console/application.html", context, status=status)


def _act(request: HttpRequest, actor: Actor, found: Application) -> None:
    sent = request.POST.dict()
    verb, verdict, note = (sent.get(name, "") for name in ("verb", "verdict", "note"))
    need_sure(sent, applicationdesk.FINAL)
    if verb == "issue":
        services.issue(actor=actor, application_id=found.id)
    elif verb == "approve":
        award = applicationdesk.award(sent) if verdict == "pass" else {}
        services.approve(actor=actor, application_id=found.id, verdict=verdict, note=note, award=award)
    elif verb == "review":
        services.review(actor=actor, application_id=found.id, verdict=verdict, note=note)
    elif not applicationdesk.act(actor, found, next_verb(actor, found), sent):
        raise NotFound(NO_PAGE, path=request.path)


def _about(
    actor: Actor, application_id: str, sent: dict[str, Any], error: HesuanError | Faults | None
) -> dict[str, Any]:
    found = selectors.application(actor, application_id)
    vouchers = [row.voucher for row in selectors.vouchers(actor, found.organisation_id)]
    state = waiting(found)
    steps = selectors.steps(actor, application_id)
    objections = selectors.objections(actor, application_id)
    verb = next_verb(actor, found)
    interests = _interests(actor, found)
    conflicted = any(one.conflicted and one.person == actor.identity_id for one in interests)
    offered = applicationdesk.deeds(actor, found, verb, objections, conflicted=conflicted)
    done = drawn(offered, sent, error)
    people = {*(one.actor for one in steps), *(one.raised_by for one in objections)}
    return {
        "application": found,
        "sees_record": _sees_record(actor, found),
        "voucher": next((one for one in vouchers if one.application_id == found.id), None),
        "steps": steps,
        "objections": [{"objection": one, "deeds": done.of(one.id)} for one in objections],
        "interests": [one for one in interests if one.conflicted],
        "conflicted": conflicted,
        "people": identity.names({*people, *(one.person for one in interests)}),
        "waits": selectors.waiting_on(found),
        "may_amend": found.state in WRITABLE and actor.has("owner", found.organisation_id),
        "waits_on": state.role,
        "since": state.since,
        "verb": verb,
        "award": _award(found, verb, sent),
        "deeds": done.plain,
        "faults": done.faults,
        "note": sent.get("note", ""),
    }


def _award(found: Application, verb: str, sent: dict[str, Any]) -> list[Input]:
    if not applicationdesk.asks_award(found, verb):
        return []
    return [replace(one, value=sent.get(one.name, "")) for one in applicationdesk.AWARD]


def _interests(actor: Actor, found: Application) -> list[Interest]:
    """What the office's people declared; nobody else is told."""
    try:
        return selectors.interests(actor, found.id)
    except NotFound:
        return []


def _sees_record(actor: Actor, found: Application) -> bool:
    """Whether the applicant's record is open to this person; it need not be to a desk."""
    try:
        registry.organisation(actor, found.organisation_id)
    except NotFound:
        return False
    return True
