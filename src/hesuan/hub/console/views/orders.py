"""Run and meter: orders, their live state and log, and asking for a run's end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError
from hesuan.hub.audit import selectors as audit
from hesuan.hub.console import faults
from hesuan.hub.console.access import is_insider, signed_in
from hesuan.hub.console.evidence import work_units
from hesuan.hub.console.paging import page_of
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market
from hesuan.hub.market.models import Order
from hesuan.hub.metering import selectors as metering
from hesuan.hub.runs import output_selectors, selectors, services
from hesuan.hub.runs.serving import attachment
from hesuan.hub.settlement import selectors as settlement

FINAL = frozenset({"COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED", "REFUSED"})
LOG_TAIL = 20_000
"""Characters of the log that the page shows, from its end."""
OUTPUTS_SHOWN = 200
"""Files that the page lists."""


@signed_in
def orders(request: HttpRequest, actor: Actor) -> HttpResponse:
    page = page_of(request, market.orders(actor))
    context = {"rows": order_rows(actor, page.rows), "page": page, "units": work_units(actor)}
    return render(request, "console/orders.html", context)


def order_rows(actor: Actor, orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Orders with their run and receipt, as the table of orders shows them."""
    receipts = [(one, settlement.receipt_of_order(actor, one.id)) for one in orders]
    return [
        {
            "order": one,
            "witnessed": audit.witnessing_of(receipt.fact if receipt else None).reached,
            "run": selectors.run_of_order(actor, one.id),
            "receipt": receipt,
        }
        for one, receipt in receipts
    ]


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
    """The part of the order page that moves; asks for itself again until nothing moves any more.

    Nothing new since what the page has seen: 204, which leaves the page as it is. So a reader who scrolls
    in the log is disturbed only when there is something to read.
    """
    story = _story(actor, order_id)
    if request.GET.get("seen") == story["mark"]:
        return HttpResponse(status=204)
    return render(request, "console/parts/order_live.html", story)


@signed_in
def output_file(request: HttpRequest, actor: Actor, *, order_id: str, number: int) -> HttpResponseBase:
    """One file that the run has left, to be saved: an attachment that no browser shows or runs."""
    return attachment(request, output_selectors.download(actor, order_id, number))


@signed_in
def elapsed(request: HttpRequest, actor: Actor, *, order_id: str) -> HttpResponse:
    """How long a run has been running, by this server's clock; empty once it has ended."""
    run = selectors.run_of_order(actor, order_id)
    return render(request, "console/parts/elapsed.html", {"run": run, "ended": run.state in FINAL})


def _story(actor: Actor, order_id: str) -> dict[str, Any]:
    found = market.order(actor, order_id)
    run = selectors.run_of_order(actor, order_id)
    receipt = settlement.receipt_of_order(actor, order_id)
    text, only_the_end = selectors.log_tail(actor, run.id, LOG_TAIL)
    states = [one for one in selectors.states(actor, run.id) if one.moved]
    settled = settlement.settlement(actor, order_id)
    usage = metering.usage(actor, run.id)
    done = receipt is not None and (receipt.state == "SIGNED" or bool(receipt.refused_reason))
    output, outputs = output_selectors.output(actor, order_id)
    coming = any(not (one.completed_at or one.left_out) for one in outputs)
    arrived = sum(one.received_bytes for one in outputs)
    seen = (
        f"{run.state}{len(states)}.{run.log_bytes or 0}.{run.log_total_bytes or 0}",
        f"{usage is not None:d}{settled is not None:d}{run.cancel_requested_at is not None:d}",
        f"{receipt.state}{bool(receipt.refused_reason):d}" if receipt else "",
        f"{len(outputs)}.{arrived}{coming:d}" if output else "",
    )
    return {
        "order": found,
        "insider": is_insider(actor, found.organisation_id),
        "units": work_units(actor),
        "doc": found.quote.document,
        "run": run,
        "states": states,
        "log": text,
        "only_the_end": only_the_end,
        "output": output,
        "outputs": outputs[:OUTPUTS_SHOWN],
        "more_outputs": len(outputs) > OUTPUTS_SHOWN,
        "usage": usage,
        "attempts": metering.attempts(actor, run.id),
        "findings": metering.findings(actor, run.id),
        "settlement": settled,
        "receipt": receipt,
        "witnessed": audit.witnessing_of(receipt.fact if receipt else None).reached,
        "moving": coming or not done,
        "mark": "-".join(seen),
        "may_cancel": run.state not in FINAL and actor.has("owner", found.organisation_id),
    }
