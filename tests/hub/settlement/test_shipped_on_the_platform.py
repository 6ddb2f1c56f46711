"""Programmes that ship, from their own text to money paid, by the kind of what was bought; to the fen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.hub.settlement.shipped import COST_FEN, Shipped, make_shipped
from tests.people import Person
from tests.road import Road

from hesuan.errors import Refused
from hesuan.hub.settlement import payment
from hesuan.wire.canonical import Json

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
