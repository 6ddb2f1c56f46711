"""The first page: what this is, for everybody; what waits for you, once you have signed in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from hesuan.hub.audit import selectors as audit
from hesuan.hub.centres import selectors as centres
from hesuan.hub.console import claimdesk, voucherdesk
from hesuan.hub.console.access import public
from hesuan.hub.console.evidence import work_units
from hesuan.hub.console.navigation import USERS, roles_of
from hesuan.hub.console.purse import balances
from hesuan.hub.console.queue import waiting_for
from hesuan.hub.console.views.orders import order_rows
from hesuan.hub.identity.actors import Actor
from hesuan.hub.insight import selectors as insight
from hesuan.hub.market import selectors as market
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.settlement import claim_selectors as reads

LATEST = 6
"""Orders shown on the first page."""


@public
def page(request: HttpRequest, actor: Actor) -> HttpResponse:
    checkpoint = audit.latest_checkpoint()
    context: dict[str, Any] = {
        "checkpoint": checkpoint,
        "root": bytes(checkpoint.root).hex() if checkpoint else "",
        "centre_count": len(centres.centres(actor)),
        "offering_count": len(market.offerings(actor)),
    }
    if actor.identity_id:
        context |= _desk(actor)
    return render(request, "console/home.html", context)


def _desk(actor: Actor) -> dict[str, Any]:
    """What one person has before them today."""
    latest = market.orders(actor)[:LATEST]
    return {
        "units": work_units(actor),
        "rows": order_rows(actor, latest),
        "balances": balances(actor),
        "vouchers": [row for row in programmes.vouchers(actor) if row.available_fen][:LATEST],
        "signals": insight.signals(actor),
        "waiting": waiting_for(actor),
        "claims": [
            {"claim": one, "totals": reads.totals(one), "waits": reads.waiting_on(one)}
            for one in claimdesk.waits_for(actor)[:LATEST]
        ],
        "batches": claimdesk.batches_for(actor),
        "suspended": voucherdesk.suspended_for(actor),
        "undecided": voucherdesk.undecided_for(actor),
        "may_ask": bool(roles_of(actor) & USERS),
        "buys": bool(latest) or bool(roles_of(actor) & USERS),
        "now": timezone.now(),
    }
