"""The road's fixtures; after every test the ledger must balance to the fen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.people import Person
from tests.road import Road, make_site, publish
from tests.sites import Site

from hesuan.hub.identity.models import Organisation


@pytest.fixture(autouse=True)
def _the_ledger_balances(db: None) -> Iterator[None]:
    from hesuan.hub.ledger import checks

    yield
    assert checks.check() == []


@pytest.fixture
def site(centre_organisation: Organisation) -> Site:
    return make_site(centre_organisation)


@pytest.fixture
def road(owner: Person, centre_operator: Person, platform_operator: Person, site: Site) -> Road:
    """Ready to quote; ¥10,000.00 paid in."""
    offering = publish(centre_operator, site.agent.centre)
    made = Road(owner, centre_operator, platform_operator, site, offering)
    made.pay_in(1_000_000)
    return made


@pytest.fixture(autouse=True)
def _no_vouchers_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    from hesuan.hub.market import quoting

    monkeypatch.setattr(quoting, "plan_voucher", lambda **_: None)
