"""Hangzhou on the platform: it pays up to a rate, and who verifies a claim says how much, with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction

import pytest
from tests.hub.settlement.after_use import AfterUse
from tests.hub.settlement.shipped import COST_FEN, text_of
from tests.people import Person, make_person, signer

from hesuan.errors import Faults, InputFault, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.services import grant_role
from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.settlement import claim_review, crediting, payment, setting, soundness
from hesuan.hub.settlement.models import Claim
from hesuan.policy.schema import load
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

HANGZHOU = "cn.hangzhou.suanliquan.2025"
SMALL: dict[str, Json] = {"applicant.is_legal_person": True, "applicant.size": "small"}
HALF_FEN, TWO_FIFTHS_FEN = COST_FEN // 2, COST_FEN * 2 // 5


@pytest.fixture
def hangzhou(shipped: Callable[..., AfterUse]) -> AfterUse:
    """Hangzhou's own text."""
    return shipped(HANGZHOU)


@pytest.fixture
def claim(hangzhou: AfterUse) -> Claim:
    """A small firm's claim on ¥200,000.00, submitted: 50 % at most."""
    return hangzhou.submit(hangzhou.open_with_all(hangzhou.use(), facts=SMALL))


def verify(here: AfterUse, claim: Claim, rate: str, note: str = "half of the hours were tests") -> Claim:
    """The reviewer verifies it and sets its rate."""
    return claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id, note=note, rate=rate)


def living(claim: Claim) -> Voucher:
    """The entitlement that its line draws on."""
    voucher = claim.lines.get().voucher
    assert voucher is not None
    return voucher


def test_from_the_claim_to_money_paid_at_the_rate_that_was_set(hangzhou: AfterUse, claim: Claim) -> None:
    """200,000.00 × 50 % is held; the reviewer sets 2/5, and 80,000.00 is paid by others than the reviewer."""
    assert claim.lines.get().subsidy_fen == HALF_FEN
    assert hangzhou.limits() == {"cap": (0, HALF_FEN), "budget": (0, HALF_FEN)}
    first, shown = living(claim), setting.rate_of(claim)
    assert shown is not None and (shown.most, shown.rate, shown.role) == (Fraction(1, 2), None, "reviewer")
    claim = verify(hangzhou, claim, "2/5")
    line, made = claim.lines.get(), living(claim)
    assert (claim.state, line.subsidy_fen, made.face_fen) == ("VERIFIED", TWO_FIFTHS_FEN, TWO_FIFTHS_FEN)
    assert hangzhou.limits() == {"cap": (0, TWO_FIFTHS_FEN), "budget": (0, TWO_FIFTHS_FEN)}
    first.refresh_from_db()
    assert (first.state, made.application.facts["award.rate"]) == ("CLOSED", "2/5")
    shown = setting.rate_of(claim)
    assert shown is not None and (shown.rate, shown.set_by) == (
        Fraction(2, 5),
        hangzhou.reviewer.actor.identity_id,
    )
    claim = claim_review.approve(actor=hangzhou.approver.actor, claim_id=claim.id)
    claim = payment.pay(actor=hangzhou.payer.actor, claim_id=claim.id)
    assert (claim.state, sum(claim.payments.values_list("amount_fen", flat=True))) == (
        "PAID",
        TWO_FIFTHS_FEN,
    )
    assert hangzhou.limits() == {"cap": (TWO_FIFTHS_FEN, 0), "budget": (TWO_FIFTHS_FEN, 0)}
    assert soundness.check() == []


def test_figure_and_reason_are_on_record(hangzhou: AfterUse, claim: Claim) -> None:
    verify(hangzhou, claim, "0.4", "half of the hours were tests")
    step = claim.steps.get(trigger="rate_set")
    assert (step.reason, step.role) == ("2/5: half of the hours were tests", "reviewer")
    leaf = json.loads(bytes(Fact.objects.get(kind="claim.rate_set", subject=claim.id).leaf))
    assert (leaf["rate"], leaf["most"], leaf["subsidy_fen"]) == ("2/5", "1/2", TWO_FIFTHS_FEN)


OUTSIDE = [
    ("", "seen", InputFault, "claim.rate_missing"),
    ("2/5", " ", InputFault, "claim.reason_missing"),
    ("two fifths", "seen", InputFault, "policy."),
    ("0", "seen", Refused, "claim.rate_outside"),
    ("51%", "seen", Refused, "claim.rate_outside"),
    ("51/100", "seen", Refused, "claim.rate_outside"),
]


