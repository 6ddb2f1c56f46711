"""The queue of surveillance: flags, what each was judged by, and a person's answer."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import controldesk, faults
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.surveillance import selectors, services


@signed_in
def flags(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What waits for an answer, or what was answered; not there for who may see no flag at all."""
    if not selectors.may_look(actor):
        raise NotFound(NO_PAGE, path=request.path)
    state = request.GET.get("state", "OPEN")
    page = page_of(request, selectors.queue(actor, state=state))
    words = selectors.rule_words()
    context = {
        "rows": [(one, dict(zip(("en", "zh"), words[one.rule], strict=True))) for one in page.rows],
        "page": page,
        "state_asked": state,
        "states": ("OPEN", "CONFIRMED", "DISMISSED"),
        "checked": controldesk.checked(actor),
        "round": selectors.newest_round(),
    }
    return render(request, "console/flags.html", context)


@signed_in
def flag(request: HttpRequest, actor: Actor, *, flag_id: str) -> HttpResponse:
    """One flag; a reviewer or approver of an office it concerns answers it here."""
    row = selectors.flag(actor, flag_id)
    said = {name: request.POST.get(name, "") for name in ("outcome", "measure", "reason")}
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        try:
            services.decide(actor=actor, flag_id=flag_id, **said)
            return redirect(request.path)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    steps = selectors.steps(row)
    context = {
        "row": row,
        "rule": dict(zip(("en", "zh"), selectors.rule_words()[row.rule], strict=True)),
        "concerns": selectors.keys(row),
        "steps": steps,
        "names": identity.names(one.actor for one in steps),
        "measures": services.MEASURES,
        "said": said,
        "faults": wrong,
    }
    return render(request, "console/flag.html", context, status=status)
