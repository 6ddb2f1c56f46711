"""From a settled order to money paid, by three flows, on the real rooms; every fen is in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from tests.hub.settlement.claim_world import ClaimWorld, document
from tests.people import Person, signer
from tests.road import Road

from hesuan.errors import Conflict, NotFound, Refused
from hesuan.hub.identity import services as identity
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.selectors import actor_of
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.paying import paying_terms
from hesuan.hub.settlement import accounts, batches, claim_review, claim_selectors, claims, payment
from hesuan.hub.settlement.models import Batch, Claim, Payment, RedemptionStep
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]


def posted(world: ClaimWorld, key: str) -> int:
    """What stands on an account of the programme's ledger."""
    book = programme_accounts.ledger_of(world.version.programme_id)
    return ledger.balance(book, key).posted_fen if ledger.exists(book, key) else 0


def paid(world: ClaimWorld) -> dict[str, int]:
    return {payer: posted(world, accounts.paid_account(payer)) for payer in ("province", "city")}


def test_a_supplier_claims_what_orders_captured_and_is_paid_by_quarter(world: World) -> None:
    here = world()
    settled = [here.settle(), here.settle(wall_ms=10_500)]
    captured = sum(one.voucher_captured_fen for one in settled)
    assert captured == sum(one.charge_fen // 5 for one in settled) > 0
    claim = here.claim(*settled)
    assert (claim.state, claim.claimant) == ("MATCHED", here.road.operator.organisation)
    claim = here.approve(claim)
    assert claim.state == "PAYABLE" and claim.batch is not None
    centre = programme_accounts.centre_account(claim.centre_id)
    assert posted(here, centre) == 0
    batch = here.pay_batch(claim)
    assert batch.state == "PAID"
    assert sum(paid(here).values()) == captured
    claim.refresh_from_db()
    assert claim.state == "PAID"
    assert claim_selectors.totals(claim).paid_fen == captured
    triggers = ["opened", "submitted", "matched", "verified", "approved", "payable", "paid"]
    assert [step.trigger for step in claim.steps.order_by("id")] == triggers


def test_a_user_who_paid_everything_draws_the_voucher_by_the_claim(world: World) -> None:
    here = world("reimburse_user")
    settled = here.settle()
    assert (settled.voucher_captured_fen, settled.copay_captured_fen) == (0, settled.charge_fen)
    account = programme_accounts.voucher_account(here.voucher.id)  # type: ignore[union-attr]
    before = posted(here, account)
    claim = here.claim(settled)
    assert claim.state == "MATCHED" and claim.claimant == here.road.owner.organisation
    book = programme_accounts.ledger_of(here.version.programme_id)
    assert ledger.balance(book, account).debits_pending == settled.charge_fen // 5
    claim = here.approve(claim)
    assert claim.batch is None
    claim = payment.pay(actor=here.payer.actor, claim_id=claim.id, reference="bank 7")
    assert claim.state == "PAID"
    assert sum(paid(here).values()) == settled.charge_fen // 5 == before - posted(here, account)


def test_a_withdrawn_claim_gives_the_hold_back_and_its_orders_may_be_claimed_anew(world: World) -> None:
    here = world("reimburse_user")
    settled = here.settle()
    claim = here.claim(settled)
    claims.withdraw(actor=here.claimant.actor, claim_id=claim.id, reason="wrong invoice")
    book = programme_accounts.ledger_of(here.version.programme_id)
    account = programme_accounts.voucher_account(here.voucher.id)  # type: ignore[union-attr]
    assert ledger.balance(book, account).debits_pending == 0
    again = here.claim(settled)
    assert again.state == "MATCHED"
    assert here.approve(again).state == "PAYABLE"


def test_a_suspended_voucher_is_neither_drawn_on_nor_paid_from_until_it_is_reinstated(world: World) -> None:
    here = world("reimburse_user")
    first, second = here.settle(), here.settle()
    drawn = here.claim(first)
    claim_review.verify(actor=here.reviewer.actor, claim_id=drawn.id)
    voucher = here.voucher
    assert voucher is not None
    programmes.suspend(actor=here.reviewer.actor, voucher_id=voucher.id, reason="a shell company?")
    with pytest.raises(Refused, match=r"voucher\.not_drawn_on.*SUSPENDED"):
        here.claim(second)
    with pytest.raises(Refused, match=r"voucher\.not_drawn_on"):
        claim_review.approve(actor=here.approver.actor, claim_id=drawn.id)
    assert paid(here) == {"province": 0, "city": 0}
    programmes.reinstate(actor=here.approver.actor, voucher_id=voucher.id, reason="it is none")
    waiting = Claim.objects.get(state="DRAFT")
    assert claims.submit(actor=here.claimant.actor, claim_id=waiting.id).state == "MATCHED"
    assert claim_review.approve(actor=here.approver.actor, claim_id=drawn.id).state == "PAYABLE"


def test_a_claim_sent_back_is_corrected_and_submitted_again(world: World) -> None:
    here = world("reimburse_user")
    settled = here.settle()
    claim = here.claim(settled, invoice={"amount_fen": settled.charge_fen + 100})
    assert claim.state == "MISMATCH"
    (first,) = claim.matches.get().differences
    assert first["code"] == "match.amount_differs" and first["where"] == "papers.invoice.amount_fen"
    assert "¥5.20" in first["en"] and "¥4.20" in first["en"]
    claims.correct(actor=here.claimant.actor, claim_id=claim.id, papers_said=here.papers(settled))
    claim = claims.submit(actor=here.claimant.actor, claim_id=claim.id)
    assert claim.state == "MATCHED"
    claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id)
    claim_review.send_back(actor=here.approver.actor, claim_id=claim.id, reason="name the period")
    claim = claims.submit(actor=here.claimant.actor, claim_id=claim.id)
    assert here.approve(claim).state == "PAYABLE"


