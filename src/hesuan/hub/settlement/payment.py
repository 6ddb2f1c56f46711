"""Paying: ``payable → paid`` per payer, once; floats are drawn first, what the claimant owes is set off."""

from __future__ import annotations

from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.audit import restoring
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.settlement import accounts, claim_errors, clawing, floats, gate, instructing, soundness
from hesuan.hub.settlement.claims import locked
from hesuan.hub.settlement.models import Batch, Claim, ClaimLine, Payment
from hesuan.hub.settlement.payables import due, is_disputed, move, with_adjustments

State = Claim.State


def pay(*, actor: Actor, claim_id: str, reference: str = "") -> Claim:
    """Pays what is payable on a claim that is in no batch, payer by payer.

    Safe to repeat: what was paid is not payable any more.

    Args:
        actor: An approver or officer of the office who neither verified nor approved the claim.
        claim_id: The claim.
        reference: The bank's.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.same_person``, ``claim.wrong_state``,
            ``claim.paid_by_batch``, ``flag.stands``; as :func:`need_sound`.
    """
    verb = ("Paying", "支付")
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("programme_officer", "approver"), verb)
        if claim.state in (State.PAID, State.RECONCILED, State.CLOSED) and not due(claim):
            return claim
        gate.need_state(claim, (State.PAYABLE, State.PAID, State.RECONCILED), verb)
        if claim.batch is not None and claim.batch.state != Batch.State.PAID:
            raise Refused(
                claim_errors.CADENCE_ASKS_BATCH,
                claim=claim.id,
                batch=claim.batch_id,
                period=claim.batch.period,
            )
        gate.need_another(actor, claim, ("verified", "approved", "waived"), verb)
        gate.need_unflagged(claim, verb)
        need_sound()
        made = pay_due(claim, actor=actor, reference=reference)
        instructing.of_claim(claim, made, actor=actor, reference=reference)
    return claim


def need_sound() -> None:
    """Before money leaves.

    Raises:
        Refused: ``ledger.unsound``: no money leaves books that do not add up;
            ``audit.behind_the_published_log``: nor books that have forgotten what was published.
    """
    soundness.require()
    restoring.refuse()


def pay_due(claim: Claim, *, actor: Actor, reference: str, batch: Batch | None = None) -> list[Payment]:
    """Pays everything payable on a locked claim; lines that are paid become ``PAID``, the claim with them.

    The caller has asked whether the books add up, and makes the bank's instruction of what is returned.
    """
    clawing.lock_owed([claim])
    made = [
        _pay(claim, payer, fen, actor=actor, reference=reference, batch=batch)
        for payer, fen in due(claim).items()
        if fen > 0
    ]
    lines = with_adjustments(claim)
    for line in lines:
        if line.state == ClaimLine.State.PAYABLE:
            line.state = ClaimLine.State.PAID
            line.save(update_fields=["state"])
    waiting = [line for line in lines if line.state == ClaimLine.State.CLAIMED or is_disputed(line)]
    to = State.PAYABLE if waiting else State.PAID
    public = {"paid_fen": sum(one.amount_fen for one in made), "waiting_lines": len(waiting)}
    gate.move(claim, to, trigger="paid", actor=actor, reason=reference, public=public)
    return made


def _pay(claim: Claim, payer: str, fen: int, *, actor: Actor, reference: str, batch: Batch | None) -> Payment:
    number = claim.payments.filter(payer=payer).count() + 1
    payment_id = f"pay:{claim.id}:{payer}:{number}"
    ledger.post_or_raise(
        move(claim, payment_id, accounts.payable_account(payer), accounts.paid_account(payer), fen)
    )
    set_off = clawing.set_off(claim, payer, fen, payment_id=payment_id, actor=actor)
    drawn = floats.draw(claim, fen - set_off, payment_id=payment_id)
    payment = Payment.objects.create(
        id=payment_id,
        claim=claim,
        batch=batch,
        payer=payer,
        amount_fen=fen,
        from_float_fen=drawn,
        set_off_fen=set_off,
        reference=reference,
        paid_by=actor.identity_id,
        paid_at=timezone.now(),
    )
    floats.note_draw(claim, payment, actor=actor)
    audit.record_all([fact_of(payment, actor)])
    return payment


def fact_of(payment: Payment, actor: Actor) -> Fact:
    """The fact of a payment, not written yet."""
    claim = payment.claim
    return audit.drafted(
        kind="payment.made",
        subject=claim.id,
        actor=actor.identity_id,
        public={
            "programme": claim.programme_version.programme_id,
            "payer": payment.payer,
            "amount_fen": payment.amount_fen,
            "set_off_fen": payment.set_off_fen,
            "from_float_fen": payment.from_float_fen,
        },
        private={"claimant": claim.claimant_id, "reference": payment.reference},
    )
