"""The public list: who is to get how much, and objecting to one of them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import faults
from hesuan.hub.console.access import public
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.selectors import PublicLine
from hesuan.wire.ids import new_id


@public
def publicity(request: HttpRequest, actor: Actor) -> HttpResponse:  # noqa: ARG001 - for everybody
    """Every application on the list, newest first."""
    page = page_of(request, selectors.publicised(request.GET.get("programme") or None))
    return render(request, "console/publicity.html", {"rows": page.rows, "page": page})


@public
def one(request: HttpRequest, actor: Actor, *, application_id: str) -> HttpResponse:
    """One line of the list; who has signed in may object to it."""
    row = _line(request, application_id)
    reason = request.POST.get("reason", "")
    objection_id = request.POST.get("objection_id") or new_id()
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        if not actor.identity_id:
            return redirect("account_login")
        try:
            services.object_to(
                actor=actor, application_id=application_id, reason=reason, objection_id=objection_id
            )
            return redirect(f"{request.path}?sent=1")
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    context = {
        "row": row,
        "faults": wrong,
        "reason": reason,
        "objection_id": objection_id,
        "sent": "sent" in request.GET,
    }
    return render(request, "console/publicity_one.html", context, status=status)


def _line(request: HttpRequest, application_id: str) -> PublicLine:
    """What is not on the list is not there, for whomever."""
    for row in selectors.publicised():
        if row.application_id == application_id:
            return row
    raise NotFound(NO_PAGE, path=request.path)
