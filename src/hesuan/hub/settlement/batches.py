"""Quarterly batches: closed by one, reviewed by another, paid by a third; each verb is safe to repeat."""

from __future__ import annotations

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.settlement import batchpay, gate
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.models import Batch

State = Batch.State
ACTED = ("closed", "reviewed")


def close(*, actor: Actor, batch_id: str) -> Batch:
    """Closes a batch: claims that become payable later go into the next one.

    Args:
        actor: A programme officer of the office.
        batch_id: The batch.

    Raises:
        NotFound: ``batch.not_found``.
        Refused: ``claim.role_missing``, ``claim.wrong_state``, ``batch.empty``.
    """
    verb = ("Closing the batch", "关闭批次")
    with ledger.atomic():
        batch = _locked(actor, batch_id, ("programme_officer",), verb)
        if gate.did_it_last(actor, batch, "closed"):
            return batch
        gate.need_state(batch, (State.OPEN,), verb)
        if not batch.claims.exists():
            raise Refused(errors.BATCH_EMPTY, batch=batch.id)
        public = {"claims": batch.claims.count(), **_totals(batch)}
        gate.move(batch, State.CLOSED, trigger="closed", actor=actor, public=public)
    return batch


def review(*, actor: Actor, batch_id: str, note: str = "") -> Batch:
    """A second person has looked at the closed batch and agrees.

    Args:
        actor: A reviewer or approver of the office who did not close it.
        batch_id: The batch.
        note: What they looked at.

    Raises:
        NotFound: ``batch.not_found``.
        Refused: ``claim.role_missing``, ``claim.same_person``, ``claim.wrong_state``.
    """
    verb = ("Reviewing the batch", "复核批次")
    with ledger.atomic():
        batch = _locked(actor, batch_id, ("reviewer", "approver"), verb)
        if gate.did_it_last(actor, batch, "reviewed"):
            return batch
        gate.need_state(batch, (State.CLOSED,), verb)
        gate.need_another(actor, batch, ACTED, verb)
        gate.move(batch, State.REVIEWED, trigger="reviewed", actor=actor, reason=note)
    return batch


def pay(*, actor: Actor, batch_id: str, reference: str = "") -> Batch:
    """Pays every claim of a reviewed batch, payer by payer, with one instruction for each payer and party.

    A disputed line stays behind, and so does a claim that surveillance holds: each is paid by itself once the
    dispute is resolved, or the flag dismissed.

    Args:
        actor: An approver of the office who neither closed nor reviewed it.
        batch_id: The batch.
        reference: The bank's.

    Raises:
        NotFound: ``batch.not_found``.
        Refused: ``claim.role_missing``, ``claim.same_person``, ``claim.wrong_state``; ``ledger.unsound``: no
            money leaves books that do not add up.
    """
    verb = ("Paying the batch", "支付批次")
    with ledger.atomic():
        batch = _locked(actor, batch_id, ("approver", "programme_officer"), verb)
        if batch.state == State.PAID:
            return batch
        gate.need_state(batch, (State.REVIEWED,), verb)
        gate.need_another(actor, batch, ACTED, verb)
        batchpay.pay_all(batch, actor=actor, reference=reference)
        public = {"paid_fen": sum(batch.payments.values_list("amount_fen", flat=True))}
        gate.move(batch, State.PAID, trigger="paid", actor=actor, reason=reference, public=public)
    return batch


def shares(actor: Actor, batch_id: str) -> dict[str, int]:
    """Payer → what the batch pays, or paid [fen].

    Raises:
        NotFound: ``batch.not_found``.
    """
    return payers_of(reads.batch(actor, batch_id))


def payers_of(batch: Batch) -> dict[str, int]:
    """Payer → fen of a batch."""
    found: dict[str, int] = {}
    if batch.state == State.PAID:
        for payer, fen in batch.payments.values_list("payer", "amount_fen"):
            found[payer] = found.get(payer, 0) + fen
        return found
    for claim in batchpay.read(batch.claims.all()):
        for payer, fen in claim.due.items():
            found[payer] = found.get(payer, 0) + fen
    return found


def _totals(batch: Batch) -> dict[str, int]:
    return {"payable_fen": sum(payers_of(batch).values())}


def _locked(actor: Actor, batch_id: str, roles: tuple[str, ...], verb: gate.Verb) -> Batch:
    seen = reads.batch(actor, batch_id)
    gate.need_role(actor, seen.programme.office, roles, verb)
    return Batch.objects.select_for_update(of=("self",)).select_related("programme__office").get(pk=seen.pk)
