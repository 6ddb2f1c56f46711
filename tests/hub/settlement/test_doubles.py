"""One invoice is claimed once, under whichever programme; so is one order, also by many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

import pytest
from django.db import connection
from tests.hub.settlement.claim_world import ClaimWorld, document, make_claim_world

from hesuan.errors import HesuanError, Refused
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.registry import services as registry
from hesuan.hub.settlement import batches, claim_review, claims, comparing, payment
from hesuan.hub.settlement.models import Claim, Payment

World = Callable[..., ClaimWorld]


def codes(claim: Claim) -> list[str]:
    last = claim.matches.order_by("-id").first()
    assert last is not None
    return [one["code"] for one in last.differences]


def test_an_invoice_used_before_in_any_writing_is_a_mismatch_that_nobody_lets_pass(world: World) -> None:
    here = world()
    here.claim(here.settle(), invoice={"number": "（2026）-发 001"})
    second = here.claim(here.settle(), invoice={"number": "(2026)发001"})
    assert (second.state, codes(second)) == ("MISMATCH", ["match.number_used"])
    with pytest.raises(Refused, match=r"match\.not_waived"):
        comparing.waive(actor=here.reviewer.actor, claim_id=second.id, reason="known")


def test_instalments_of_one_contract_are_no_double_but_other_aid_for_it_is(world: World) -> None:
    here = world()
    here.claim(here.settle())
    assert here.claim(here.settle()).state == "MATCHED"
    registry.enter_aid(
        actor=SYSTEM,
        organisation_id=here.road.owner.organisation.id,
        authority="zhengzhou",
        scope="contract",
        amount_fen=5,
        contract_number="HT-2026-001",
        proof=registry.Proof("City", date(2026, 1, 1)),
    )
    third = here.claim(here.settle())
    assert codes(third) == ["match.number_used"]


def test_another_programme_finds_the_number_too(world: World) -> None:
    here = world("reimburse_user")
    here.claim(here.settle(), invoice={"number": "X1"}, contract={"number": "C1"})
    other = make_claim_world(
        here.road,
        here.officer,
        here.reviewer,
        here.approver,
        text=document("reimburse_user").replace("cn.test.reimburse_user", "cn.other.reimburse_user"),
        people=(here.second, here.payer, here.third),
    )
    claim = other.claim(other.settle(), invoice={"number": "X1"}, contract={"number": "C1"})
    assert codes(claim) == ["match.number_used", "match.number_used"]


def test_a_withdrawn_claim_frees_its_numbers(world: World) -> None:
    here = world()
    settled = here.settle()
    first = here.claim(settled)
    claims.withdraw(actor=here.claimant.actor, claim_id=first.id, reason="typing error")
    assert here.claim(settled).state == "MATCHED"


def test_small_differences_pass_by_a_reviewer_who_then_does_not_verify(world: World) -> None:
    here = world()
    settled = here.settle()
    claim = here.claim(settled, invoice={"amount_fen": settled.charge_fen + 1})
    assert claim.state == "MISMATCH"
    with pytest.raises(Refused, match=r"claim\.wrong_state"):
        claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id)
    again = comparing.rematch(actor=here.reviewer.actor, claim_id=claim.id, tolerance_fen=1, reason="a fen")
    assert again.state == "MATCHED"
    with pytest.raises(Refused, match=r"claim\.same_person"):
        claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id)


def together(count: int, work: Callable[[], object]) -> list[str]:
    """What became of ``count`` threads that do the same at once: ``ok`` or the refusal's code."""
    barrier, found = threading.Barrier(count), []

    def run() -> None:
        try:
            barrier.wait()
            work()
            found.append("ok")
        except HesuanError as error:
            found.append(error.code.name)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_eight_who_pay_at_once_pay_once(world: World) -> None:
    here = world("reimburse_user")
    claim = here.approve(here.claim(here.settle()))
    found = together(8, lambda: payment.pay(actor=here.payer.actor, claim_id=claim.id))
    assert found == ["ok"] * 8
    assert sum(Payment.objects.values_list("amount_fen", flat=True)) == 84


@pytest.mark.django_db(transaction=True)
def test_eight_who_pay_a_batch_at_once_pay_once(world: World) -> None:
    here = world()
    claim = here.approve(here.claim(here.settle()))
    claim.refresh_from_db()
    batch_id = str(claim.batch_id)
    batches.close(actor=here.officer.actor, batch_id=batch_id)
    batches.review(actor=here.second.actor, batch_id=batch_id)
    found = together(8, lambda: batches.pay(actor=here.payer.actor, batch_id=batch_id))
    assert found == ["ok"] * 8
    assert sum(Payment.objects.values_list("amount_fen", flat=True)) == 84


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_claim_one_order_one_gets_it(world: World) -> None:
    here = world()
    settled = here.settle()
    found = together(8, lambda: here.claim(settled))
    assert sorted(found) == ["claim.order_claimed"] * 7 + ["ok"]
    assert Claim.objects.count() == 1
