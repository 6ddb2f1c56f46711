"""Nanning on the platform: nothing is issued, the claim after use is the application; to the fen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.hub.settlement.after_use import CLAIMED, FACTS, NANNING, USED, AfterUse
from tests.hub.settlement.shipped import COST_FEN

from hesuan.errors import Faults, InputFault, Refused
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, selectors, services
from hesuan.hub.programmes.models import Application, Voucher
from hesuan.hub.programmes.results import results
from hesuan.hub.settlement import claim_review, claims
from hesuan.hub.settlement.models import Claim
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

LATE = datetime(2026, 1, 24, 4, 0, tzinfo=UTC)
WHOLE: dict[str, Json] = {**FACTS, "contract.starts_on": "2025-03-01", "contract.ends_on": "2025-12-31"}
"""A contract that is the baseline itself: the whole amount counts."""
PAYS_FEN = 2_510_200
MISMATCHED: dict[str, Json] = {
    "number": "HT-9",
    "signed_on": "2024-12-20",
    "amount_fen": 100_000_000,
    "buyer": "Somebody Else",
    "seller": "Nobody",
}
"""A contract of others: the comparison finds it."""


@pytest.fixture
def nanning(shipped: Callable[..., AfterUse]) -> AfterUse:
    """Nanning's own text."""
    return shipped(NANNING)


def entitlement(claim: Claim) -> Voucher:
    """What the claim's submission made."""
    found = claim.lines.first()
    assert found is not None and found.voucher is not None
    return Voucher.objects.get(pk=found.voucher_id)


def test_the_official_example_from_use_to_payment(nanning: AfterUse) -> None:
    """200,000.00 × 305/729 = 83,676; × 30 % = 25,102.00: paid back, and nothing was issued before."""
    used = nanning.use()
    assert used.charge_fen == COST_FEN and not Voucher.objects.exists()
    nanning.clock.at = CLAIMED
    draft = nanning.open(used)
    line = draft.lines.get()
    assert (draft.state, line.subsidy_fen, line.voucher) == ("DRAFT", PAYS_FEN, None)
    claim = nanning.submit(draft)
    made = entitlement(claim)
    assert (claim.state, made.face_fen, made.state) == ("MATCHED", PAYS_FEN, "ACTIVE")
    assert (made.application.state, made.application.planned_fen) == ("ISSUED", COST_FEN)
    claim = nanning.pay(claim)
    assert (claim.state, sum(claim.payments.values_list("amount_fen", flat=True))) == ("PAID", PAYS_FEN)
    assert services.end_drawn() == 1
    assert entitlement(claim).state == "CLOSED" and services.end_drawn() == 0


# --- What may be claimed, when, and by which facts ---


def test_the_claim_is_taken_inside_the_window_only(nanning: AfterUse) -> None:
    """In December, and on 24 January, no call takes it; a draft of the window is not submitted after it."""
    used = nanning.use()
    with pytest.raises(Refused, match=r"call\.none_open.*2026-01-04 – 2026-01-23"):
        nanning.open(used)
    nanning.clock.at = CLAIMED
    draft = nanning.open(used)
    nanning.clock.at = LATE
    with pytest.raises(Refused, match=r"call\.none_open"):
        nanning.submit(draft)
    assert not Voucher.objects.exists() and not Application.objects.exists()


def test_what_came_back_inside_the_window_is_completed_after_it(nanning: AfterUse) -> None:
    used = nanning.use()
    nanning.clock.at = CLAIMED
    claim = nanning.submit(nanning.open(used))
    first = entitlement(claim)
    claim_review.send_back(
        actor=nanning.reviewer.actor, claim_id=claim.id, reason="the receipt is not legible"
    )
    nanning.clock.at = LATE
    claim = nanning.submit(claim)
    made = entitlement(claim)
    assert (claim.state, made.face_fen) == ("MATCHED", PAYS_FEN) and made.pk != first.pk
    assert made.application.call_id == first.application.call_id
    first.refresh_from_db()
    assert first.state == "CLOSED"


FAILING = ("applicant.major_penalty_within_three_years", "applicant.is_dishonest", "relation.related_party")


