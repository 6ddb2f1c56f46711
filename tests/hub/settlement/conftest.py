"""The road's fixtures, and worlds for claims."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.hub.settlement.after_use import AfterUse, Clock
from tests.hub.settlement.claim_world import ClaimWorld, document, make_claim_world
from tests.hub.settlement.shipped import make_shipped
from tests.people import Person
from tests.road import Road
from tests.road_fixtures import ledger_balances, road, site, voucher

__all__ = ["ledger_balances", "road", "site", "voucher"]


@pytest.fixture
def world(road: Road, officer: Person, reviewer: Person, approver: Person) -> Callable[..., ClaimWorld]:
    """Makes a world by flow."""

    def make(
        flow: str = "deduct_pay_supplier", *, planned_fen: int = 5_000_000, **changes: str
    ) -> ClaimWorld:
        text = document(flow, **changes)
        return make_claim_world(road, officer, reviewer, approver, text=text, planned_fen=planned_fen)

    return make


@pytest.fixture
def shipped(
    road: Road, officer: Person, reviewer: Person, approver: Person, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AfterUse]:
    """A shipped text in force, the centre admitted before the orders, the clock in December 2025."""

    def make(programme: str, **changes: str) -> AfterUse:
        clock = Clock(monkeypatch)
        made = make_shipped(road, officer, reviewer, approver, programme, **changes)
        made.__class__ = AfterUse
        assert isinstance(made, AfterUse)
        made.clock = clock
        return made

    return make
