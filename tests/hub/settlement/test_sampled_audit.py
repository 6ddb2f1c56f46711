"""A verified claim draws one number by a seed nobody chose; what is drawn is looked into by somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from hashlib import sha256

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.errors import InputFault, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.settlement import claim_review, claims, clawing, closing, crediting, reconciling, sampling
from hesuan.hub.settlement.models import AuditPlan, Claim, Clawback, Payment, SampledAudit
from hesuan.money import decimal_yuan
from hesuan.policy.auditing import drawn_number
from hesuan.wire.canonical import canonical
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]
ALL = {"audit: {}": "audit: {sample_share: 1/1, retention: P1D}"}
LATER = {"audit: {}": "audit: {retention: P1D}"}


def drawn(here: ClaimWorld) -> Claim:
    """A claim of a programme that looks into all of them."""
    claim = here.claim(here.settle())
    return claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id)


def paid(here: ClaimWorld) -> Claim:
    claim = here.approve(here.claim(here.settle()))
    here.pay_batch(claim)
    claim.refresh_from_db()
    return claim


def load(here: ClaimWorld, payer: str, rows: list[str], head: str = "day,reference,amount") -> list[str]:
    """Loads a statement of the last days; the codes of its findings."""
    today = timezone.now().date()
    made = reconciling.load_statement(
        actor=here.officer.actor,
        statement_id=new_id(),
        programme_id=here.version.programme_id,
        payer=payer,
        begins_on=today - timedelta(days=2),
        ends_on=today + timedelta(days=2),
        name="bank.csv",
        content="\n".join([head, *rows]),
    )
    return [one.code for one in made.findings.order_by("id")]


def bank_row(payment: Payment, more_fen: int = 0) -> str:
    return f"{timezone.now().date()},{payment.reference},{decimal_yuan(payment.cash_fen + more_fen)}"


def reconcile(here: ClaimWorld, claim: Claim) -> None:
    for payment in claim.payments.all():
        assert load(here, payment.payer, [bank_row(payment)]) == []
    claim.refresh_from_db()


def test_the_draw_is_made_again_from_the_public_leaf(world: World) -> None:
    claim = drawn(world(**ALL))
    assert claim.state == "SAMPLED_AUDIT"
    fact = Fact.objects.get(kind="claim.verified", subject=claim.id)
    row = claim.audits.get()
    assert row.seed == sha256(bytes(fact.leaf)).hexdigest()
    number = drawn_number(row.seed, claim.id)
    assert row.number == f"0.{int(number * 10**18):018d}"
    assert (row.share, row.said_by, row.drawn) == ("1/1", "document", True)
    assert b'"h":"sha256:' in bytes(fact.leaf), "without a salt the verifier could foresee the draw"
    audit.sequence()
    fact.refresh_from_db()
    public = json.loads(fact.logged)
    del public["s"]
    assert row.seed == sha256(canonical(public)).hexdigest(), "as anybody makes it from the public log"


def test_without_a_share_nobody_is_drawn_and_the_draw_is_on_record_all_the_same(world: World) -> None:
    claim = drawn(world())
    assert claim.state == "VERIFIED"
    assert (claim.audits.get().share, claim.audits.get().drawn) == ("0/1", False)


def test_a_drawn_claim_waits_for_somebody_who_had_no_part_in_it(world: World) -> None:
    here = world(**ALL)
    claim = drawn(here)
    with pytest.raises(Refused, match=r"claim\.wrong_state.*SAMPLED_AUDIT"):
        claim_review.approve(actor=here.approver.actor, claim_id=claim.id)
    with pytest.raises(Refused, match=r"claim\.wrong_state"):
        claims.withdraw(actor=here.claimant.actor, claim_id=claim.id, reason="afraid")
    with pytest.raises(Refused, match=r"claim\.same_person"):
        sampling.conclude(actor=here.reviewer.actor, claim_id=claim.id, outcome="passed", finding="fine")
    for _ in range(2):
        found = sampling.conclude(
            actor=here.second.actor, claim_id=claim.id, outcome="passed", finding="seen the job's log"
        )
    assert found.state == "VERIFIED"
    assert claim_review.approve(actor=here.approver.actor, claim_id=claim.id).state == "PAYABLE"


def test_verifying_twice_draws_once(world: World) -> None:
    here = world(**ALL)
    claim = drawn(here)
    assert claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id).state == "SAMPLED_AUDIT"
    assert claim.audits.count() == 1


def test_findings_before_payment_return_the_claim_and_it_is_audited_again(world: World) -> None:
    here = world("reimburse_user", **ALL)
    claim = drawn(here)
    sampling.conclude(
        actor=here.second.actor, claim_id=claim.id, outcome="findings", finding="no work was done"
    )
    claim.refresh_from_db()
    assert (claim.state, claim.stage) == ("DRAFT", 0)
    book = programme_accounts.ledger_of(here.version.programme_id)
    account = programme_accounts.voucher_account(here.voucher.id)  # type: ignore[union-attr]
    assert ledger.balance(book, account).debits_pending == 0
    claims.submit(actor=here.claimant.actor, claim_id=claim.id)
    again = claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id)
    assert again.state == "SAMPLED_AUDIT" and again.audits.count() == 2


def test_findings_on_a_paid_claim_demand_the_money_back(world: World) -> None:
    here = world()
    claim = paid(here)
    assert (
        sampling.draw_paid(
            actor=here.officer.actor, programme_id=here.version.programme_id, period=claim.period
        )[0].drawn
        is False
    ), "no share yet"
    other = paid(here)
    _plan(here, Fraction(1), 3)
    rows = sampling.draw_paid(
        actor=here.officer.actor, programme_id=here.version.programme_id, period=claim.period
    )
    assert [(one.claim_id, one.drawn) for one in rows] == [(other.id, True)], "each draws once"
    with pytest.raises(InputFault, match=r"claim\.amount_wrong"):
        sampling.conclude(actor=here.third.actor, claim_id=other.id, outcome="findings", finding="sham")
    sampling.conclude(
        actor=here.third.actor,
        claim_id=other.id,
        outcome="findings",
        finding="idle cards",
        amount_fen=10,
        clawback_id=new_id(),
    )
    other.refresh_from_db()
    assert other.state == "PAID"
    assert Clawback.objects.get(claim=other).amount_fen == 10
    assert SampledAudit.objects.get(claim=other, outcome="findings").clawback is not None


def test_a_plan_is_in_force_once_another_approver_agrees(world: World) -> None:
    here = world()
    plan = sampling.propose_plan(
        actor=here.approver.actor,
        plan_id=new_id(),
        programme_id=here.version.programme_id,
        share=Fraction(1, 10),
        window_days=90,
        reason="the funder's letter of 3 May",
    )
    assert sampling.plan_in_force(here.version.programme_id) is None
    with pytest.raises(Refused, match=r"claim\.same_person"):
        sampling.agree_plan(actor=here.approver.actor, plan_id=plan.id)
    sampling.agree_plan(actor=here.second.actor, plan_id=plan.id)
    assert sampling.plan_in_force(here.version.programme_id) == plan
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditPlan.objects.filter(pk=plan.id).update(part=0)


def test_what_agrees_to_the_fen_is_reconciled_and_then_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(**LATER)
    claim = paid(here)
    reconcile(here, claim)
    assert claim.state == "RECONCILED"
    with pytest.raises(Refused, match=r"claim\.window_runs"):
        closing.close(actor=here.officer.actor, claim_id=claim.id)
    in_a_week = timezone.now() + timedelta(days=7)
    monkeypatch.setattr(closing.timezone, "now", lambda: in_a_week)
    with pytest.raises(Refused, match=r"claim\.same_person"):
        closing.close(actor=here.payer.actor, claim_id=claim.id)
    for _ in range(2):
        assert closing.close(actor=here.officer.actor, claim_id=claim.id).state == "CLOSED"
    with pytest.raises(Refused, match=r"claim\.wrong_state"):
        crediting.book_credit_note(
            actor=here.reviewer.actor,
            note_id=new_id(),
            claim_id=claim.id,
            number="R",
            lines={1: 1},
            reason="x",
        )


def test_nothing_is_closed_while_money_is_to_come_back_or_nobody_said_how_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    claim = paid(here)
    reconcile(here, claim)
    with pytest.raises(Refused, match=r"claim\.no_window"):
        closing.close(actor=here.officer.actor, claim_id=claim.id)
    _plan(here, Fraction(0), 0)
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(closing.timezone, "now", lambda: tomorrow)
    clawing.demand(
        actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=3, reason="audit"
    )
    with pytest.raises(Refused, match=r"claim\.still_open.*¥0\.03"):
        closing.close(actor=here.officer.actor, claim_id=claim.id)


def test_one_fen_more_or_less_is_a_finding_with_both_numbers(world: World) -> None:
    here = world()
    claim = paid(here)
    payment = claim.payments.order_by("payer").first()
    assert payment is not None
    assert load(here, payment.payer, [bank_row(payment, 1)]) == ["reconcile.amount_differs"]
    claim.refresh_from_db()
    assert claim.state == "PAID"
    finding = here.version.programme.bank_statements.get().findings.get()
    assert finding.bank_fen - finding.books_fen == 1
    assert decimal_yuan(finding.bank_fen) in finding.en and decimal_yuan(finding.books_fen) in finding.zh


def test_what_only_one_side_knows_is_a_finding(world: World) -> None:
    here = world()
    payment = paid(here).payments.order_by("payer").first()
    assert payment is not None
    today = timezone.now().date()
    assert load(here, payment.payer, []) == ["reconcile.not_at_the_bank"]
    assert load(here, payment.payer, [bank_row(payment), f"{today},stranger,1.00"]) == [
        "reconcile.not_in_the_books"
    ]
    assert load(here, payment.payer, [bank_row(payment)]) == ["reconcile.paid_twice"]


def test_the_right_amount_to_the_wrong_payee_is_a_finding(world: World) -> None:
    here = world()
    payment = paid(here).payments.order_by("payer").first()
    assert payment is not None
    head = "day,reference,amount,payee,payment"
    name = payment.claim.claimant.name
    assert load(here, payment.payer, [f"{bank_row(payment)},a friend,{payment.id}"], head) == [
        "reconcile.payee_differs"
    ]
    assert load(here, payment.payer, [f"{bank_row(payment)},{name},{payment.id}"], head) == []


def test_who_paid_does_not_reconcile_and_every_unreadable_line_is_told(world: World) -> None:
    here = world()
    payment = paid(here).payments.order_by("payer").first()
    assert payment is not None
    here.officer = here.payer
    with pytest.raises(Refused, match=r"claim\.same_person"):
        load(here, payment.payer, [bank_row(payment)])
    with pytest.raises(Exception, match=r"(?s)2: day.*3: amount") as told:
        load(here, payment.payer, ["soon,ref,1.00", "2026-01-01,ref,-1"])
    assert len(told.value.faults) == 2  # type: ignore[attr-defined]


def test_a_ledger_that_was_touched_would_be_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: rows and ledger agree; a payment that the ledger does not know is a finding."""
    here = world()
    payment = paid(here).payments.order_by("payer").first()
    assert payment is not None
    posted, told = reconciling.books_agree(here.version.programme_id, payment.payer)
    assert posted == told == payment.amount_fen
    monkeypatch.setattr(reconciling, "books_agree", lambda *_: (posted, told + 1))
    assert load(here, payment.payer, [bank_row(payment)]) == ["reconcile.books_differ"]


def _plan(here: ClaimWorld, share: Fraction, days: int) -> None:
    made = sampling.propose_plan(
        actor=here.approver.actor,
        plan_id=new_id(),
        programme_id=here.version.programme_id,
        share=share,
        window_days=days,
        reason="decided",
    )
    sampling.agree_plan(actor=here.second.actor, plan_id=made.id)
