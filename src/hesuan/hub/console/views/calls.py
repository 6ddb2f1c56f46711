"""A programme's calls: when applications are taken; its officers open and close them here."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import calldesk, faults
from hesuan.hub.console.access import public
from hesuan.hub.console.deeds import drawn, need_sure
from hesuan.hub.console.views.drafts import chosen
from hesuan.hub.console.views.office import sees_budget
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import ahead, selectors
from hesuan.hub.programmes.models import Programme, ProgrammeVersion


@public
def calls(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """Every call with its days and state; to the office also who takes which step of the review."""
    programme = selectors.programme(actor, programme_id)
    version = chosen(selectors.versions(actor, programme_id), "", request.path)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        if not actor.identity_id:
            return redirect("account_login")
        try:
            _act(request, actor, programme, version)
            return redirect("console:programme_calls", programme_id=programme_id)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    context = _about(request, actor, programme, version, error)
    status = faults.status(error) if error else 200
    return render(request, "console/calls.html", context, status=status)


def _act(request: HttpRequest, actor: Actor, programme: Programme, version: ProgrammeVersion) -> None:
    """A call of another programme is not closed from this page."""
    sent = request.POST.dict()
    need_sure(sent, calldesk.FINAL)
    known = [one.id for one in selectors.calls(programme.id)]
    elsewhere = sent.get("verb") == "close" and sent.get("on") not in known
    if elsewhere or not calldesk.act(actor, programme.id, version, sent):
        raise NotFound(NO_PAGE, path=request.path)


def _about(
    request: HttpRequest,
    actor: Actor,
    programme: Programme,
    version: ProgrammeVersion,
    error: HesuanError | Faults | None,
) -> dict[str, object]:
    found = selectors.calls(programme.id)
    done = drawn(calldesk.deeds(actor, programme, version, found), request.POST.dict(), error)
    is_office = sees_budget(actor, programme)
    return {
        "programme": programme,
        "version": version,
        "is_office": is_office,
        "rows": [
            {"call": one, "state": one.state_on(ahead.today()), "deeds": done.of(one.id)} for one in found
        ],
        "windows": ahead.windows(version),
        "steps": _steps(actor, programme, version) if is_office else [],
        "deeds": done.plain,
        "faults": done.faults,
    }


def _steps(actor: Actor, programme: Programme, version: ProgrammeVersion) -> list[dict[str, object]]:
    """The review's steps in order, each with the office that takes it."""
    taken = {one.step: one.office for one in selectors.desks(actor, programme.id)}
    return [{"name": one, "office": taken.get(one, programme.office)} for one in ahead.review_steps(version)]
