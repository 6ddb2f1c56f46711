"""What a programme office watches and publishes: its money, its results, and a year of claims tried out."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import faults, words
from hesuan.hub.console.access import public, signed_in
from hesuan.hub.console.present import both_languages
from hesuan.hub.console.uploads import sent_table
from hesuan.hub.console.views.drafts import chosen
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import selectors, trying
from hesuan.hub.programmes.glance import glance
from hesuan.hub.programmes.models import Application, Programme
from hesuan.hub.programmes.results import results as results_of
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.programmes.selectors import OFFICE_ROLES
from hesuan.hub.registry import file_types
from hesuan.hub.settlement import cells
from hesuan.money import decimal_yuan

CSV_TYPE = "text/csv"


def sees_budget(actor: Actor, programme: Programme) -> bool:
    """Whether the pages of its office are this person's."""
    return sees_everything(actor) or any(actor.has(role, programme.office_id) for role in OFFICE_ROLES)


@signed_in
def budget(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """Each window's money: given, issued, held, redeemed, free; by month; and when it may be gone."""
    seen = glance(actor, programme_id)
    context = {
        "programme": selectors.programme(actor, programme_id),
        "version": chosen(selectors.versions(actor, programme_id), "", request.path),
        "glance": seen,
        "is_office": True,
    }
    return render(request, "console/budget.html", context)


@public
def results(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """What the programme gave; its office sees what is not public as well. One objects elsewhere."""
    found = selectors.programme(actor, programme_id)
    context = {
        "programme": found,
        "version": chosen(selectors.versions(actor, programme_id), "", request.path),
        "rows": [one for one in results_of(actor, programme_id) if one.state == Application.State.ISSUED],
        "open": selectors.publicised(programme_id),
        "is_office": sees_budget(actor, found),
    }
    return render(request, "console/results.html", context)


@public
def results_file(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:  # noqa: ARG001
    """The public list as CSV, for everybody alike; no cell is a formula."""
    found = selectors.programme(actor, programme_id)
    head = (_("Organisation"), _("Programme"), _("Version"), _("Amount"), _("State"), _("When"))
    rows = [
        (
            one.organisation,
            found.id,
            one.version,
            decimal_yuan(one.amount_fen),
            words.APPLICATION.get(one.state, one.state),
            programme_day(one.at).isoformat(),
        )
        for one in results_of(actor, programme_id)
        if one.is_public
    ]
    headers = {
        "Content-Disposition": file_types.content_disposition(f"{found.id}-results.csv"),
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(cells.table(head, rows), content_type=f"{CSV_TYPE}; charset=utf-8", headers=headers)


@signed_in
def simulate(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """Puts a table of claims through a version; neither the table nor the answer is kept."""
    found = selectors.programme(actor, programme_id)
    if not sees_budget(actor, found):
        raise NotFound(NO_PAGE, path=request.path)
    versions = selectors.versions(actor, programme_id)
    version = chosen(versions, request.GET.get("version", ""), request.path)
    wrong: tuple[faults.FaultLine, ...] = ()
    status, tried = 200, None
    if request.method == "POST":
        try:
            tried = _tried(request, actor, version.id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    context = {
        "programme": found,
        "version": version,
        "tried": tried,
        "is_office": True,
        "reasons": [(one, both_languages(one)) for one in tried.reasons] if tried else [],
        "faults": wrong,
        "limit_bytes": settings.UPLOAD_MAX_BYTES,
        "most_rows": trying.MOST_ROWS,
        "grid_rows": trying.GRIDS[-1][0],
    }
    return render(request, "console/simulate.html", context, status=status)


def _tried(request: HttpRequest, actor: Actor, version_id: str) -> trying.Tried:
    """The registry says whether it is a table at all; a claim is no document, so nothing is kept."""
    name, content = sent_table(request)
    return trying.try_claims(actor, version_id, file_name=name, content=content)