def test_an_order_is_in_one_living_claim_only(world: World) -> None:
    here = world()
    settled = here.settle()
    here.claim(settled)
    with pytest.raises(Refused, match=r"claim\.order_claimed"):
        here.claim(settled)


def test_the_same_id_is_the_same_claim_and_other_content_is_a_conflict(world: World) -> None:
    here = world()
    settled, key = here.settle(), new_id()
    first = here.claim(settled, claim_id=key)
    assert here.claim(settled, claim_id=key) == first
    with pytest.raises(Conflict, match=r"claim\.id_taken"):
        here.claim(settled, claim_id=key, invoice={"number": "another"})
    assert Claim.objects.count() == 1


def test_every_verb_called_twice_changes_nothing(world: World) -> None:
    here = world()
    claim = here.claim(here.settle())
    for _ in range(2):
        claim = claims.submit(actor=here.claimant.actor, claim_id=claim.id)
    for _ in range(2):
        claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id)
    for _ in range(2):
        claim_review.approve(actor=here.approver.actor, claim_id=claim.id)
    claim.refresh_from_db()
    for _ in range(2):
        batches.close(actor=here.officer.actor, batch_id=str(claim.batch_id))
    for _ in range(2):
        batches.review(actor=here.second.actor, batch_id=str(claim.batch_id))
    for _ in range(2):
        batches.pay(actor=here.payer.actor, batch_id=str(claim.batch_id))
    assert Payment.objects.count() == len([fen for fen in paid(here).values() if fen])
    assert RedemptionStep.objects.filter(claim=claim).count() == 7


