"""A programme's own log: entries that are numbered, refer to one another, and open to who has the salt."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection

from hesuan.hub.audit import checks, entries, publishing, services
from hesuan.hub.audit.models import Fact
from hesuan.wire import leaves
from hesuan.wire.folder import Disk
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

PROGRAMME = "cn.example.2026"


def entry(kind: str, subject: str, **more: Any) -> Fact:
    return services.record_entry(log=PROGRAMME, kind=kind, subject=subject, **more)


def money(fen: int) -> dict[str, Any]:
    return {"a": fen, "b": "VOUCHER", "c": "centre:02"}


@pytest.mark.django_db
def test_a_programmes_entries_are_numbered_when_they_are_sequenced() -> None:
    entry("programme", "P", public={"a": 10_000})
    entry("grant", "G", public={"a": 5_000}, firm="firm-1")
    entry("hold", "H", public=money(300), firm="firm-1", private={"firm": "firm-1", "job": "J"})
    services.record(kind="test.happened", subject="S0", actor="system")
    services.sequence(PROGRAMME)
    entry("capture", "C", public=money(180), firm="firm-1", refers="H")
    entry("void", "V", public={}, refers="H2")
    entry("hold", "H2", public=money(10))
    with pytest.raises(KeyError):
        services.sequence(PROGRAMME)


@pytest.mark.django_db
def test_a_programmes_log_adds_up_and_opens_to_whoever_holds_the_salt() -> None:
    entry("programme", "P", public={"a": 10_000})
    entry("grant", "G", public={"a": 5_000}, firm="firm-1")
    hold = entry("hold", "H", public=money(300), firm="firm-1", private={"firm": "firm-1", "job": "J"})
    services.sequence(PROGRAMME)
    capture = entry("capture", "C", public=money(180), firm="firm-1", refers="H")
    services.sequence(PROGRAMME)
    services.publish(PROGRAMME)
    found = verify_log(Disk(publishing.folder(PROGRAMME)))
    assert found.result is Result.SOUND, [one.sentence() for one in found.checks]
    assert found.totals["captured_fen"] == {"centre:02": 180} and found.totals["open_holds"] == 0
    for fact in (hold, capture):
        fact.refresh_from_db()
    leaf = leaves.read_leaf(capture.logged)
    assert leaf is not None and (leaf["s"], leaf["ref"], leaf["w"]) == (
        3,
        2,
        entries.pseudonym("firm-1", capture.at.year),
    )
    opened = leaves.read_leaf(hold.logged)
    assert opened is not None and hold.private is not None
    assert leaves.opens(opened, salt=hold.private["salt"], record=hold.private["record"])
    assert not leaves.opens(opened, salt=hold.private["salt"], record={"firm": "firm-2", "job": "J"})
    assert b"firm-1" not in capture.logged + hold.logged
    assert checks.check(PROGRAMME) == []


@pytest.mark.django_db
def test_pseudonyms_last_a_year_and_no_longer() -> None:
    assert entries.pseudonym("f", 2026) == entries.pseudonym("f", 2026)
    assert (
        len({entries.pseudonym("f", 2026), entries.pseudonym("f", 2027), entries.pseudonym("g", 2026)}) == 3
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["entry = NULL", "refers = 'x'"])
def test_an_entry_once_numbered_never_changes(change: str) -> None:
    entry("programme", "P", public={"a": 10_000})
    services.sequence(PROGRAMME)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_fact SET {change}")
