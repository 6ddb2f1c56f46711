"""Settle and audit: a receipt's whole story, and the file that anybody can verify."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hesuan.hub.audit import selectors as audit
from hesuan.hub.console.access import is_insider, signed_in
from hesuan.hub.console.evidence import work_units
from hesuan.hub.identity.actors import Actor
from hesuan.hub.settlement import selectors
from hesuan.wire.checkpoint import log_fingerprint
from hesuan.wire.keys import fingerprint
from hesuan.wire.receipt import quoted_vouchers


@signed_in
def receipt(request: HttpRequest, actor: Actor, *, receipt_id: str) -> HttpResponse:
    found = selectors.receipt(actor, receipt_id)
    context = {
        "receipt": found,
        "units": work_units(actor),
        "doc": found.document,
        "vouchers": _with_codes(found.document),
        "settlement": found.settlement,
        "insider": is_insider(actor, found.settlement.order.organisation_id),
        "order": found.settlement.order,
        "log_key": audit.log_key(),
        "witnessing": audit.witnessing_of(found.fact),
        "log_fingerprint": log_fingerprint(audit.log_key()),
        "site_fingerprint": fingerprint(found.site_key) if found.site_key else "",
        "released_fen": _held_fen(found.document) - found.document["charge"]["charge_fen"],
    }
    return render(request, "console/receipt.html", context)


def _with_codes(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What each voucher paid, with its code where the quote tells it."""
    codes = {one["voucher"]: one.get("code") for one in quoted_vouchers(document["quote"])}
    return [
        {**one, "code": codes.get(one["voucher"]) or one["voucher"]} for one in document["charge"]["vouchers"]
    ]


def _held_fen(document: dict[str, Any]) -> int:
    charge = document["charge"]
    vouchers = sum(int(one["held_fen"]) for one in charge["vouchers"])
    return vouchers + int(charge["copay"]["held_fen"])


@signed_in
def receipt_file(request: HttpRequest, actor: Actor, *, receipt_id: str) -> HttpResponse:  # noqa: ARG001
    """The receipt file itself, byte for byte what ``hesuan verify`` reads."""
    content = selectors.receipt_file(actor, receipt_id)
    name = f"receipt-{receipt_id}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/json", headers=headers)