def test_who_verified_does_not_approve_and_who_closed_does_not_review_or_pay(world: World) -> None:
    here = world()
    for role in ("reviewer", "programme_officer"):
        identity.grant_role(
            actor=SYSTEM,
            identity_id=here.second.identity.id,
            organisation_id=here.second.organisation.id,
            role=role,
        )
    both = actor_of(here.second.identity)
    claim = here.claim(here.settle())
    claim_review.verify(actor=both, claim_id=claim.id)
    with pytest.raises(Refused, match=r"claim\.same_person"):
        claim_review.approve(actor=both, claim_id=claim.id)
    claim_review.approve(actor=here.approver.actor, claim_id=claim.id)
    claim.refresh_from_db()
    batch_id = str(claim.batch_id)
    batches.close(actor=both, batch_id=batch_id)
    with pytest.raises(Refused, match=r"claim\.same_person"):
        batches.review(actor=both, batch_id=batch_id)
    batches.review(actor=here.approver.actor, batch_id=batch_id)
    for actor in (both, here.approver.actor):
        with pytest.raises(Refused, match=r"claim\.same_person"):
            batches.pay(actor=actor, batch_id=batch_id)
    assert batches.pay(actor=here.payer.actor, batch_id=batch_id).state == Batch.State.PAID


def test_roles_are_asked_for_and_strangers_find_nothing(world: World, stranger: Person) -> None:
    here = world()
    claim = here.claim(here.settle())
    with pytest.raises(Refused, match=r"claim\.role_missing"):
        claim_review.verify(actor=here.claimant.actor, claim_id=claim.id)
    with pytest.raises(Refused, match=r"claim\.role_missing"):
        claim_review.approve(actor=here.reviewer.actor, claim_id=claim.id)
    with pytest.raises(NotFound, match=r"claim\.not_found"):
        claim_review.verify(actor=stranger.actor, claim_id=claim.id)
    assert claim_selectors.claims(stranger.actor) == []
    with pytest.raises(NotFound, match=r"batch\.not_found"):
        here.approve(claim)
        claim.refresh_from_db()
        batches.close(actor=stranger.actor, batch_id=str(claim.batch_id))


def test_a_flow_that_is_not_carried_out_is_refused_in_a_sentence(
    road: Road, officer: Person, reviewer: Person, approver: Person, world: World
) -> None:
    here = world()
    settled = here.settle()
    draft = programmes.load_programme(
        actor=officer.actor, text=document("post_award"), source_name="award.yaml"
    )
    with pytest.raises(Refused, match=r"claim\.flow_not_carried_out.*post_award"):
        claims.open_claim(
            actor=officer.actor,
            claim_id=new_id(),
            version_id=draft.id,
            order_ids=[settled.order_id],
            papers_said={},
        )
    del road, reviewer, approver


def test_publicity_must_run_out_before_a_claim_is_payable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    five_days = replace(paying_terms(here.version.id), publicity_days=5)
    monkeypatch.setattr(claim_review, "paying_terms", lambda _version_id: five_days)
    claim = here.claim(here.settle())
    claim = here.approve(claim)
    assert claim.state == "PUBLICISED" and claim.publicity_until is not None
    with pytest.raises(Refused, match=r"claim\.publicity_runs"):
        claim_review.make_payable(actor=here.officer.actor, claim_id=claim.id)
    later = claim.publicity_until + timedelta(days=1)
    monkeypatch.setattr(claim_review, "programme_day", lambda _at: later)
    assert claim_review.make_payable(actor=here.officer.actor, claim_id=claim.id).state == "PAYABLE"


def test_the_database_refuses_to_change_a_line_or_delete_a_step(world: World) -> None:
    here = world()
    claim = here.claim(here.settle())
    for change in (
        lambda: claim.lines.update(subsidy_fen=1),
        lambda: claim.steps.all().delete(),
        lambda: claim.matches.update(matched=True),
        lambda: Claim.objects.filter(pk=claim.id).update(flow="no_cash"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_later_version_changes_no_claim(world: World) -> None:
    here = world()
    settled = here.settle()
    claim = here.claim(settled)
    text = document("deduct_pay_supplier", **{"version: 1": "version: 2", "rate: 20/100": "rate: 1/100"})
    text = text.replace("payer: province, share: 1/2", "payer: nation, share: 1/2")
    later = programmes.load_programme(actor=here.officer.actor, text=text, source_name="later.yaml")
    programmes.activate(actor=signer(here.officer).actor, version_id=later.id)
    claim = here.approve(claim)
    here.pay_batch(claim)
    assert paid(here) == {"province": 42, "city": 42} and settled.voucher_captured_fen == 84
