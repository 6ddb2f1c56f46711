"""Vouchers: what is left on each, every movement of one, and the verbs of its life."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.centres import selectors as centres
from hesuan.hub.console import faults, voucherdesk
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.deeds import drawn, need_sure
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.purse import movements
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.disclosure import owned
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors
from hesuan.hub.programmes.ahead import ahead
from hesuan.hub.programmes.entitling import is_claimed_after_use


@signed_in
def vouchers(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every voucher this person may see."""
    page = page_of(request, selectors.vouchers(actor))
    return render(request, "console/vouchers.html", {"rows": page.rows, "page": page})


@signed_in
def voucher(request: HttpRequest, actor: Actor, *, voucher_id: str) -> HttpResponse:
    """One voucher, every step of its life, its ledger, and what this person may do with it."""
    selectors.voucher(actor, voucher_id)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        try:
            _act(request, actor, voucher_id)
            return redirect("console:voucher", voucher_id=voucher_id)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    context = _about(request, actor, voucher_id, error)
    return render(request, "console/voucher.html", context, status=faults.status(error) if error else 200)


def _act(request: HttpRequest, actor: Actor, voucher_id: str) -> None:
    sent = request.POST.dict()
    need_sure(sent, voucherdesk.FINAL)
    if not voucherdesk.act(actor, voucher_id, sent):
        raise NotFound(NO_PAGE, path=request.path)


def _about(
    request: HttpRequest, actor: Actor, voucher_id: str, error: HesuanError | Faults | None
) -> dict[str, object]:
    found = selectors.voucher(actor, voucher_id)
    names = {centre.id: centre.name for centre in centres.centres(actor)}
    rows = selectors.voucher_transfers(actor, voucher_id)
    steps = selectors.voucher_steps(actor, voucher_id)
    cases = selectors.suspensions(actor, voucher_id)
    case = next((one for one in cases if not one.outcome), None)
    still = ahead(actor, voucher_id)
    done = drawn(voucherdesk.deeds(actor, found.voucher, case, still), request.POST.dict(), error)
    return {
        "steps": steps,
        "people": identity.names([one.actor for one in steps]),
        "row": found,
        "voucher": found.voucher,
        "transfers": movements(rows, code=found.voucher.code, centre_names=names),
        "cases": cases,
        "ahead": still,
        "after_use": is_claimed_after_use(found.voucher.programme_version_id),
        "waits": voucherdesk.waiting(found.voucher, case, still),
        "files": owned.files(actor, found.voucher),
        "deeds": done.plain,
        "faults": done.faults,
    }


@signed_in
def log_entries(request: HttpRequest, actor: Actor, *, voucher_id: str) -> HttpResponse:  # noqa: ARG001
    """Salt and record behind the voucher's entries in the public log, for ``hesuan verify``."""
    return _download(owned.opened_entries(actor, voucher_id), f"entries-{voucher_id}.json")


@signed_in
def sealed_balances(request: HttpRequest, actor: Actor, *, voucher_id: str) -> HttpResponse:  # noqa: ARG001
    """The organisation's balances under the last sealed day, for ``hesuan verify``."""
    return _download(owned.sealed_balances(actor, voucher_id), f"balances-{voucher_id}.json")


def _download(content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/json", headers=headers)
