"""Fixtures of the road for the rooms on it; a room's ``conftest.py`` imports them by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.people import Person
from tests.road import Road, make_site, publish
from tests.sites import Site

from hesuan.hub.identity.models import Organisation


@pytest.fixture
def ledger_balances() -> Iterator[None]:
    """After the test the ledger's invariants hold."""
    from hesuan.hub.ledger import checks

    yield
    assert checks.check() == []


@pytest.fixture
def site(db: None, ledger_balances: None, centre_organisation: Organisation) -> Site:
    """An admitted centre whose agent reported its inventory and one benchmark."""
    return make_site(centre_organisation)


@pytest.fixture
def road(owner: Person, centre_operator: Person, platform_operator: Person, site: Site) -> Road:
    """Ready to quote; ¥10,000.00 paid in. After the test the ledger must balance to the fen."""
    offering = publish(centre_operator, site.agent.centre)
    made = Road(owner, centre_operator, platform_operator, site, offering)
    made.pay_in(1_000_000)
    return made


@pytest.fixture(autouse=True)
def no_vouchers_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    from hesuan.hub.market import quoting

    monkeypatch.setattr(quoting, "plan_voucher", lambda **_: None)
