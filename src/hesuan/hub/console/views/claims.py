"""Redemption: claims on what vouchers captured, their match, batches, credit notes, evidence packs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, InputFault, NotFound
from hesuan.hub.console import afteruse, claimdeeds, claimdesk, claimform, controldesk, faults, floatdesk
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.deeds import drawn, need_sure
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.registry import selectors as registry
from hesuan.hub.settlement import (
    batches,
    claim_review,
    crediting,
    packing,
    payment,
    setting,
)
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement import claims as claiming
from hesuan.hub.settlement.gate import USER_FLOWS
from hesuan.hub.settlement.models import Batch, Claim
from hesuan.money import parse_yuan
from hesuan.wire.ids import new_id

WITH_NOTE: dict[str, Callable[..., Claim]] = {"approve": claim_review.approve}
PLAIN: dict[str, Callable[..., Claim]] = {
    "submit": claiming.submit,
    "make_payable": claim_review.make_payable,
}


@signed_in
def claims(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What can be claimed, the claims, the batches, what has to come back."""
    page = page_of(request, reads.claims(actor))
    context = {
        "chances": claimdesk.chances(actor),
        "rows": [_row(one) for one in page.rows],
        "page": page,
        "batches": reads.batches(actor),
        "clawbacks": reads.clawbacks(actor),
        "floats": floatdesk.mine(actor),
        "sheets": controldesk.sheets(actor),
        "checked": controldesk.checked(actor),
    }
    return render(request, "console/claims.html", context)


def _row(one: Claim) -> dict[str, Any]:
    return {"claim": one, "totals": reads.totals(one), "waits": reads.waiting_on(one)}


