"""A batch dies at every step of its payment: nothing is paid, and the next try pays everything once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import transaction
from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.hub.audit import services as audit
from hesuan.hub.ledger import services as ledger
from hesuan.hub.settlement import batches, disputing, payables
from hesuan.hub.settlement.models import Batch, Payment
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]


class Killed(BaseException):
    """The process is gone: no handler of errors catches it."""


class Steps:
    """Counts what a payment does to ledger and log, and dies before or after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        self.dies_at = -1
        for owner, name in ((ledger, "post_or_raise"), (audit, "record")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self.step()
            answer = verb(*args, **named)
            self.step()
            return answer

        return counted

    def step(self) -> None:
        """One place to die at."""
        if self.done == self.dies_at:
            raise Killed
        self.done += 1

    def kill(self, at: int, work: Callable[[], Any]) -> bool:
        """Does the work and dies at a step; returns whether it came so far."""
        self.done, self.dies_at = 0, at
        try:
            with transaction.atomic():
                work()
        except Killed:
            return True
        finally:
            self.dies_at = -1
        return False


def reviewed(here: ClaimWorld, claims: int) -> str:
    """A batch of some claims, closed and reviewed."""
    made = [here.approve(here.claim(here.settle())) for _ in range(claims)]
    made[0].refresh_from_db()
    batch_id = str(made[0].batch_id)
    batches.close(actor=here.officer.actor, batch_id=batch_id)
    batches.review(actor=here.second.actor, batch_id=batch_id)
    return batch_id


def test_a_batch_that_dies_at_any_step_pays_nothing_and_then_everything_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    batch_id = reviewed(here, 3)
    due = batches.payers_of(Batch.objects.get(pk=batch_id))
    steps = Steps(monkeypatch)

    def pay() -> Batch:
        return batches.pay(actor=here.payer.actor, batch_id=batch_id, reference="bank 1")

    at = 0
    while at < 500:
        before = Payment.objects.count()
        if not steps.kill(at, pay):
            break
        assert before == Payment.objects.count() == 0
        assert Batch.objects.get(pk=batch_id).state == "REVIEWED"
        at += 1
    assert at > 20, "every ledger's journal and every fact was a place to die at"
    for _ in range(2):  # a double click, and a second officer
        pay()
        batches.pay(actor=here.approver.actor, batch_id=batch_id, reference="bank 2")
    paid = Payment.objects.filter(batch_id=batch_id)
    assert batches.payers_of(Batch.objects.get(pk=batch_id)) == due
    assert len({(one.claim_id, one.payer) for one in paid}) == paid.count() == 3 * len(due)
    assert {one.reference for one in paid} == {"bank 1"}


def test_without_the_one_transaction_a_batch_that_dies_has_paid_a_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    batch_id = reviewed(here, 2)
    steps = Steps(monkeypatch)
    steps.dies_at = 12
    monkeypatch.setattr(ledger, "atomic", nullcontext)
    with pytest.raises(Killed):
        batches.pay(actor=here.payer.actor, batch_id=batch_id, reference="bank 1")
    assert 0 < Payment.objects.count() < 4


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
