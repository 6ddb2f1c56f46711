"""Beijing on the platform, from the voucher to money found at the bank; claimed and redeemed both count.

2,000,000 a firm and calendar year, on what is issued *and* on what is redeemed, each in its own year; one
voucher for one contract.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db.models import Sum
from tests.hub.settlement.after_use import AfterUse
from tests.hub.settlement.shipped import COST_FEN
from tests.hub.settlement.test_sampled_audit import reconcile
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes.models import Count
from hesuan.hub.settlement import claim_review, payment, soundness
from hesuan.hub.settlement.models import Claim
from hesuan.wire.canonical import Json

BEIJING = "cn.beijing.suanliquan.2023"
FIFTH: dict[str, Json] = {"award.rate": "1/5"}
PAYS_FEN = COST_FEN // 5
NEXT_YEAR = datetime(2026, 1, 10, 4, 0, tzinfo=UTC)
BATCHED = {"settlement: {flow: reimburse_user}": "settlement: {flow: reimburse_user, cadence: quarterly}"}
TIGHT = {"value: 2025-12-31": "value: 2026-12-31", '"2000000.00", counts: both': '"50000.00", counts: both'}
"""The limit a fortieth of what it is, and a year more, so that two years of issue meet in one of use."""


def facts(contract: str) -> dict[str, Json]:
    """What the firm states for a contract."""
    return {
        "applicant.is_legal_person": True,
        "applicant.industry": "software",
        "applicant.tags": ["ai_of_gaojingjian"],
        "applicant.finance_sound": True,
        "applicant.is_dishonest": False,
        "relation.related_party": False,
        "contract.id": contract,
        "contract.signed_on": "2025-12-01",
        "contract.months": 12,
    }


@pytest.fixture
def beijing(shipped: Callable[..., AfterUse], owner: Person) -> Callable[..., AfterUse]:
    """Beijing's own text, with changes, and an applicant registered there."""

    def make(changes: dict[str, str]) -> AfterUse:
        Organisation.objects.filter(pk=owner.organisation.pk).update(
            registered_in="beijing", kind="enterprise"
        )
        return shipped(BEIJING, **changes)

    return make


def counted() -> dict[tuple[str, str], int]:
    """What each rule has counted, by what it counts [fen]; a claim is 1.00."""
    rows = Count.objects.values_list("rule", "counts").annotate(fen=Sum("amount_fen")).order_by()
    return {(rule, counts): fen for rule, counts, fen in rows}


@pytest.mark.parametrize("by_batch", [False, True], ids=["by itself", "by batch"])
def test_from_the_voucher_to_what_the_bank_says(beijing: Callable[..., AfterUse], by_batch: bool) -> None:
    """200,000.00 × 1/5 = 40,000.00; the use is held when claimed, counted when payable, and stays counted."""
    here = beijing(BATCHED if by_batch else {})
    assert here.issue_for(facts("c-1"), award=FIFTH).face_fen == PAYS_FEN
    issued = {("applicant_year", "issued"): PAYS_FEN, ("contract_once", "claims"): 100}
    assert counted() == issued
    with pytest.raises(Refused, match=r"application\.contract_taken"):
        here.issue_for(facts("c-1"), award=FIFTH)
    claim = here.claim(here.use())
    assert (claim.state, counted()) == ("MATCHED", issued)
    assert here.limits()["cap"] == (PAYS_FEN + 100, PAYS_FEN), "the use is held"
    claim = claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id, note="seen")
    claim = claim_review.approve(actor=here.approver.actor, claim_id=claim.id)
    assert (claim.state, claim.batch is not None) == ("PAYABLE", by_batch)
    used = {**issued, ("applicant_year", "redeemed"): PAYS_FEN}
    assert counted() == used and here.limits()["cap"] == (2 * PAYS_FEN + 100, 0)
    if by_batch:
        here.pay_batch(claim)
    else:
        payment.pay(actor=here.payer.actor, claim_id=claim.id, reference="bank 1")
    claim = Claim.objects.get()
    assert (claim.state, sum(claim.payments.values_list("amount_fen", flat=True))) == ("PAID", PAYS_FEN)
    reconcile(here, claim)
    assert claim.state == "RECONCILED" and counted() == used
    assert soundness.check() == []


def test_what_was_issued_in_two_years_meets_the_limit_of_the_year_it_is_used_in(
    beijing: Callable[..., AfterUse],
) -> None:
    """40,000.00 issued in each year; of 50,000.00 a year for use, the second claim finds 10,000.00."""
    here = beijing(TIGHT)
    first = here.issue_for(facts("c-1"), award=FIFTH)
    one = here.use()
    here.clock.at = NEXT_YEAR
    assert here.issue_for(facts("c-2"), award=FIFTH).face_fen == PAYS_FEN
    second = here.voucher
    here.voucher = first
    claim = here.claim(one)
    payment.pay(actor=here.payer.actor, claim_id=here.approve(claim).id)
    here.voucher = second
    later = here.claim(here.use())
    assert [line.subsidy_fen for line in later.lines.all()] == [5_000_000 - PAYS_FEN]
