"""Programmes that ship, from their own text to money paid, by the kind of what was bought; to the fen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.utils import timezone
from tests.hub.settlement.shipped import COST_FEN, Shipped, make_shipped
from tests.people import Person
from tests.road import Road

from hesuan.errors import Refused
from hesuan.hub.identity.models import Organisation
from hesuan.hub.settlement import payment
from hesuan.wire.canonical import Json

HALF: dict[str, Json] = {"award.rate": "50/100"}
World = Callable[[str], Shipped]
LEGAL: dict[str, Json] = {"applicant.is_legal_person": True}
ISSUED = [
    ("cn.wuhu.suanliquan.2025", LEGAL, None, 5_000_000),
    ("cn.zhangzhou.suanliquan.2025", LEGAL, {"award.rate": "40/100"}, 8_000_000),
]
"""Programme, what is stated, what the approver sets, what ¥200,000.00 of AI computing gets [fen]."""


@pytest.fixture
def world(road: Road, officer: Person, reviewer: Person, approver: Person) -> World:
    return lambda programme: make_shipped(road, officer, reviewer, approver, programme)


@pytest.mark.parametrize(("programme", "facts", "award", "fen"), ISSUED, ids=[one[0] for one in ISSUED])
def test_ai_computing_is_paid_back_and_computing_is_not(
    world: World, programme: str, facts: dict[str, Json], award: dict[str, Json] | None, fen: int
) -> None:
    here = world(programme)
    assert here.issue_for(facts, award=award).face_fen == fen
    plain, used = here.use("compute"), here.use("ai_compute")
    assert plain.charge_fen == used.charge_fen == COST_FEN
    with pytest.raises(Refused) as refused:
        here.claim(plain)
    assert refused.value.code.name == "claim.nothing_paid"
    claim = here.claim(used)
    assert (claim.state, [line.kind for line in claim.lines.all()]) == ("MATCHED", ["ai_compute"])
    claim = payment.pay(actor=here.payer.actor, claim_id=here.approve(claim).id)
    assert claim.state == "PAID"
    assert sum(claim.payments.values_list("amount_fen", flat=True)) == fen


SHENZHEN: dict[str, Json] = {
    **LEGAL,
    "use.purpose": "llm_training",
    "applicant.age_months": 30,
    "relation.related_party": False,
}
WINDOW = datetime(2026, 5, 20, 4, 0, tzinfo=UTC)


@pytest.fixture
def shenzhen(world: World, owner: Person, monkeypatch: pytest.MonkeyPatch) -> Shipped:
    """Shenzhen's programme inside its window, and an applicant registered there."""
    monkeypatch.setattr(timezone, "now", lambda: WINDOW)
    Organisation.objects.filter(pk=owner.organisation.pk).update(registered_in="shenzhen", kind="enterprise")
    return world("cn.shenzhen.xunliquan.2026")


def test_shenzhen_asks_for_half_a_million_in_the_year_and_pays_half_of_the_contract(
    shenzhen: Shipped,
) -> None:
    """50 % of 500,000.00 is 250,000.00; one fen less planned and nothing is granted."""
    with pytest.raises(Refused) as refused:
        shenzhen.issue_for(SHENZHEN, planned_fen=49_999_999, award={"award.rate": "50/100"})
    assert "year.base_total" in refused.value.sentence("en")
    assert shenzhen.issue_for(SHENZHEN, planned_fen=50_000_000, award=HALF).face_fen == 25_000_000
    used = shenzhen.use()
    claim = shenzhen.claim(used)
    claim = payment.pay(actor=shenzhen.payer.actor, claim_id=shenzhen.approve(claim).id)
    assert (claim.state, sum(claim.payments.values_list("amount_fen", flat=True))) == ("PAID", COST_FEN // 2)


def test_what_was_issued_before_in_the_year_counts_towards_shenzhens_half_million(shenzhen: Shipped) -> None:
    """Without the first 500,000.00 the second, of 100,000.00, would be refused, as the test above shows."""
    shenzhen.issue_for(SHENZHEN, planned_fen=50_000_000, award=HALF)
    assert shenzhen.issue_for(SHENZHEN, planned_fen=10_000_000, award=HALF).face_fen == 5_000_000


def test_a_supplier_admitted_after_the_contract_is_not_paid_under_shenzhens_rule(shenzhen: Shipped) -> None:
    signed: dict[str, Json] = {**SHENZHEN, "contract.signed_on": "2026-05-01"}
    shenzhen.issue_for(signed, planned_fen=50_000_000, award=HALF)
    used = shenzhen.use()
    with pytest.raises(Refused) as refused:
        shenzhen.claim(used)
    assert refused.value.code.name == "claim.nothing_paid"
    assert "admission_covers_contract_date" in refused.value.sentence("en")
