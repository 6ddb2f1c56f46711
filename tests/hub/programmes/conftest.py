"""Programmes as an office writes them, and vouchers as far as a test needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.people import Person, make_organisation, make_person, signer

import hesuan.policy
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Centre
from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Application, ProgrammeVersion, Voucher

DOCUMENTS = Path(hesuan.policy.__file__).parent / "programmes"
HENAN = (DOCUMENTS / "cn.henan.suanliquan.2023.yaml").read_text()
CHENGDU = (DOCUMENTS / "cn.chengdu.suanliquan.2023.yaml").read_text()


@pytest.fixture
def henan(officer: Person) -> ProgrammeVersion:
    """Henan 2023, active."""
    draft = services.load_programme(actor=officer.actor, text=HENAN, source_name="henan.yaml")
    return services.activate(actor=signer(officer).actor, version_id=draft.id)


@pytest.fixture
def centre(centre_operator: Person, platform_operator: Person) -> Centre:
    """A centre that the platform admitted; no programme admits it yet."""
    applied = centres.register_centre(
        actor=centre_operator.actor,
        organisation_id=centre_operator.organisation.id,
        name="Zhengzhou",
        city="Zhengzhou",
    )
    return centres.admit_centre(actor=platform_operator.actor, centre_id=applied.id)


@pytest.fixture
def admitted(officer: Person, henan: ProgrammeVersion, centre: Centre) -> Centre:
    """The centre, at which Henan's vouchers may be used."""
    services.admit_supplier(
        actor=officer.actor, programme_id=henan.programme_id, centre_id=centre.id, reason="on the list"
    )
    return centre


@pytest.fixture
def approved(
    henan: ProgrammeVersion, owner: Person, reviewer: Person, approver: Person
) -> Callable[..., Application]:
    """Carries an application as far as its approval."""

    def carry(planned_fen: int = 320_000_000, by: Person = owner) -> Application:
        application = services.apply(
            actor=by.actor,
            organisation_id=by.organisation.id,
            version_id=henan.id,
            planned_fen=planned_fen,
            facts={},
        )
        services.review(actor=reviewer.actor, application_id=application.id, verdict="pass", note="seen")
        return services.approve(actor=approver.actor, application_id=application.id)

    return carry


@pytest.fixture
def issue(approved: Callable[..., Application], approver: Person) -> Callable[..., Voucher]:
    """Carries an application as far as its voucher."""

    def carry(planned_fen: int = 320_000_000, **by: Person) -> Voucher:
        application = approved(planned_fen, **by)
        return services.issue(actor=approver.actor, application_id=application.id)

    return carry


@pytest.fixture
def other_office(db: None) -> Person:
    """An officer of another programme office."""
    return make_person("otto", make_organisation("Chengdu Office", "programme_office"), "programme_officer")