@pytest.mark.parametrize("fact", FAILING)
def test_a_condition_that_fails_is_named(nanning: AfterUse, fact: str) -> None:
    used = nanning.use()
    nanning.clock.at = CLAIMED
    with pytest.raises(Refused, match=r"claim\.nothing_paid") as refused:
        nanning.open(used, facts={**FACTS, fact: True})
    assert f"`{fact}` is true" in refused.value.sentence("en")


def test_a_fact_that_nobody_stated_is_not_a_yes(nanning: AfterUse) -> None:
    used = nanning.use()
    nanning.clock.at = CLAIMED
    silent = {name: value for name, value in FACTS.items() if name != "applicant.is_dishonest"}
    with pytest.raises(Refused, match=r"claim\.nothing_paid") as refused:
        nanning.open(used, facts=silent)
    assert "`applicant.is_dishonest` is not stated" in refused.value.sentence("en")


def test_computing_of_another_kind_is_not_paid(nanning: AfterUse) -> None:
    plain = nanning.use("compute")
    nanning.clock.at = CLAIMED
    with pytest.raises(Refused, match=r"claim\.nothing_paid"):
        nanning.open(plain)


def test_the_supplier_is_judged_on_the_day_of_the_order(nanning: AfterUse) -> None:
    """An admission that ended between use and claim changes nothing; the control is the test below."""
    used = nanning.use()
    [listed] = selectors.admissions(nanning.officer.actor, NANNING)
    services.end_admission(
        actor=nanning.officer.actor, admission_id=listed.id, last_day=USED.date(), reason="off the list"
    )
    nanning.clock.at = CLAIMED
    assert nanning.open(used).lines.get().subsidy_fen == PAYS_FEN


def test_a_supplier_off_the_list_before_the_order_is_not_paid(nanning: AfterUse) -> None:
    [listed] = selectors.admissions(nanning.officer.actor, NANNING)
    services.end_admission(
        actor=nanning.officer.actor, admission_id=listed.id, last_day=USED.date(), reason="off the list"
    )
    nanning.clock.at = USED + timedelta(days=2)
    used = nanning.use()
    nanning.clock.at = CLAIMED
    with pytest.raises(Refused, match=r"claim\.nothing_paid") as refused:
        nanning.open(used)
    assert "nan_a_centre_pool" in refused.value.sentence("en")


def test_a_voucher_or_an_unknown_fact_has_no_place_in_such_a_claim(nanning: AfterUse) -> None:
    used = nanning.use()
    nanning.clock.at = CLAIMED
    said = {
        "actor": nanning.claimant.actor,
        "version_id": nanning.version.id,
        "order_ids": [used.order_id],
        "papers_said": {},
    }
    with pytest.raises(InputFault, match=r"claim\.no_voucher_here"):
        claims.open_claim(**said, claim_id=new_id(), voucher_id=new_id())
    with pytest.raises(Faults) as faults:
        claims.open_claim(**said, claim_id=new_id(), facts={"award.rate": "1/2", "request.ordinal": 1})
    assert [one.where for one in faults.value.faults] == ["facts.award.rate", "facts.request.ordinal"]


def test_the_contracts_paper_and_the_stated_days_are_held_against_each_other(nanning: AfterUse) -> None:
    """The days decide the share that counts: what the paper says stands; nobody says otherwise beside it."""
    used = nanning.use()
    nanning.clock.at = CLAIMED
    paper: dict[str, Json] = {
        **nanning.papers(used)["contract"],
        "starts_on": "2025-03-01",
        "ends_on": "2025-12-31",
    }
    with pytest.raises(Faults) as faults:
        nanning.open(used, contract=paper)
    assert [one.where for one in faults.value.faults] == [
        "facts.contract.starts_on",
        "facts.contract.ends_on",
    ]
    unsaid = {name: value for name, value in FACTS.items() if not name.startswith("contract.")}
    assert nanning.open(used, facts=unsaid, contract=paper).lines.get().subsidy_fen == 6_000_000


def test_a_voucher_cannot_be_applied_for(nanning: AfterUse) -> None:
    nanning.clock.at = CLAIMED
    with pytest.raises(Refused, match=r"programme\.nothing_issued"):
        services.apply(
            actor=nanning.claimant.actor,
            organisation_id=nanning.claimant.organisation.id,
            version_id=nanning.version.id,
            planned_fen=COST_FEN,
            facts=FACTS,
        )


