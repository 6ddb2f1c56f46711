"""Which of several vouchers pay together, in which order, and why the others do not."""

from __future__ import annotations

import pytest
from django.utils import timezone
from tests.people import Person

from hesuan.hub.centres.models import Centre
from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.programmes.rules import Plan

from .offices import Office

ALLOW = "stacking: {mode: allow}"
FORBID = "stacking: {mode: forbid}"
AT_MOST_A_HALF = "stacking: {mode: sum_ratio_cap, scope: contract, authorities: [any_public], ratio: 1/2}"
TENTH = "rates: {select: first, tiers: [{id: all, when: {all: []}, rate: 10/100, rate_kind: exact}]}"
PLENTY = 1_000_000


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


def admit(office: Office, version: ProgrammeVersion, centre: Centre) -> None:
    services.admit_supplier(
        actor=office.officer.actor, programme_id=version.programme_id, centre_id=centre.id, reason="listed"
    )


def vouchers(office: Office, centre: Centre, **rules: tuple[str, ...]) -> dict[str, Voucher]:
    """One voucher of each programme, whose rules are changed line by line."""
    made = {}
    for name, lines in rules.items():
        version = office.activate(*lines, name=f"test.{name}")
        admit(office, version, centre)
        made[name] = office.issue(version, PLENTY)
    return made


def plan(office: Office, centre: Centre, charge_fen: int = 10_000) -> Plan:
    return services.plan_vouchers(
        organisation_id=office.owner.organisation.id,
        centre_id=centre.id,
        charge_fen=charge_fen,
        at=timezone.now(),
    )


def paid(found: Plan) -> dict[str, int]:
    return {share.voucher_id: share.subsidy_fen for share in found.shares}


def told(found: Plan, step: str) -> str:
    return " ".join(f"{line.en} {line.zh} {line.citing}" for line in found.reasons if line.step == step)


def test_programmes_that_allow_each_other_pay_together(office: Office, centre: Centre) -> None:
    made = vouchers(office, centre, more=(ALLOW,), less=(ALLOW, TENTH))
    assert paid(plan(office, centre)) == {made["more"].id: 3_000, made["less"].id: 1_000}


@pytest.mark.parametrize(("one", "other"), [(FORBID, ALLOW), (ALLOW, FORBID), (FORBID, FORBID)])
def test_one_programme_that_forbids_it_is_enough(
    office: Office, centre: Centre, one: str, other: str
) -> None:
    made = vouchers(office, centre, more=(one,), less=(other, TENTH))
    found = plan(office, centre)
    assert paid(found) == {made["more"].id: 3_000}
    reason = told(found, "not combined")
    assert made["less"].code in reason and "test.more" in reason
    assert "do not allow both" in reason and "规定不允许" in reason


def test_a_ceiling_over_all_public_money_holds_for_the_set(office: Office, centre: Centre) -> None:
    """Two programmes of 30 % each, whose rules let all public money together reach 50 %."""
    made = vouchers(office, centre, a=(AT_MOST_A_HALF,), b=(AT_MOST_A_HALF,))
    found = paid(plan(office, centre))
    assert sum(found.values()) == 5_000
    assert set(found) == {made["a"].id, made["b"].id}


def test_vouchers_of_one_programme_pay_its_rule_once_and_are_used_one_after_another(
    office: Office, centre: Centre
) -> None:
    version = office.activate(FORBID)
    admit(office, version, centre)
    first, second = office.issue(version, 5_000), office.issue(version, PLENTY)
    assert first.face_fen == 1_500
    found = plan(office, centre)
    assert paid(found) == {first.id: 1_500, second.id: 1_500}
    assert [share.voucher_id for share in found.shares] == [first.id, second.id]
    order = told(found, "burn order")
    assert order.index(first.code) < order.index(second.code) and "what ends first is used first" in order
    assert plan(office, centre) == found


def test_a_voucher_that_pays_nothing_here_says_why(office: Office, centre: Centre) -> None:
    made = vouchers(office, centre, here=(ALLOW,))
    elsewhere = office.issue(office.activate(ALLOW, name="test.elsewhere"), PLENTY)
    found = plan(office, centre)
    assert set(paid(found)) == {made["here"].id}
    assert elsewhere.code in told(found, "pays nothing")
