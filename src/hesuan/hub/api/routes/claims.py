"""Claims: what vouchers captured is claimed, compared, verified, approved, paid; the evidence pack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.routes.claim_shapes import (
    ClaimableShape,
    ClaimFull,
    ClaimShape,
    DisputeShape,
    NewClaim,
    NewCreditNote,
    NewDispute,
    Papers,
    Payment,
    Reason,
    Remark,
    Rematch,
    Resolution,
    Verification,
    claim_full,
    claim_shape,
    claimable_shape,
    dispute_shape,
)
from hesuan.hub.identity.actors import Actor
from hesuan.hub.settlement import claim_review, claims, comparing, crediting, disputing, packing, payment
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.models import Claim

router = Router()

Filter = Annotated[str, Query(max_length=100)]
_ZIP = {
    "description": "The pack",
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
}
LineNumber = Annotated[int, Field(ge=1)]


@router.get("/claims", response=Page[ClaimShape])
def list_claims(
    request: HttpRequest,
    programme: Filter = "",
    state: Filter = "",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> Page[ClaimShape]:
    """The claims one may see: one's own, those on one's orders, those of one's office; newest first."""
    found = reads.claims(actor_of(request), programme_id=programme, state=state)
    return page(found, claim_shape, limit=limit, cursor=cursor)


