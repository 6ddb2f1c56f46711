"""What an office checks behind its payments: sampled audits, the bank, centres' statements, thresholds."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.centres.models import Centre
from hesuan.hub.console import controldesk, faults, words
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.deeds import Drawn, drawn, need_sure
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.views.drafts import chosen
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.paying import paying_terms
from hesuan.hub.settlement import audit_selectors as audits
from hesuan.hub.settlement import sampling, statements
from hesuan.hub.surveillance import selectors as watching


@signed_in
def sampled(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """A programme's audit plans, the one in force, and every draw with what it takes to make it again."""
    audits.programme(actor, programme_id)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        sent = request.POST.dict()
        try:
            need_sure(sent, controldesk.FINAL)
            if not controldesk.act_on_audits(actor, programme_id, sent):
                raise NotFound(NO_PAGE, path=request.path)
            return redirect(request.path)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    plans = audits.plans(actor, programme_id)
    page = page_of(request, audits.draws(actor, programme_id))
    offered = controldesk.of_audits(
        actor, audits.programme(actor, programme_id), plans, audits.undrawn_periods(actor, programme_id)
    )
    done = drawn(offered, request.POST.dict(), error)
    head = _head(request, actor, programme_id)
    context = {
        **head,
        **_told(done),
        "plans": [{"plan": one, "deeds": done.of(one.id)} for one in plans],
        "in_force": sampling.plan_in_force(programme_id),
        "terms": paying_terms(head["version"].id),
        "rows": page.rows,
        "page": page,
        "people": identity.names(
            [name for one in plans for name in (one.proposed_by, one.agreed_by) if name]
        ),
    }
    return render(request, "console/sampled.html", context, status=_status(error))


@signed_in
def bank(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """The bank statements compared with the books, and what was paid and not found at the bank yet."""
    found = audits.programme(actor, programme_id)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        try:
            if request.POST.get("verb") != "load":
                raise NotFound(NO_PAGE, path=request.path)
            made = controldesk.load_statement(request, actor, programme_id)
            return redirect("console:bank_statement", statement_id=made)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    payers = [(one, words.PAYER.get(one, one)) for one in audits.payers(actor, programme_id)]
    done = drawn(controldesk.of_the_bank(actor, found, payers), request.POST.dict(), error)
    page = page_of(request, audits.bank_statements(actor, programme_id))
    context = {
        **_head(request, actor, programme_id),
        **_told(done),
        "rows": page.rows,
        "page": page,
        "unreconciled": audits.unreconciled(actor, programme_id),
    }
    return render(request, "console/bank.html", context, status=_status(error))


@signed_in
def bank_statement(request: HttpRequest, actor: Actor, *, statement_id: str) -> HttpResponse:
    """One bank statement: what it reconciled, and where books and bank differ."""
    found = audits.bank_statement(actor, statement_id)
    context = {
        "statement": found,
        "programme": found.programme,
        "version": chosen(programmes.versions(actor, found.programme_id), "", request.path),
        "findings": list(found.findings.order_by("id")),
        "payments": [
            one.payment
            for one in found.reconciled.select_related("payment__claim__claimant").order_by("payment_id")
        ],
        "lines": found.lines.count(),
        "people": identity.names([found.loaded_by]),
    }
    return render(request, "console/bank_statement.html", context)


@signed_in
def statement(request: HttpRequest, actor: Actor, *, programme_id: str, centre_id: str) -> HttpResponse:
    """What a programme owes a centre and has paid it, quarter by quarter; for its office and the centre."""
    found = statements.statement(actor, programme_id=programme_id, centre_id=centre_id)
    context = {
        "statement": found,
        "quarters": list(reversed(found.quarters)),
        "centre": Centre.objects.get(pk=centre_id),
        "programme": programmes.programme(actor, programme_id),
        "version": chosen(programmes.versions(actor, programme_id), "", request.path),
    }
    return render(request, "console/statement.html", context)


@signed_in
def thresholds(request: HttpRequest, actor: Actor, *, programme_id: str) -> HttpResponse:
    """The numbers by which surveillance judges a programme, with unit and source, and who set its own."""
    measures = watching.thresholds(actor, programme_id)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        try:
            if request.POST.get("verb") != "tune":
                raise NotFound(NO_PAGE, path=request.path)
            controldesk.tune(actor, programme_id, request.POST.dict())
            return redirect(request.path)
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    programme = programmes.programme(actor, programme_id)
    done = drawn(controldesk.of_thresholds(actor, programme), request.POST.dict(), error)
    tuned = watching.tunings(actor, programme_id)
    rules = {one.id: one for one in watching.rules(actor)}
    context = {
        **_head(request, actor, programme_id),
        **_told(done),
        "rules": [
            {"rule": rules[name], "measures": [one for one in measures if one.rule == name]}
            for name in dict.fromkeys(one.rule for one in measures)
        ],
        "tuned": tuned,
        "people": identity.names({one.actor for one in tuned}),
    }
    return render(request, "console/thresholds.html", context, status=_status(error))


def _head(request: HttpRequest, actor: Actor, programme_id: str) -> dict[str, Any]:
    """What the head of a programme's pages shows; all pages here are its office's."""
    return {
        "programme": programmes.programme(actor, programme_id),
        "version": chosen(programmes.versions(actor, programme_id), "", request.path),
        "is_office": True,
    }


def _told(done: Drawn) -> dict[str, Any]:
    return {"deeds": done.plain, "faults": done.faults}


def _status(error: HesuanError | Faults | None) -> int:
    return faults.status(error) if error else 200
