"""Fixtures of the road for the rooms on it; a room's ``conftest.py`` imports them by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.people import Person, signer
from tests.road import Road, make_site, publish
from tests.sites import Site

import hesuan.policy
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.models import Voucher

DOCUMENTS = Path(hesuan.policy.__file__).parent / "programmes"


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


@pytest.fixture
def voucher(road: Road, officer: Person, reviewer: Person, approver: Person) -> Voucher:
    """A voucher of Henan 2023: 20 % of the fee, province and city in halves, face ¥10,000.00.

    Good at the road's centre.
    """
    text = (DOCUMENTS / "cn.henan.suanliquan.2023.yaml").read_text()
    draft = programmes.load_programme(actor=officer.actor, text=text, source_name="henan.yaml")
    version = programmes.activate(actor=signer(officer).actor, version_id=draft.id)
    programmes.admit_supplier(
        actor=officer.actor,
        programme_id=version.programme_id,
        centre_id=road.site.agent.centre_id,
        reason="on the list",
    )
    application = programmes.apply(
        actor=road.owner.actor,
        organisation_id=road.owner.organisation.id,
        version_id=version.id,
        planned_fen=5_000_000,
        facts={},
    )
    programmes.review(actor=reviewer.actor, application_id=application.id, verdict="pass", note="seen")
    programmes.approve(actor=approver.actor, application_id=application.id)
    return programmes.issue(actor=approver.actor, application_id=application.id)
