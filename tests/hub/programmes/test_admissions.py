"""Suppliers are admitted by batch, service item and days; an end is a row, and what held stays paid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from tests.people import Person

from hesuan.errors import Faults, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres.models import Centre
from hesuan.hub.programmes import admissions, rules, selectors, services
from hesuan.hub.programmes.models import Application, ProgrammeVersion, SupplierAdmission, Voucher
from hesuan.hub.programmes.rules import Item

pytestmark = pytest.mark.database

FIRST, LAST = date(2026, 3, 1), date(2026, 8, 31)


@pytest.fixture
def admit(officer: Person, henan: ProgrammeVersion, centre: Centre) -> Callable[..., SupplierAdmission]:
    def carry_out(**scope: Any) -> SupplierAdmission:
        told = {"programme_id": henan.programme_id, "centre_id": centre.id, "reason": "listed", **scope}
        return services.admit_supplier(actor=officer.actor, **told)

    return carry_out


@pytest.fixture
def voucher(approved: Callable[..., Application], approver: Person) -> Voucher:
    return services.issue(actor=approver.actor, application_id=approved().id)


def on(day: date, kind: str = "compute") -> bool:
    """Whether the one centre is admitted on a day, asked about in the evening of it."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    [programme] = {one.programme_id for one in SupplierAdmission.objects.all()}
    [centre] = {one.centre_id for one in SupplierAdmission.objects.all()}
    return admissions.is_admitted(programme, centre, at=at, kind=kind)


def test_days_are_inclusive_at_both_ends(admit: Callable[..., SupplierAdmission]) -> None:
    admit(valid_from=FIRST, valid_until=LAST)
    day = timedelta(days=1)
    assert [on(one) for one in (FIRST - day, FIRST, LAST, LAST + day)] == [False, True, True, False]


def test_without_a_first_day_it_holds_from_when_it_was_entered(
    admit: Callable[..., SupplierAdmission], henan: ProgrammeVersion, centre: Centre
) -> None:
    before = timezone.now()
    admit()
    asked = {"programme_id": henan.programme_id, "centre_id": centre.id, "kind": "compute"}
    assert not admissions.is_admitted(**asked, at=before)
    assert admissions.is_admitted(**asked, at=timezone.now())
    assert not admissions.is_admitted(
        **asked, at=timezone.now(), day=rules.programme_day(before) - timedelta(1)
    )


def test_batches_and_items_stand_side_by_side(admit: Callable[..., SupplierAdmission]) -> None:
    """Shenzhen's lists: a batch of new suppliers, another that adds a scope to those of before."""
    first = admit(batch="2025-1", service_item="compute", valid_from=FIRST, valid_until=LAST)
    second = admit(batch="2025-2", service_item="ai_compute", valid_from=LAST)
    assert (
        first != second == admit(batch="2025-2", service_item="ai_compute", valid_from=LAST, reason="again")
    )
    assert [on(LAST, kind) for kind in ("compute", "ai_compute")] == [True, True]
    assert [on(FIRST, kind) for kind in ("compute", "ai_compute")] == [True, False]


def test_a_voucher_pays_the_admitted_item_alone(
    admit: Callable[..., SupplierAdmission], voucher: Voucher, centre: Centre
) -> None:
    """Negative control: the same charge is paid once every item is admitted."""

    def paid_fen(item: Item) -> int:
        now = timezone.now()
        told = {"voucher_id": voucher.id, "charge_fen": 10_000, "centre_id": centre.id, "at": now}
        return services.subsidy(**told, item=item).subsidy_fen

    admit(batch="1", service_item="ai_compute")
    assert paid_fen(Item("compute")) == 0
    admit(batch="2")
    assert paid_fen(Item("compute")) == 2_000


