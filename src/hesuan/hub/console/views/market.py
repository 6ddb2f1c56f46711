"""Find and quote: offerings, requests for quotes, quotes, and accepting one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from hesuan.errors import Faults, HesuanError
from hesuan.hub.centres import selectors as centres
from hesuan.hub.console import faults, workform
from hesuan.hub.console.access import public, signed_in
from hesuan.hub.console.evidence import Rate, installed_apps, measured_rates, work_units
from hesuan.hub.console.navigation import USERS, roles_of
from hesuan.hub.console.paging import page_of
from hesuan.hub.files import selectors as files
from hesuan.hub.files.models import File
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.market import selectors, services
from hesuan.hub.market.models import QuoteRequest
from hesuan.hub.runs import services as runs

MOST_FILES_SHOWN = 100
"""A form offers the newest files; the API and the command line take any."""


@public
def offerings(request: HttpRequest, actor: Actor) -> HttpResponse:
    known = {centre.id: centre for centre in centres.centres(actor)}
    rates = {centre_id: measured_rates(actor, centre_id) for centre_id in known}
    rows = [
        {"offering": row, "centre": known[row.centre_id], "rates": _within(rates[row.centre_id], row.cores)}
        for row in selectors.offerings(actor)
        if row.centre_id in known
    ]
    return render(request, "console/offerings.html", {"rows": rows, "may_ask": bool(buyers(actor))})


def _within(rates: list[Rate], cores: int) -> list[Rate]:
    return [rate for rate in rates if rate.cores <= cores]


def buyers(actor: Actor) -> list[Organisation]:
    """The organisations for which this person may ask for quotes."""
    if not roles_of(actor) & USERS:
        return []
    return [one for one in identity.organisations(actor) if actor.roles.get(one.id, frozenset()) & USERS]


@signed_in
def quotes(request: HttpRequest, actor: Actor) -> HttpResponse:
    page = page_of(request, selectors.quote_requests(actor))
    rows = [_summary(actor, one) for one in page.rows]
    context = {"rows": rows, "page": page, "may_ask": bool(buyers(actor)), "units": work_units(actor)}
    return render(request, "console/quotes.html", context)


def _summary(actor: Actor, one: QuoteRequest) -> dict[str, Any]:
    found = selectors.quotes(actor, one.id)
    accepted = next((quote for quote in found if quote.state == "ACCEPTED"), None)
    best = accepted or (found[0] if found else None)
    return {"request": one, "count": len(found), "best": best, "accepted": accepted}


@signed_in
def new_quote(request: HttpRequest, actor: Actor) -> HttpResponse:
    apps = installed_apps(actor)
    mine = buyers(actor)
    defaults = {
        "kind": "app",
        "app": apps[0].name if apps else "",
        "cores": "1",
        "organisation": mine[0].id if mine else "",
    }
    texts = workform.typed(request.POST if request.method == "POST" else request.GET, defaults)
    found: dict[str, tuple[faults.FaultLine, ...]] = {}
    status = 200
    here = _complete_files(actor, mine)
    ticked = request.POST.getlist("inputs")
    if request.method == "POST":
        try:
            # One that is here no more keeps its id, so that the market refuses it by that.
            names = {row.id: row.name for row in here}
            work = workform.work_order(texts, {one: names.get(one, one) for one in ticked})
            asked = services.request_quotes(actor=actor, organisation_id=texts["organisation"], work=work)
            return redirect("console:quote", request_id=asked.id)
        except (HesuanError, Faults) as error:
            found, status = workform.by_field(error), faults.status(error)
    form = workform.WorkForm(texts, found, ticked)
    context = {
        "form": form,
        "apps": apps,
        "organisations": mine,
        "files": here[:MOST_FILES_SHOWN],
        "files_in_all": len(here),
    }
    return render(request, "console/quote_new.html", context, status=status)


def _complete_files(actor: Actor, of: list[Organisation]) -> list[File]:
    owners = {one.id for one in of}
    return [row for row in files.files(actor) if row.completed_at and row.organisation_id in owners]


@signed_in
def quote(request: HttpRequest, actor: Actor, *, request_id: str) -> HttpResponse:
    asked = selectors.quote_request(actor, request_id)
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        try:
            order = runs.place_order(
                actor=actor,
                quote_id=request.POST.get("quote_id", ""),
                order_id=request.POST.get("order_id", ""),
            )
            return redirect("console:order", order_id=order.id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    context = {
        "asked": asked,
        "quotes": selectors.quotes(actor, request_id),
        "refusals": selectors.refusals(actor, request_id),
        "units": work_units(actor),
        "may_accept": actor.has("owner", asked.organisation_id),
        "now": timezone.now(),
        "faults": wrong,
    }
    return render(request, "console/quote.html", context, status=status)