# --- Counters, budget, and what comes back ---


def test_limits_are_held_by_the_submission_and_counted_when_it_is_payable(nanning: AfterUse) -> None:
    used = nanning.use()
    nanning.clock.at = CLAIMED
    draft = nanning.open(used)
    assert nanning.limits() == {}
    claim = nanning.submit(draft)
    assert nanning.limits() == {"cap": (0, PAYS_FEN), "budget": (0, PAYS_FEN)}
    nanning.approve(claim)
    assert nanning.limits() == {"cap": (PAYS_FEN, 0), "budget": (PAYS_FEN, 0)}


@pytest.mark.parametrize("how", ["withdrawn", "returned", "rejected", "corrected"])
def test_a_claim_that_comes_back_gives_its_entitlement_up_whole(nanning: AfterUse, how: str) -> None:
    used = nanning.use()
    nanning.clock.at = CLAIMED
    claim = nanning.submit(
        nanning.open(used, contract=MISMATCHED) if how == "corrected" else nanning.open(used)
    )
    made = entitlement(claim)
    assert [one.amount_fen for one in results(nanning.officer.actor, NANNING)] == [PAYS_FEN]
    match how:
        case "withdrawn":
            claims.withdraw(actor=nanning.claimant.actor, claim_id=claim.id, reason="a wrong order")
        case "returned":
            claim_review.send_back(actor=nanning.reviewer.actor, claim_id=claim.id, reason="not legible")
        case "rejected":
            claim_review.reject(actor=nanning.approver.actor, claim_id=claim.id, reason="no contract")
        case _:
            assert claim.state == "MISMATCH"
            claims.correct(
                actor=nanning.claimant.actor, claim_id=claim.id, papers_said=claim.papers, facts=WHOLE
            )
    made.refresh_from_db()
    assert results(nanning.officer.actor, NANNING) == [], "what was given up is nobody's result"
    ended = made.steps.get(trigger="undo")
    assert (made.state, ended.to_state) == ("CLOSED", "REVOKED" if how == "rejected" else "SURRENDERED")
    assert nanning.limits() == {"cap": (0, 0), "budget": (0, 0)}
    assert balances.balance(accounts.ledger_of(NANNING), accounts.voucher_account(made.id)).available_fen == 0


def test_of_two_orders_the_second_sees_what_the_first_leaves_of_the_limit(
    shipped: Callable[..., AfterUse],
) -> None:
    """60,000.00 each under a limit of 100,000.00: the second gets 40,000.00, as draft and submitted."""
    cap = {'limit: "2000000.00", counts: redeemed': 'limit: "100000.00", counts: redeemed'}
    here = shipped(NANNING, **cap)
    both = here.use(), here.use()
    here.clock.at = CLAIMED
    draft = here.open(*both, facts=WHOLE)
    assert [line.subsidy_fen for line in draft.lines.order_by("number")] == [6_000_000, 4_000_000]
    claim = here.submit(draft)
    assert [line.subsidy_fen for line in claim.lines.order_by("number")] == [6_000_000, 4_000_000]
    assert entitlement(claim).face_fen == 10_000_000
    here.approve(claim)
    assert here.limits()["cap"] == (10_000_000, 0)


def test_langfangs_lump_sum_is_for_the_first_order_of_a_newcomer_only(
    shipped: Callable[..., AfterUse],
) -> None:
    """Once 500,000.00, cut by the invoice of 200,000.00; the second order is paid by the rate, 50 %."""
    here = shipped("cn.langfang.suanliquan.2023")
    both = here.use(), here.use("compute")
    newcomer: dict[str, Json] = {
        "applicant.is_newly_landed": True,
        "project.level": "none",
        "project.role": "none",
    }
    draft = here.open(*both, facts=newcomer)
    claim = here.submit(draft)
    assert [line.subsidy_fen for line in claim.lines.order_by("number")] == [20_000_000, 10_000_000]
    third = here.open(here.use(), facts=newcomer)
    assert third.lines.get().subsidy_fen == 10_000_000