@pytest.mark.parametrize(("rate", "note", "error", "code"), OUTSIDE, ids=[repr(one[0]) for one in OUTSIDE])
def test_what_is_no_rate_under_the_ceiling_is_refused_and_changes_nothing(
    hangzhou: AfterUse, claim: Claim, rate: str, note: str, error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as refused:
        verify(hangzhou, claim, rate, note)
    assert code in str(refused.value)
    claim.refresh_from_db()
    assert (claim.state, claim.stage, claim.lines.get().subsidy_fen) == ("MATCHED", 0, HALF_FEN)


@pytest.mark.parametrize("rate", ["2/5", "0.4", "40%", " 40 % "])
def test_a_rate_may_be_written_as_people_write_it(rate: str) -> None:
    assert services.rate_said(rate, where="rate") == Fraction(2, 5)


def test_the_ceiling_itself_may_be_set(hangzhou: AfterUse, claim: Claim) -> None:
    """The near miss of 51/100."""
    assert verify(hangzhou, claim, "50/100").lines.get().subsidy_fen == HALF_FEN


def test_who_set_the_rate_does_not_approve(hangzhou: AfterUse, claim: Claim) -> None:
    office = hangzhou.officer.organisation
    both = make_person("bo", office, "reviewer")
    grant_role(actor=SYSTEM, identity_id=both.identity.id, organisation_id=office.id, role="approver")
    claim_review.verify(actor=both.actor, claim_id=claim.id, note="seen", rate="2/5")
    with pytest.raises(Refused, match=r"claim\.same_person"):
        claim_review.approve(actor=both.actor, claim_id=claim.id)
    assert claim_review.approve(actor=hangzhou.approver.actor, claim_id=claim.id).state == "PAYABLE"


def test_nobody_approves_before_a_rate_is_set(hangzhou: AfterUse, claim: Claim) -> None:
    with pytest.raises(Refused, match=r"claim\.wrong_state"):
        claim_review.approve(actor=hangzhou.approver.actor, claim_id=claim.id)


def test_the_same_again_changes_nothing_and_another_rate_is_refused(hangzhou: AfterUse, claim: Claim) -> None:
    verify(hangzhou, claim, "2/5")
    steps = claim.steps.count()
    verify(hangzhou, claim, "40/100")
    assert claim.steps.count() == steps
    with pytest.raises(Refused, match=r"claim\.same_person"):
        verify(hangzhou, claim, "1/5")
    assert claim.lines.get().subsidy_fen == TWO_FIFTHS_FEN


def test_what_was_claimed_since_moves_no_claim_into_another_tier(hangzhou: AfterUse) -> None:
    """Two claims of 200,000.00 stay below 500,000.00, a third passes it; the first is decided as it was."""
    first, *others = (hangzhou.submit(hangzhou.open_with_all(hangzhou.use(), facts=SMALL)) for _ in range(3))
    assert [one.lines.get().subsidy_fen for one in (first, *others)] == [HALF_FEN, HALF_FEN, 6_000_000]
    hangzhou.clock.at += timedelta(days=30)  # in the next year, too
    assert verify(hangzhou, first, "2/5").lines.get().subsidy_fen == TWO_FIFTHS_FEN
    made = living(first)
    assert made.issued_at == hangzhou.clock.at - timedelta(days=30)
    assert made.application.facts["year.base_total"] == "200000.00"


def test_what_comes_back_is_held_for_the_ceiling_again(hangzhou: AfterUse, claim: Claim) -> None:
    verify(hangzhou, claim, "1/5")
    claim_review.send_back(actor=hangzhou.approver.actor, claim_id=claim.id, reason="another contract")
    claim = hangzhou.submit(claim)
    shown = setting.rate_of(claim)
    assert claim.lines.get().subsidy_fen == HALF_FEN and shown is not None and shown.rate is None
    assert verify(hangzhou, claim, "2/5").lines.get().subsidy_fen == TWO_FIFTHS_FEN


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_credit_note_is_decided_by_the_rate_that_was_set(
    hangzhou: AfterUse, claim: Claim, when: str
) -> None:
    """50,000.00 less on the invoice: 150,000.00 × 2/5 = 60,000.00, whichever comes first."""

    def credit() -> None:
        crediting.book_credit_note(
            actor=hangzhou.claimant.actor,
            note_id=new_id(),
            claim_id=claim.id,
            number="HZ-1",
            lines={1: 5_000_000},
            reason="hours given back",
        )

    if when == "before":
        credit()
    verify(hangzhou, claim, "2/5")
    if when == "after":
        credit()
    claim_review.approve(actor=hangzhou.approver.actor, claim_id=claim.id)
    paid = payment.pay(actor=hangzhou.payer.actor, claim_id=claim.id)
    assert sum(paid.payments.values_list("amount_fen", flat=True)) == 6_000_000
    assert hangzhou.limits() == {"cap": (6_000_000, 0), "budget": (6_000_000, 0)}


# --- The document ---


def test_a_rate_has_no_place_where_the_document_lets_nobody_set_one(
    shipped: Callable[..., AfterUse],
) -> None:
    langfang = shipped("cn.langfang.suanliquan.2023")
    facts: dict[str, Json] = {
        "applicant.is_newly_landed": False,
        "project.level": "none",
        "project.role": "none",
    }
    claim = langfang.submit(langfang.open_with_all(langfang.use(), facts=facts))
    with pytest.raises(InputFault, match=r"claim\.no_rate_here"):
        verify(langfang, claim, "2/5")
    assert verify(langfang, claim, "").state == "VERIFIED"


def test_without_a_word_on_who_sets_it_a_ceiling_is_not_activated(officer: Person) -> None:
    """As every version before this key; an interpretation that is taken away leaves the rule open."""
    text = text_of(HANGZHOU)
    line = next(one for one in text.splitlines() if "  set_by:" in one)
    start = text.index("  - field: rates.set_by")
    open_text = text[:start] + text[text.index("  - field: rates.retroactive") :]
    silent = open_text.replace(f"{line}\n", "")
    silent = silent.replace("\nversion: 1\n", "\nversion: 2\n")
    for version, said in ((open_text, "rates.set_by"), (silent, "rate_kind")):
        draft = services.load_programme(actor=officer.actor, text=version, source_name="hz.yaml")
        with pytest.raises(Refused) as refused:
            services.activate(actor=signer(officer).actor, version_id=draft.id)
        assert said in refused.value.sentence("en")


@pytest.mark.parametrize("who", ["approver", "county"])
def test_the_rate_is_set_by_a_step_that_verifies(who: str) -> None:
    text = text_of(HANGZHOU).replace("    value: reviewer\n", f"    value: {who}\n")
    with pytest.raises(Faults) as faults:
        load(text, source="hz.yaml")
    assert [one.code.name for one in faults.value.faults] == ["policy.no_such_entry"]
