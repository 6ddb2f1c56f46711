"""A programme office for the console's pages: the Henan programme from draft to one issued voucher."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.people import Person, signer

import hesuan.policy
from hesuan.hub.centres.models import Centre
from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Application, ProgrammeVersion, Voucher

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
HENAN = "cn.henan.suanliquan.2023.yaml"
CHENGDU = "cn.chengdu.suanliquan.2023.yaml"


@dataclass
class Office:
    """What the office has done so far."""

    version: ProgrammeVersion
    application: Application
    voucher: Voucher


def load(officer: Person, name: str) -> ProgrammeVersion:
    """A real programme as a draft."""
    return services.load_programme(actor=officer.actor, text=(FOLDER / name).read_text(), source_name=name)


def apply_for(owner: Person, version: ProgrammeVersion, planned_fen: int = 5_000_000) -> Application:
    """The owner's organisation applies."""
    return services.apply(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        version_id=version.id,
        planned_fen=planned_fen,
        facts={},
    )


def open_office(centre: Centre, owner: Person, officer: Person, reviewer: Person, approver: Person) -> Office:
    """The programme is active, the centre admitted, one voucher issued by three different people."""
    version = services.activate(actor=signer(officer).actor, version_id=load(officer, HENAN).id)
    services.admit_supplier(
        actor=officer.actor, programme_id=version.programme_id, centre_id=centre.id, reason="on the list"
    )
    asked = apply_for(owner, version)
    services.review(actor=reviewer.actor, application_id=asked.id, verdict="pass", note="complete")
    services.approve(actor=approver.actor, application_id=asked.id, verdict="pass", note="agreed")
    voucher = services.issue(actor=officer.actor, application_id=asked.id)
    return Office(version, Application.objects.get(pk=asked.id), voucher)
