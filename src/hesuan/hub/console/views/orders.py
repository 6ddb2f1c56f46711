"""Run and meter: orders, their live state and log, and asking for a run's end."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError
from hesuan.hub.console import faults
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.evidence import work_units
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market
from hesuan.hub.metering import selectors as metering
from hesuan.hub.runs import selectors, services
from hesuan.hub.settlement import selectors as settlement

FINAL = frozenset({"COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED", "REFUSED"})
LOG_TAIL = 20_000
"""Characters of the log that the page shows, from its end."""


@signed_in
def orders(request: HttpRequest, actor: Actor) -> HttpResponse:
    receipts = {one.settlement.order_id: one for one in settlement.receipts(actor)}
    rows = [
        {"order": one, "run": selectors.run_of_order(actor, one.id), "receipt": receipts.get(one.id)}
        for one in market.orders(actor)
    ]
    return render(request, "console/orders.html", {"rows": rows, "units": work_units(actor)})


@signed_in
def order(request: HttpRequest, actor: Actor, *, order_id: str) -> HttpResponse:
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        try:
            services.cancel(actor=actor, order_id=order_id)
            return redirect("console:order", order_id=order_id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
            if status == 404:
                raise
    context = {**_story(actor, order_id), "faults": wrong}
    return render(request, "console/order.html", context, status=status)


@signed_in
def live(request: HttpRequest, actor: Actor, *, order_id: str) -> HttpResponse:
    """The part of the order page that moves; asks for itself again until nothing moves any more."""
    return render(request, "console/parts/order_live.html", _story(actor, order_id))


def _story(actor: Actor, order_id: str) -> dict[str, Any]:
    found = market.order(actor, order_id)
    run = selectors.run_of_order(actor, order_id)
    receipt = settlement.receipt_of_order(actor, order_id)
    text = selectors.log_text(actor, run.id).text
    done = receipt is not None and (receipt.state == "SIGNED" or bool(receipt.refused_reason))
    return {
        "order": found,
        "units": work_units(actor),
        "doc": found.quote.document,
        "run": run,
        "states": [one for one in selectors.states(actor, run.id) if one.moved],
        "log": text[-LOG_TAIL:],
        "log_cut": len(text) > LOG_TAIL,
        "usage": metering.usage(actor, run.id),
        "findings": metering.findings(actor, run.id),
        "settlement": settlement.settlement(actor, order_id),
        "receipt": receipt,
        "moving": not done,
        "may_cancel": run.state not in FINAL and actor.has("owner", found.organisation_id),
    }
