"""EXTENDED: a voucher ends later where its document lets the office say so, and every reader knows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from tests.hub.programmes.offices import Office, budget_fen, trail, view
from tests.people import Person, make_person

import hesuan.hub
from hesuan.errors import NotFound, Refused
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.burning import _usable
from hesuan.hub.programmes.claimtime import claim_until, served_in_time
from hesuan.hub.programmes.extending import LATEST, room_of
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.rules import programme_day
from hesuan.policy.windows import later

ALLOWED = "issuance: {event: approval, validity: P12M, extension: P3M}"


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        work()
    return str(caught.value.code.name)


def last_day(voucher: Voucher) -> date:
    end = Voucher.objects.get(pk=voucher.pk).ends_at
    assert end is not None
    return programme_day(end - timedelta(seconds=1))


def extend(office: Office, voucher: Voucher, day: date, by: Person | None = None) -> Voucher:
    actor = (by or office.approver).actor
    return services.extend(actor=actor, voucher_id=voucher.id, last_day=day, reason="the machine was down")


def ends_now(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    monkeypatch.setattr(timezone, "now", lambda: at)


def test_a_voucher_is_extended_and_ends_on_its_new_last_day(office: Office) -> None:
    """No money moves, no counter; what goes back does so on the new last day."""
    voucher = office.issue(office.activate(ALLOWED), 1_000_000)
    first, before = last_day(voucher), budget_fen()
    new = first + timedelta(days=31)
    for _ in range(2):
        extend(office, voucher, new)
    assert trail(voucher)[-1] == ("ACTIVE", "ACTIVE", "extend", 0)
    assert [one.detail for one in voucher.steps.filter(trigger="extend")] == [new.isoformat()]
    assert (last_day(voucher), budget_fen(), view(voucher).free_fen) == (new, before, 300_000)
    old_end = voucher.expires_at
    assert old_end is not None and Voucher.objects.get(pk=voucher.pk).expires_at == old_end
    services.expire_vouchers(old_end + timedelta(days=30))
    assert view(voucher).voucher.state == "ACTIVE", "without the extension it would be closed"
    services.expire_vouchers(old_end + timedelta(days=31))
    assert (view(voucher).voucher.state, view(voucher).returned_fen) == ("CLOSED", 300_000)


def test_the_control_without_an_extension_the_same_voucher_closes(office: Office) -> None:
    voucher = office.issue(office.activate(ALLOWED), 1_000_000)
    assert voucher.expires_at is not None
    services.expire_vouchers(voucher.expires_at)
    assert view(voucher).voucher.state == "CLOSED"


def test_all_extensions_together_stay_within_the_documents(office: Office) -> None:
    voucher = office.issue(office.activate(ALLOWED), 1_000_000)
    first = last_day(voucher)
    most = later(first, 3, "M")
    assert refused(lambda: extend(office, voucher, most + timedelta(days=1))) == "voucher.extension_outside"
    extend(office, voucher, first + timedelta(days=10))
    for day in (first + timedelta(days=9), first, most + timedelta(days=1)):
        assert refused(lambda day=day: extend(office, voucher, day)) == "voucher.extension_outside"
    extend(office, voucher, most)
    assert last_day(voucher) == most and room_of(Voucher.objects.get(pk=voucher.pk)) is None
    assert refused(lambda: extend(office, voucher, most + timedelta(days=1))) == "voucher.no_extension"


@pytest.mark.parametrize(
    ("terms", "until"),
    [
        ("validity: P12M", None),
        ('validity: P12M, extension: "?"', None),
        ("validity: open_ended, extension: P3M", None),
        ("validity: P12M, extension: 2035-06-30", date(2035, 6, 30)),
        ("validity: P12M, extension: 2025-01-01", None),
        ("validity: P12M, extension: open_ended", LATEST),
    ],
)
def test_what_the_document_says_decides(office: Office, terms: str, until: date | None) -> None:
    voucher = office.issue(office.activate(f"issuance: {{event: approval, {terms}}}"), 1_000_000)
    room = room_of(voucher)
    assert (room.until if room else None) == until
    if until is None:
        assert refused(lambda: extend(office, voucher, date(2036, 1, 1))) == "voucher.no_extension"
        return
    extend(office, voucher, until)
    assert last_day(voucher) == until


def test_who_may_and_who_may_not(office: Office, stranger: Person, colleague: Person) -> None:
    voucher = office.issue(office.activate(ALLOWED), 1_000_000)
    new = last_day(voucher) + timedelta(days=1)
    for wrong in (office.officer, office.reviewer, office.owner, colleague):
        assert refused(lambda wrong=wrong: extend(office, voucher, new, wrong)) == "programme.role_missing"
    with pytest.raises(NotFound):
        extend(office, voucher, new, stranger)
    assert refused(
        lambda: services.extend(actor=office.approver.actor, voucher_id=voucher.id, last_day=new, reason=" ")
    ) == ("voucher.reason_missing")
    both = make_person("hou", office.owner.organisation, "owner")
    from hesuan.hub.identity import services as identity
    from hesuan.hub.identity.actors import SYSTEM

    identity.grant_role(
        actor=SYSTEM,
        identity_id=both.identity.id,
        organisation_id=office.approver.organisation.id,
        role="approver",
    )
    assert refused(lambda: extend(office, voucher, new, both)) == "voucher.own_organisation"
    assert view(voucher).voucher.extended_until is None


def test_what_is_suspended_or_over_is_not_extended(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its last second it is; a moment later it is over, whether or not the hub has written that down."""
    version = office.activate(ALLOWED)
    voucher = office.issue(version, 1_000_000)
    new = last_day(voucher) + timedelta(days=1)
    services.suspend(actor=office.officer.actor, voucher_id=voucher.id, reason="idle")
    assert refused(lambda: extend(office, voucher, new)) == "voucher.wrong_state"
    late, end = office.issue(version, 1_000_000), voucher.expires_at
    assert end is not None
    with monkeypatch.context() as then:
        ends_now(then, end)
        assert refused(lambda: extend(office, late, new)) == "voucher.no_extension"
        ends_now(then, end - timedelta(seconds=1))
        assert extend(office, late, new).ends_at == end + timedelta(days=1)


