"""A batch dies at every step of its payment: nothing is paid, and the next try pays everything once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from django.db import IntegrityError, transaction
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.dying import Killed, dies

from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.settlement import (
    batches,
    batchpay,
    crediting,
    disputing,
    gate,
    instructing,
    payables,
    soundness,
)
from hesuan.hub.settlement.models import Batch, Clawback, Instruction, Payment
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]


def reviewed(here: ClaimWorld, claims: int) -> str:
    """A batch of some claims, closed and reviewed."""
    made = [here.approve(here.claim(here.settle())) for _ in range(claims)]
    made[0].refresh_from_db()
    batch_id = str(made[0].batch_id)
    batches.close(actor=here.officer.actor, batch_id=batch_id)
    batches.review(actor=here.second.actor, batch_id=batch_id)
    return batch_id


def payer_of(here: ClaimWorld, batch_id: str) -> Callable[[], Batch]:
    return lambda: batches.pay(actor=here.payer.actor, batch_id=batch_id, reference="bank 1")


def test_a_batch_that_dies_at_any_statement_pays_nothing_and_then_everything_once(world: World) -> None:
    here = world()
    batch_id = reviewed(here, 3)
    due = batches.payers_of(Batch.objects.get(pk=batch_id))
    pay = payer_of(here, batch_id)
    places = 0
    while dies(places, pay):
        places += 1
        assert not Payment.objects.exists() and not Instruction.objects.exists()
        assert Batch.objects.get(pk=batch_id).state == "REVIEWED"
    assert places > 40, "every read and every write was a place to die at"
    for _ in range(2):  # a double click, and a second officer
        pay()
        batches.pay(actor=here.approver.actor, batch_id=batch_id, reference="bank 2")
    paid = Payment.objects.filter(batch_id=batch_id)
    assert batches.payers_of(Batch.objects.get(pk=batch_id)) == due
    assert len({(one.claim_id, one.payer) for one in paid}) == paid.count() == 3 * len(due)
    assert {one.reference for one in paid} == {"bank 1"}
    assert {one.payer: one.amount_fen for one in Instruction.objects.all()} == due
    assert soundness.check() == []


@pytest.mark.broken_books("I12")
def test_without_the_one_transaction_a_batch_that_dies_has_paid_a_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the transaction: what was posted stays, and the books say so."""
    here = world()
    batch_id = reviewed(here, 2)
    monkeypatch.setattr(ledger, "atomic", nullcontext)
    monkeypatch.setattr(batchpay.Payment.objects, "bulk_create", killed)
    with pytest.raises(Killed):
        payer_of(here, batch_id)()
    monkeypatch.undo()
    assert Transfer.objects.filter(id__startswith="pay:").exists() and not Payment.objects.exists()
    assert "I12a" in {one.invariant for one in soundness.check()}


def killed(*_rows: object, **_more: object) -> None:
    raise Killed


def test_a_quarter_has_one_batch_and_what_comes_later_goes_into_the_next(world: World) -> None:
    here = world()
    claim = here.approve(here.claim(here.settle()))
    first = here.pay_batch(claim)
    later = here.approve(here.claim(here.settle()))
    assert later.batch is not None and later.batch.period == gate.next_quarter(first.period)
    here.pay_batch(later)
    periods = Instruction.objects.values_list("party", "payer", "period", "key")
    assert len(set(periods)) == len(periods) == 4


@pytest.mark.parametrize(("period", "then"), [("2026-Q1", "2026-Q2"), ("2026-Q4", "2027-Q1")])
def test_the_next_quarter(period: str, then: str) -> None:
    assert gate.next_quarter(period) == then


@pytest.mark.broken_books("I12c")
def test_a_second_instruction_for_a_period_is_refused_by_the_database(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lets a batch be paid twice (here: its payments forgotten), the bank is not told twice."""
    here = world()
    batch = here.pay_batch(here.approve(here.claim(here.settle())))
    payments = list(Payment.objects.select_related("claim"))
    monkeypatch.setattr(instructing.Instructed.objects, "bulk_create", lambda *_rows, **_more: [])
    with pytest.raises(IntegrityError), transaction.atomic():
        instructing.of_batch(batch, payments, actor=here.payer.actor, reference="again")
    monkeypatch.setattr(instructing, "OF_BATCH", new_id())  # negative control: no key of the period
    again = instructing.of_batch(batch, payments, actor=here.payer.actor, reference="again")
    assert len(again) == 2, "without the key the banks are told twice"
    assert "I12c" in {one.invariant for one in soundness.check()}


def test_a_credit_after_the_payment_is_owed_back_and_set_off_by_the_next_batch(world: World) -> None:
    """¥4.20 was paid, ¥2.00 of the line is credited: the next quarter's instruction is by so much less."""
    here = world()
    settled = here.settle()
    claim = here.approve(here.claim(settled))
    here.pay_batch(claim)
    told = dict(Instruction.objects.values_list("payer", "amount_fen"))
    crediting.book_credit_note(
        actor=here.approver.actor,
        claim_id=claim.id,
        note_id=new_id(),
        number="RED-1",
        lines={1: 200},
        reason="the meter ran on",
    )
    demanded = sum(Clawback.objects.values_list("amount_fen", flat=True))
    assert demanded == 40
    later = here.approve(here.claim(here.settle()))
    second = here.pay_batch(later)
    now = dict(Instruction.objects.filter(batch=second).values_list("payer", "amount_fen"))
    assert sum(now.values()) == sum(told.values()) - demanded
    assert soundness.check() == []


def test_a_dispute_opened_in_the_middle_stays_behind_and_is_paid_once_it_is_resolved(world: World) -> None:
    here = world()
    settled = [here.settle(), here.settle()]
    claim = here.claim(*settled)
    disputing.dispute(
        actor=here.road.owner.actor, claim_id=claim.id, line=2, reason="meter", dispute_id=new_id()
    )
    claim = here.approve(claim)
    here.pay_batch(claim)
    first = sum(Payment.objects.values_list("amount_fen", flat=True))
    assert first == settled[0].voucher_captured_fen
    disputing.resolve(
        actor=here.approver.actor, claim_id=claim.id, line=2, outcome="upheld", finding="read again"
    )
    claim.refresh_from_db()
    owed = sum(payables.due(claim).values())
    assert owed == settled[1].voucher_captured_fen
