"""What has to come back, and what suppliers have in advance: clawbacks and floats."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import claimdeeds, faults, floatdesk
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.deeds import drawn, need_sure
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes.ahead import today
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement import clawing, floats


@signed_in
def clawback(request: HttpRequest, actor: Actor, *, clawback_id: str) -> HttpResponse:
    """One clawback: what is due to whom, what became of it, and the next step."""
    found = reads.clawback(actor, clawback_id)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        sent = request.POST.dict()
        try:
            need_sure(sent, claimdeeds.final_of_clawback(found))
            if not claimdeeds.act_on_clawback(actor, found, sent):
                raise NotFound(NO_PAGE, path=request.path)
            return redirect("console:clawback", clawback_id=clawback_id)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
            found = reads.clawback(actor, clawback_id)
    steps = list(found.steps.order_by("id"))
    done = drawn(claimdeeds.of_a_clawback(actor, found), request.POST.dict(), error)
    context = {
        "clawback": found,
        "left": sorted(clawing.left_of(found).items()),
        "left_fen": sum(clawing.left_of(found).values()),
        "parts": list(found.parts.order_by("id")),
        "steps": steps,
        "people": identity.names({one.actor for one in steps}),
        "deeds": done.plain,
        "faults": done.faults,
    }
    return render(request, "console/clawback.html", context, status=faults.status(error) if error else 200)


@signed_in
def one_float(request: HttpRequest, actor: Actor, *, programme_id: str, centre_id: str) -> HttpResponse:
    """A supplier's float in one year: opening, in, drawn, given back, closing, and every movement."""
    found = floatdesk.one(actor, programme_id, centre_id, request.path)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        sent = request.POST.dict()
        try:
            need_sure(sent, floatdesk.FINAL)
            if not floatdesk.act(actor, found, sent):
                raise NotFound(NO_PAGE, path=request.path)
            return redirect("console:float", programme_id=programme_id, centre_id=centre_id)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    year = _year(request)
    statement = floats.statement(actor, programme_id=programme_id, centre_id=centre_id, year=year)
    done = drawn(floatdesk.deeds(actor, found), request.POST.dict(), error)
    context = {
        "float": found,
        "room_fen": None if found.size_fen is None else max(0, found.size_fen - found.balance_fen),
        "statement": statement,
        "year": year,
        "years": [year - 1, year + 1] if year < today().year else [year - 1],
        "people": identity.names({one.booked_by for one in statement.movements}),
        "deeds": done.plain,
        "faults": done.faults,
    }
    return render(request, "console/float.html", context, status=faults.status(error) if error else 200)


def _year(request: HttpRequest) -> int:
    """The year of the address, this year without.

    Raises:
        NotFound: ``console.no_such_page``, for what is no year of ours.
    """
    text = request.GET.get("year", "") or str(today().year)
    if not (text.isascii() and text.isdigit() and 2000 <= int(text[:5]) <= today().year):
        raise NotFound(NO_PAGE, path=request.get_full_path())
    return int(text)