def test_every_reader_asks_for_the_extended_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, holds, claims, the order of use: on the day after the first last day it still pays."""
    version = office.activate(
        ALLOWED,
        "redemption: {claimant: demander, claim_until: P30D}",
        "settlement: {flow: reimburse_user, cadence: quarterly, steps: [bureau]}",
        name="test.paid.back",
    )
    paid_back, plain = office.issue(version, 1_000_000), office.issue(office.activate(ALLOWED), 1_000_000)
    end = plain.expires_at
    assert end is not None
    for voucher in (paid_back, plain):
        extend(office, voucher, last_day(voucher) + timedelta(days=7))
    paid_back, plain = (Voucher.objects.get(pk=one.pk) for one in (paid_back, plain))
    after = end + timedelta(days=1)
    assert served_in_time(paid_back, after) and not served_in_time(paid_back, end + timedelta(days=7))
    until = claim_until(paid_back)
    assert until == datetime.combine(
        programme_day(end) + timedelta(days=36), datetime.min.time(), tzinfo=UTC
    ) + timedelta(hours=16)
    usable = [one.id for one, _ in _usable(office.owner.organisation.id, after)]
    assert usable == [plain.id]
    assert _usable(office.owner.organisation.id, end + timedelta(days=7)) == []


ALLOWED_TO_READ = {"programmes/models.py", "programmes/issuing.py", "programmes/extending.py"}
"""The column, who writes it, and who adds to it; everybody else asks ``ends_at`` or ``ENDS_AT``."""


def test_nobody_else_reads_the_first_end() -> None:
    """Negative control: the pattern finds the three that may."""
    hub = Path(hesuan.hub.__file__).parent
    rooms = ("programmes", "settlement", "market", "runs", "surveillance", "insight", "disclosure", "worker")
    found = {
        str(path.relative_to(hub))
        for room in rooms
        for path in (hub / room).glob("*.py")
        if re.search(r"\bexpires_at\b", path.read_text())
    }
    assert found == ALLOWED_TO_READ


def test_the_database_refuses_to_take_time_away(office: Office) -> None:
    """Later is written; earlier, none at all, or a new first end is refused, on both databases."""
    voucher = office.issue(office.activate(ALLOWED), 1_000_000)
    endless = office.issue(
        office.activate("issuance: {event: approval, validity: open_ended}", name="test.endless"), 100_000
    )
    rows, end = Voucher.objects.filter(pk=voucher.pk), voucher.expires_at
    assert end is not None
    rows.update(extended_until=end + timedelta(days=2))
    for wrong in (end + timedelta(days=1), end, None):
        with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
            rows.update(extended_until=wrong)
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        rows.update(expires_at=end + timedelta(days=3))
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        Voucher.objects.filter(pk=endless.pk).update(extended_until=end)
    rows.update(extended_until=end + timedelta(days=3))
    assert selectors.view_of(Voucher.objects.get(pk=voucher.pk)).voucher.ends_at == end + timedelta(days=3)