@router.get("/claimable", response=Page[ClaimableShape])
def list_claimable(
    request: HttpRequest,
    version: Annotated[str, Query(min_length=1, max_length=64)],
    centre: Annotated[str, Query(min_length=1, max_length=64)],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> Page[ClaimableShape]:
    """Settled orders at a centre that one could claim under a version of a programme, oldest first."""
    found = reads.claimable(actor_of(request), version_id=version, centre_id=centre)
    return page(found, claimable_shape, limit=limit, cursor=cursor)


@router.post("/claims", response={201: ClaimFull})
def open_claim(request: HttpRequest, body: NewClaim) -> HttpResponse:
    """Opens a claim on settled orders of one holder at one centre; a draft until it is submitted."""
    actor = actor_of(request)

    def work(object_id: str) -> ClaimFull:
        made = claims.open_claim(
            actor=actor,
            claim_id=object_id,
            version_id=body.programme_version,
            order_ids=body.orders,
            papers_said=body.papers,
            voucher_id=body.voucher,
            facts=body.facts,
        )
        return _full(actor, made)

    return once(request, work)


@router.get("/claims/{claim_id}", response=ClaimFull)
def get_claim(request: HttpRequest, claim_id: str) -> ClaimFull:
    """One claim with its lines, its last comparison, its steps, and on whom it waits since when."""
    actor = actor_of(request)
    return _full(actor, reads.claim(actor, claim_id))


@router.put("/claims/{claim_id}/papers", response=ClaimFull)
def correct_papers(request: HttpRequest, claim_id: str, body: Papers) -> HttpResponse:
    """New papers for a draft, a returned claim, or one whose papers did not match."""
    actor = actor_of(request)

    def work(_: str) -> ClaimFull:
        return _full(actor, _corrected(actor, claim_id, body))

    return once(request, work, status=200)


def _corrected(actor: Actor, claim_id: str, body: Papers) -> Claim:
    return claims.correct(actor=actor, claim_id=claim_id, papers_said=body.papers, facts=body.facts)


@router.post("/claims/{claim_id}/submit", response=ClaimFull)
def submit(request: HttpRequest, claim_id: str) -> HttpResponse:
    """Submits a claim; contract, invoice and meter are compared at once, every difference is told."""
    actor = actor_of(request)
    return _done(request, lambda: claims.submit(actor=actor, claim_id=claim_id))


@router.post("/claims/{claim_id}/withdraw", response=ClaimFull)
def withdraw(request: HttpRequest, claim_id: str, body: Reason) -> HttpResponse:
    """Takes a claim back before it is approved."""
    actor = actor_of(request)
    return _done(request, lambda: claims.withdraw(actor=actor, claim_id=claim_id, reason=body.reason))


@router.post("/claims/{claim_id}/rematch", response=ClaimFull)
def rematch(request: HttpRequest, claim_id: str, body: Rematch) -> HttpResponse:
    """Compares again with a tolerance, by a reviewer with a reason."""
    actor = actor_of(request)
    return _done(
        request,
        lambda: comparing.rematch(
            actor=actor, claim_id=claim_id, tolerance_fen=body.tolerance_yuan, reason=body.reason
        ),
    )


@router.post("/claims/{claim_id}/waive", response=ClaimFull)
def waive(request: HttpRequest, claim_id: str, body: Reason) -> HttpResponse:
    """Lets the differences pass, by a reviewer with a reason; a number used twice never passes."""
    actor = actor_of(request)
    return _done(request, lambda: comparing.waive(actor=actor, claim_id=claim_id, reason=body.reason))


@router.post("/claims/{claim_id}/verify", response=ClaimFull)
def verify(request: HttpRequest, claim_id: str, body: Verification) -> HttpResponse:
    """The next of the document's roles agrees, and sets the claim's rate where the document lets it."""
    actor = actor_of(request)
    return _done(
        request,
        lambda: claim_review.verify(actor=actor, claim_id=claim_id, note=body.note, rate=body.rate),
    )


@router.post("/claims/{claim_id}/approve", response=ClaimFull)
def approve(request: HttpRequest, claim_id: str, body: Remark) -> HttpResponse:
    """The last of the document's roles approves; then publicity, or payable at once."""
    actor = actor_of(request)
    return _done(request, lambda: claim_review.approve(actor=actor, claim_id=claim_id, note=body.note))


@router.post("/claims/{claim_id}/return", response=ClaimFull)
def send_back(request: HttpRequest, claim_id: str, body: Reason) -> HttpResponse:
    """Returns a claim for completion, with the reason."""
    actor = actor_of(request)
    return _done(request, lambda: claim_review.send_back(actor=actor, claim_id=claim_id, reason=body.reason))


@router.post("/claims/{claim_id}/reject", response=ClaimFull)
def reject(request: HttpRequest, claim_id: str, body: Reason) -> HttpResponse:
    """Rejects a claim, with the reason."""
    actor = actor_of(request)
    return _done(request, lambda: claim_review.reject(actor=actor, claim_id=claim_id, reason=body.reason))


@router.post("/claims/{claim_id}/payable", response=ClaimFull)
def make_payable(request: HttpRequest, claim_id: str) -> HttpResponse:
    """After its publicity a claim becomes payable."""
    actor = actor_of(request)
    return _done(request, lambda: claim_review.make_payable(actor=actor, claim_id=claim_id))


@router.post("/claims/{claim_id}/pay", response=ClaimFull)
def pay(request: HttpRequest, claim_id: str, body: Payment) -> HttpResponse:
    """Pays what is payable on a claim that no open batch pays; needs an `Idempotency-Key`."""
    actor = actor_of(request)
    return _done(
        request,
        lambda: payment.pay(actor=actor, claim_id=claim_id, reference=body.reference),
        required=True,
    )


@router.post("/claims/{claim_id}/disputes", response={201: DisputeShape})
def dispute(request: HttpRequest, claim_id: str, body: NewDispute) -> HttpResponse:
    """Disputes one line; the others go on."""
    actor = actor_of(request)

    def work(object_id: str) -> DisputeShape:
        made = disputing.dispute(
            actor=actor, claim_id=claim_id, line=body.line, reason=body.reason, dispute_id=object_id
        )
        return dispute_shape(made)

    return once(request, work)


@router.post("/claims/{claim_id}/lines/{line}/resolve", response=DisputeShape)
def resolve(request: HttpRequest, claim_id: str, line: LineNumber, body: Resolution) -> HttpResponse:
    """Resolves a line's dispute: `upheld` is paid, `refused` is not."""
    actor = actor_of(request)

    def work(_: str) -> DisputeShape:
        made = disputing.resolve(
            actor=actor, claim_id=claim_id, line=line, outcome=body.outcome, finding=body.finding
        )
        return dispute_shape(made)

    return once(request, work, status=200)


@router.post("/claims/{claim_id}/credit-notes", response={201: ClaimFull})
def book_credit_note(request: HttpRequest, claim_id: str, body: NewCreditNote) -> HttpResponse:
    """Books a red-letter invoice; every later line of the programme is decided anew."""
    actor = actor_of(request)

    def work(object_id: str) -> ClaimFull:
        crediting.book_credit_note(
            actor=actor,
            note_id=object_id,
            claim_id=claim_id,
            number=body.number,
            lines={one.line: one.amount_yuan for one in body.lines},
            reason=body.reason,
        )
        return _full(actor, reads.claim(actor, claim_id))

    return once(request, work)


@router.get("/claims/{claim_id}/pack", openapi_extra={"responses": {200: _ZIP}})
def get_pack(request: HttpRequest, claim_id: str) -> StreamingHttpResponse:
    """The evidence pack (兑付材料): a signed ZIP that `hesuan verify` checks offline."""
    made = packing.evidence_pack(actor_of(request), claim_id)
    answer = StreamingHttpResponse(made.chunks(), content_type="application/zip")
    answer["Content-Length"] = str(len(made.content))
    for name, value in made.headers.items():
        answer[name] = value
    return answer


def _done(request: HttpRequest, verb: Callable[[], Claim], *, required: bool = False) -> HttpResponse:
    actor = actor_of(request)

    def work(_: str) -> ClaimFull:
        return _full(actor, verb())

    return once(request, work, status=200, required=required)


def _full(actor: Actor, claim: Claim) -> ClaimFull:
    fresh = reads.claim(actor, claim.id)
    return claim_full(fresh, reads.lines(actor, claim.id), reads.steps(actor, claim.id))
