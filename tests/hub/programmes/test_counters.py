"""Limits of every key and window, at issue and at use: counted, held, rolled off, never passed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.centres.models import Centre
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, rules, services
from hesuan.hub.programmes.models import Count, Voucher
from hesuan.hub.programmes.rules import Use

from .offices import Office, view

CAPS = accounts.caps_ledger_of("test.rules")


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


def capped(key: str, window: str, limit: str, counts: str = "issued") -> str:
    return f'caps: [{{id: c, key: [{key}], window: "{window}", limit: "{limit}", counts: {counts}}}]'


def reason_of(caught: pytest.ExceptionInfo[Refused]) -> str:
    reasons = caught.value.facts["reasons"]
    assert isinstance(reasons, list)
    return str(reasons[0]["code"])


def test_a_project_claims_once(office: Office) -> None:
    version = office.activate(capped("project", "lifetime", "1", "claims"))
    office.issue(version, 1_000_000, {"project.id": "P-1"})
    with pytest.raises(Refused) as caught:
        office.issue(version, 1_000_000, {"project.id": "P-1"})
    assert reason_of(caught) == "policy.claim_repeated"
    assert office.issue(version, 1_000_000, {"project.id": "P-2"}).face_fen == 300_000


def test_a_claim_given_up_stays_a_claim(office: Office) -> None:
    version = office.activate(capped("project", "lifetime", "1", "claims"))
    first = office.issue(version, 1_000_000, {"project.id": "P-1"})
    services.surrender(actor=office.owner.actor, voucher_id=first.id, reason="too early")
    with pytest.raises(Refused):
        office.issue(version, 1_000_000, {"project.id": "P-1"})


def test_one_active_voucher_at_a_time(office: Office) -> None:
    version = office.activate(capped("applicant", "lifetime", "1", "active"))
    first = office.issue(version, 1_000_000)
    with pytest.raises(Refused):
        office.issue(version, 1_000_000)
    services.surrender(actor=office.owner.actor, voucher_id=first.id, reason="done")
    assert office.issue(version, 1_000_000).state == "ACTIVE"


@pytest.mark.parametrize("key", ["applicant", "project"])
@pytest.mark.parametrize("window", ["calendar_year", "quarter", "lifetime", "rolling(P3Y)", "call"])
def test_the_last_of_a_limit_is_given_and_nothing_past_it(office: Office, key: str, window: str) -> None:
    version = office.activate(capped(key, window, "5000.00"))
    facts = {"project.id": "P-1"}
    assert office.issue(version, 1_000_000, facts).face_fen == 300_000
    assert office.issue(version, 1_000_000, facts).face_fen == 200_000
    with pytest.raises(Refused) as caught:
        office.issue(version, 1_000_000, facts)
    assert reason_of(caught) == "policy.cap_exhausted"
    assert checks.check() == []


def test_a_rolling_limit_has_room_again_when_a_day_has_left_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    day 0    300,000 of 500,000    day 30    200,000    day 365 + 5    what day 0 counted has left: 300,000
    """
    version = office.activate(
        capped("applicant", "rolling(P1Y)", "5000.00"),
        'budgets: [{id: b, window: lifetime, limit: "1000000", counts: issued, on_exhaust: reject}]',
    )
    start = timezone.now()
    days = {0: 300_000, 30: 200_000, 370: 300_000}
    for day, face in days.items():
        monkeypatch.setattr(timezone, "now", lambda at=start + timedelta(days=day): at)
        assert office.issue(version, 1_000_000).face_fen == face
    account = Count.objects.values_list("account", flat=True).distinct().get()
    balance = balances.balance(CAPS, account)
    assert (balance.available_fen, balance.debits_posted) == (0, 800_000)
    assert checks.check() == []


def test_what_has_left_a_rolling_window_is_not_given_back_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = office.activate(
        capped("applicant", "rolling(P1Y)", "5000.00"),
        "issuance: {event: approval, validity: P10Y}",
        'budgets: [{id: b, window: lifetime, limit: "1000000", counts: issued, on_exhaust: reject}]',
    )
    old = office.issue(version, 1_000_000)
    later = timezone.now() + timedelta(days=400)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert office.issue(version, 2_000_000).face_fen == 500_000
    services.surrender(actor=office.owner.actor, voucher_id=old.id, reason="unused")
    with pytest.raises(Refused):
        office.issue(version, 1_000_000)
    assert checks.check() == []


def test_a_programme_without_a_budget_is_paid_from_the_appropriation(office: Office) -> None:
    voucher = office.issue(office.activate("budgets: []"), 1_000_000)
    money = accounts.ledger_of("test.rules")
    assert balances.balance(money, accounts.APPROPRIATION).posted_fen == -300_000
    services.surrender(actor=office.owner.actor, voucher_id=voucher.id, reason="unused")
    assert balances.balance(money, accounts.APPROPRIATION).posted_fen == 0


def test_of_two_budgets_the_smaller_binds(office: Office) -> None:
    both = (
        'budgets: [{id: year, window: calendar_year, limit: "9000.00", counts: issued, on_exhaust: partial},'
        ' {id: quarter, window: quarter, limit: "4000.00", counts: issued, on_exhaust: partial}]'
    )
    version = office.activate(both, "caps: []")
    assert [office.issue(version, 1_000_000).face_fen for _ in range(2)] == [300_000, 100_000]
    with pytest.raises(Refused):
        office.issue(version, 1_000_000)