@signed_in
def new(request: HttpRequest, actor: Actor, *, version_id: str, centre_id: str) -> HttpResponse:
    """Orders to claim, the voucher where the claim draws one, and the papers."""
    found = next(
        (
            one
            for one in claimdesk.chances(actor)
            if (one.version.id, one.centre.id) == (version_id, centre_id)
        ),
        None,
    )
    if found is None:
        raise NotFound(NO_PAGE, path=request.path)
    kinds = claimdesk.evidence(version_id)
    orders = reads.claimable(actor, version_id=version_id, centre_id=centre_id)
    asked = afteruse.asked(actor, version_id, orders[0].order.organisation_id)
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    claim_id = request.POST.get("claim_id") or new_id()
    if request.method == "POST":
        try:
            claiming.open_claim(
                actor=actor,
                claim_id=claim_id,
                version_id=version_id,
                order_ids=request.POST.getlist("order"),
                papers_said=claimform.papers(request.POST, kinds),
                voucher_id=request.POST.get("voucher", ""),
                facts=afteruse.stated(request.POST.dict(), asked),
            )
            return redirect("console:claim", claim_id=claim_id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
    chosen = request.POST.getlist("order") or [one.order_id for one in orders]
    context = {
        "chance": found,
        "claim_id": claim_id,
        "orders": orders,
        "chosen": chosen,
        "vouchers": _vouchers(actor, found),
        "voucher": request.POST.get("voucher", ""),
        "papers": claimform.forms(kinds, request.POST or _known(found, orders)),
        "documents": _documents(actor),
        "calls": afteruse.open_calls(version_id),
        **afteruse.form(request.POST.dict(), wrong, asked),
    }
    return render(request, "console/claim_new.html", context, status=status)


def _known(found: claimdesk.Chance, orders: list[Any]) -> dict[str, str]:
    """What the platform knows of the papers: the parties, and the sum of the meter."""
    texts: dict[str, str] = {}
    if orders:
        buyer, seller = orders[0].order.organisation.name, found.centre.organisation.name
        for kind in ("contract", "invoice"):
            texts |= {f"papers.{kind}.buyer": buyer, f"papers.{kind}.seller": seller}
    return texts


def _vouchers(actor: Actor, found: claimdesk.Chance) -> list[Any]:
    if found.flow not in USER_FLOWS or found.after_use:
        return []
    rows = programmes.vouchers(actor)
    return [one for one in rows if one.voucher.programme_version_id == found.version.id and one.available_fen]


def _documents(actor: Actor) -> list[Any]:
    mine = [one for one in sorted(actor.organisations()) if actor.has("owner", one) or _operates(actor, one)]
    return [document for one in mine for document in registry.documents(actor, one)]


def _operates(actor: Actor, organisation_id: str) -> bool:
    return actor.has("centre_operator", organisation_id)


@signed_in
def claim(request: HttpRequest, actor: Actor, *, claim_id: str) -> HttpResponse:
    """One claim: papers, lines, the match with its differences, who did what, and the next step."""
    found = reads.claim(actor, claim_id)
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        try:
            _act(request, actor, found)
            return redirect("console:claim", claim_id=claim_id)
        except (HesuanError, Faults) as refused:
            error = refused
    context = _about(request, actor, claim_id, error)
    status = faults.status(error) if error else 200
    return render(request, "console/claim.html", context, status=status)


def _about(
    request: HttpRequest, actor: Actor, claim_id: str, error: HesuanError | Faults | None
) -> dict[str, Any]:
    found = reads.claim(actor, claim_id)
    steps = reads.steps(actor, claim_id)
    lines = reads.lines(actor, claim_id)
    done = drawn(claimdeeds.deeds(actor, found, lines), request.POST.dict(), error)
    correct = claimdesk.may_correct(actor, found)
    again = request.POST.get("verb") == "correct"
    sent = request.POST if again else claimform.written(found.papers)
    kinds = claimdesk.evidence(found.programme_version_id)
    asked = afteruse.asked_of(actor, found) if correct else []
    texts = request.POST.dict() if again else afteruse.written(found)
    return {
        "claim": found,
        "totals": reads.totals(found),
        "waits": reads.waiting_on(found),
        "lines": [{"line": one, "deeds": done.of(str(one.number))} for one in lines],
        "audits": [one for one in found.audits.order_by("id") if one.drawn],
        "clawbacks": [one for one in reads.clawbacks(actor) if one.claim_id == found.id],
        "match": found.matches.order_by("-id").first(),
        "notes": list(found.credit_notes.order_by("booked_at")),
        "payments": list(found.payments.order_by("paid_at")),
        "steps": steps,
        "people": identity.names({one.actor for one in steps}),
        "verbs": claimdesk.verbs(actor, found),
        "correct": claimform.forms(kinds, sent) if correct else [],
        "documents": _documents(actor) if correct else [],
        "may_credit": claimdesk.may_credit(actor, found),
        "is_office": found.programme_version.programme.office_id in reads.offices(actor),
        "has_pack": found.state not in (Claim.State.DRAFT, Claim.State.WITHDRAWN),
        "note": request.POST.get("note", ""),
        "rate": setting.rate_of(found),
        "asks_rate": claimdesk.asks_rate(found),
        "rate_said": request.POST.get("rate", ""),
        "deeds": done.plain,
        **afteruse.form(texts, done.faults, asked),
    }


def _act(request: HttpRequest, actor: Actor, found: Claim) -> None:
    verb, note = request.POST.get("verb", ""), request.POST.get("note", "")
    who: dict[str, Any] = {"actor": actor, "claim_id": found.id}
    need_sure(request.POST, claimdeeds.FINAL)
    if verb == "verify":
        claim_review.verify(**who, note=note, rate=request.POST.get("rate", ""))
    elif verb in WITH_NOTE:
        WITH_NOTE[verb](**who, note=note)
    elif verb in PLAIN:
        PLAIN[verb](**who)
    elif verb == "pay":
        payment.pay(**who, reference=note)
    elif verb == "correct":
        kinds = claimdesk.evidence(found.programme_version_id)
        facts = afteruse.stated(request.POST.dict(), afteruse.asked_of(actor, found))
        claiming.correct(**who, papers_said=claimform.papers(request.POST, kinds), facts=facts or None)
    elif verb == "credit":
        _credit(request, actor, found)
    elif not claimdeeds.act(actor, found, request.POST.dict()):
        raise NotFound(NO_PAGE, path=request.path)


def _credit(request: HttpRequest, actor: Actor, found: Claim) -> None:
    taken: dict[int, int] = {}
    wrong: list[InputFault] = []
    for line in found.lines.all():
        text = request.POST.get(f"taken.{line.number}", "").strip()
        try:
            if text:
                taken[line.number] = parse_yuan(text, where=f"taken.{line.number}")
        except InputFault as fault:
            wrong.append(fault)
    if wrong:
        raise Faults(wrong)
    crediting.book_credit_note(
        actor=actor,
        note_id=request.POST.get("note_id") or new_id(),
        claim_id=found.id,
        number=request.POST.get("number", "").strip(),
        lines=taken,
        reason=request.POST.get("note", ""),
    )


@signed_in
def pack(request: HttpRequest, actor: Actor, *, claim_id: str) -> HttpResponse:  # noqa: ARG001 - as every page
    """The claim's evidence pack, to be saved."""
    made = packing.evidence_pack(actor, claim_id)
    return HttpResponse(made.content, content_type="application/zip", headers=made.headers)


@signed_in
def batch(request: HttpRequest, actor: Actor, *, batch_id: str) -> HttpResponse:
    """One batch: its claims, who pays what, and the next of its three people."""
    found = reads.batch(actor, batch_id)
    wrong: tuple[faults.FaultLine, ...] = ()
    status = 200
    if request.method == "POST":
        try:
            _step(request, actor, found)
            return redirect("console:batch", batch_id=batch_id)
        except (HesuanError, Faults) as error:
            wrong, status = faults.lines(error), faults.status(error)
            found = reads.batch(actor, batch_id)
    steps = list(found.steps.order_by("id"))
    context = {
        "batch": found,
        "rows": [_row(one) for one in reads.claims(actor) if one.batch_id == found.id],
        "shares": sorted(batches.shares(actor, batch_id).items()),
        "instructions": reads.instructions(found),
        "steps": steps,
        "people": identity.names({one.actor for one in steps}),
        "verb": claimdesk.batch_verb(actor, found),
        "faults": wrong,
    }
    return render(request, "console/batch.html", context, status=status)


def _step(request: HttpRequest, actor: Actor, found: Batch) -> None:
    note = request.POST.get("note", "")
    match request.POST.get("verb", ""):
        case "close_batch":
            batches.close(actor=actor, batch_id=found.id)
        case "review_batch":
            batches.review(actor=actor, batch_id=found.id, note=note)
        case "pay_batch":
            batches.pay(actor=actor, batch_id=found.id, reference=note)
        case _:
            raise NotFound(NO_PAGE, path=request.path)