def test_an_end_leaves_what_was_agreed_before_it(
    admit: Callable[..., SupplierAdmission], officer: Person, voucher: Voucher, centre: Centre
) -> None:
    admission = admit()
    agreed = timezone.now()
    today = rules.programme_day(agreed)
    ended = services.end_admission(actor=officer.actor, admission_id=admission.id, reason="delisted")
    asked = {"programme_id": admission.programme_id, "centre_id": centre.id, "kind": "compute"}
    assert ended.last_day == today and admissions.is_admitted(**asked, at=timezone.now(), day=today)
    assert not on(today + timedelta(days=1))
    again = services.end_admission(
        actor=officer.actor, admission_id=admission.id, reason="more", last_day=today + timedelta(days=9)
    )
    assert again == ended and again.reason == "delisted"
    told = {"voucher_id": voucher.id, "charge_fen": 10_000, "centre_id": centre.id}
    assert services.subsidy(**told, at=agreed).subsidy_fen == 2_000
    assert services.subsidy(**told, at=agreed + timedelta(days=1)).subsidy_fen == 0
    assert Fact.objects.filter(kind="programme.admission_ended", subject=admission.id).count() == 1


def test_other_days_or_an_ended_admission_are_not_taken_for_the_same(
    admit: Callable[..., SupplierAdmission], officer: Person, henan: ProgrammeVersion, centre: Centre
) -> None:
    """Silence would leave the officer believing that the centre is admitted."""
    before = admit(valid_from=FIRST)
    with pytest.raises(Refused, match=r"programme\.admitted_otherwise") as refused:
        admit(valid_from=FIRST, valid_until=LAST)
    assert (refused.value.facts["first"], refused.value.facts["last"]) == (FIRST.isoformat(), "–")
    services.end_admission(actor=officer.actor, admission_id=before.id, reason="delisted")
    with pytest.raises(Refused, match=r"programme\.admitted_otherwise"):
        admit(valid_from=FIRST)
    admit(batch="readmitted")
    asked = {"programme_id": henan.programme_id, "centre_id": centre.id, "kind": "compute"}
    later = timezone.now() + timedelta(days=2)
    assert admissions.is_admitted(**asked, at=later)


def test_an_end_in_the_past_is_refused_with_both_days(
    admit: Callable[..., SupplierAdmission], officer: Person
) -> None:
    today = rules.programme_day(timezone.now())
    with pytest.raises(Refused, match=r"programme\.ends_in_the_past") as refused:
        services.end_admission(
            actor=officer.actor,
            admission_id=admit().id,
            reason="late",
            last_day=today - timedelta(days=1),
        )
    assert refused.value.facts["today"] == today.isoformat()


def test_all_faults_of_an_admission_come_together(admit: Callable[..., SupplierAdmission]) -> None:
    with pytest.raises(Faults) as faults:
        admit(service_item="storage", valid_from=LAST, valid_until=FIRST)
    assert [one.code.name for one in faults.value.faults] == [
        "programme.service_item_unknown",
        "programme.admission_ends_first",
    ]
    assert not SupplierAdmission.objects.exists()


def test_only_the_office_ends_it_and_a_reason_is_needed(
    admit: Callable[..., SupplierAdmission], officer: Person, reviewer: Person, stranger: Person
) -> None:
    admission = admit()
    for person in (reviewer, stranger):
        with pytest.raises(Refused, match=r"programme\.role_missing"):
            services.end_admission(actor=person.actor, admission_id=admission.id, reason="mine")
    with pytest.raises(Refused, match=r"programme\.reason_missing"):
        services.end_admission(actor=officer.actor, admission_id=admission.id, reason=" ")
    with pytest.raises(NotFound, match=r"programme\.admission_not_found"):
        selectors.admission(officer.actor, "nothing")


def test_the_database_keeps_an_admission_as_it_was(admit: Callable[..., SupplierAdmission]) -> None:
    admission = admit()
    rows = SupplierAdmission.objects.filter(pk=admission.id)
    for attempt in (lambda: rows.update(valid_until=FIRST), rows.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()


def test_an_applicant_is_a_supplier_only_while_it_is_admitted(
    admit: Callable[..., SupplierAdmission], henan: ProgrammeVersion, centre: Centre
) -> None:
    admit(service_item="ai_compute", valid_from=FIRST, valid_until=LAST)
    asked = (henan.programme_id, centre.organisation_id)
    noon = [datetime(2026, month, 15, 12, tzinfo=UTC) for month in (2, 5, 10)]
    assert [admissions.supplies(*asked, at) for at in noon] == [False, True, False]
