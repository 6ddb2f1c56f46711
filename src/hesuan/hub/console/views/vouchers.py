"""Vouchers: what is left on each, and every movement of one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hesuan.hub.centres import selectors as centres
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.purse import movements
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors


@signed_in
def vouchers(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every voucher this person may see."""
    page = page_of(request, selectors.vouchers(actor))
    return render(request, "console/vouchers.html", {"rows": page.rows, "page": page})


@signed_in
def voucher(request: HttpRequest, actor: Actor, *, voucher_id: str) -> HttpResponse:
    """One voucher, every step of its life, and its ledger."""
    found = selectors.voucher(actor, voucher_id)
    names = {centre.id: centre.name for centre in centres.centres(actor)}
    rows = selectors.voucher_transfers(actor, found.voucher.id)
    steps = selectors.voucher_steps(actor, found.voucher.id)
    context = {
        "steps": steps,
        "people": identity.names({one.actor for one in steps}),
        "row": found,
        "voucher": found.voucher,
        "transfers": movements(rows, code=found.voucher.code, centre_names=names),
    }
    return render(request, "console/voucher.html", context)