# --- At use ---

USED = capped("applicant", "calendar_year", "1000.00", "redeemed")


@pytest.fixture
def used(office: Office, officer: Person, centre: Centre) -> Voucher:
    """3,000.00 issued; of what is used, 1,000.00 a year."""
    version = office.activate(USED)
    voucher = office.issue(version, 1_000_000)
    services.admit_supplier(
        actor=officer.actor, programme_id=version.programme_id, centre_id=centre.id, reason="listed"
    )
    return voucher


def order(voucher: Voucher, centre: Centre, charge_fen: int, name: str) -> tuple[list[Use], datetime]:
    """What the market does when an order is placed."""
    at = timezone.now()
    plan = services.plan_voucher(
        organisation_id=voucher.organisation_id, centre_id=centre.id, charge_fen=charge_fen, at=at
    )
    assert plan is not None
    uses = [Use(name, plan.voucher_id, plan.subsidy_fen)]
    with ledger.atomic():
        ledger.post_or_raise(services.hold(uses=uses, charge_fen=charge_fen, centre_id=centre.id, at=at))
    return uses, at


def settle(uses: list[Use], at: datetime, centre: Centre, charge_fen: int) -> int:
    """What settlement does with it; what was captured."""
    with ledger.atomic():
        vouchers = services.lock_vouchers(uses)
        shares = services.redeem(uses=uses, charge_fen=charge_fen, centre_id=centre.id, at=at)
        counts = services.end_counts(uses, vouchers, shares)
        fen = shares[0].subsidy_fen
        kind = "capture" if fen else "release"
        book = accounts.ledger_of("test.rules")
        end = ledger.Event(f"{uses[0].hold_id}:end", kind, book, fen, kind, pending_id=uses[0].hold_id)
        ledger.post_or_raise([end, *counts])
        services.note_redeemed(uses, vouchers, shares, counts)
    return fen


def test_a_limit_on_use_is_promised_when_the_order_is_placed(used: Voucher, centre: Centre) -> None:
    """
    limit 1,000.00    first order promises 900.00    second has 100.00    first takes 300.00: 600.00 are back
    """
    first, at = order(used, centre, 300_000, "o1")
    assert first[0].most_fen == 90_000
    second, at_2 = order(used, centre, 300_000, "o2")
    assert second[0].most_fen == 10_000
    assert settle(first, at, centre, 100_000) == 30_000
    assert settle(second, at_2, centre, 300_000) == 10_000
    third, _ = order(used, centre, 300_000, "o3")
    assert third[0].most_fen == 60_000
    rows = Count.objects.filter(counts="redeemed").order_by("id")
    assert list(rows.values_list("rule", "amount_fen")) == [("c", 30_000), ("c", 10_000)]
    assert view(used).redeemed_fen == 40_000
    assert checks.check() == []


def test_two_quotes_cannot_promise_the_same_room(used: Voucher, centre: Centre) -> None:
    at = timezone.now()
    for name in ("o1", "o2"):
        uses = [Use(name, used.id, 60_000)]
        if name == "o1":
            with ledger.atomic():
                ledger.post_or_raise(services.hold(uses=uses, charge_fen=200_000, centre_id=centre.id, at=at))
        else:
            with pytest.raises(ledger.LedgerRefused) as caught, ledger.atomic():
                ledger.post_or_raise(services.hold(uses=uses, charge_fen=200_000, centre_id=centre.id, at=at))
            assert str(caught.value.facts["ledger"]).startswith("caps:")


def test_a_suspended_voucher_is_not_held(used: Voucher, centre: Centre, office: Office) -> None:
    services.suspend(actor=office.officer.actor, voucher_id=used.id, reason="resold")
    with pytest.raises(Refused) as caught, ledger.atomic():
        services.hold(uses=[Use("o", used.id, 1)], charge_fen=10, centre_id=centre.id, at=timezone.now())
    assert caught.value.code.name == "voucher.not_usable"


def test_an_order_placed_before_a_suspension_is_paid(used: Voucher, centre: Centre, office: Office) -> None:
    uses, at = order(used, centre, 100_000, "o1")
    services.suspend(actor=office.officer.actor, voucher_id=used.id, reason="resold")
    assert settle(uses, at, centre, 100_000) == 30_000


# --- The pure helpers ---


def test_what_leaves_a_rolling_window() -> None:
    entries = [(date(2026, 1, 1), 5), (date(2026, 6, 1), 7), (date(2026, 1, 1), -2)]
    assert rules.rolled_off(entries, begin=date(2026, 1, 1), standing_fen=10) == 0
    assert rules.rolled_off(entries, begin=date(2026, 1, 2), standing_fen=10) == 3
    assert rules.rolled_off(entries, begin=date(2026, 1, 2), standing_fen=7) == 0, "given back already"
    assert rules.rolled_off(entries, begin=date(2027, 1, 1), standing_fen=7) == 7


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.lists(st.integers(0, 10**5), max_size=8))
def test_a_limit_gets_back_its_part_and_never_more(counted: int, face: int, returns: list[int]) -> None:
    before, back = 0, 0
    for asked in returns:
        fen = min(asked, face - before)
        back += rules.given_back(min(counted, face), face, before_fen=before, returned_fen=fen)
        before += fen
    assert back == min(counted, face) * before // face
    assert before < face or back == min(counted, face)
