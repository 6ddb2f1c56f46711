"""Every invariant finds the damage it is there for, and names its rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from tests.append_only import triggers_lifted

from hesuan.hub.ledger import checks, services
from hesuan.hub.ledger.services import Event

pytestmark = pytest.mark.django_db

RESOLVE = (
    "INSERT INTO ledger_transfer (id, kind, pending_id, debit_id, credit_id, amount_fen, code, journal, at)"
    " SELECT 'planted', 'capture', id, debit_id, credit_id, {amount}, 'capture', id, at"
    " FROM ledger_transfer WHERE id = 'H'"
)
DAMAGE = {
    "I1": "UPDATE ledger_account SET credits_posted = credits_posted + 1 WHERE key = 'b'",
    "I2": "UPDATE ledger_account SET credits_pending = credits_pending + 1 WHERE key = 'c'",
    "I3": "UPDATE ledger_account SET debits_pending = 501 WHERE key = 'b'",
    "I4": "UPDATE ledger_account SET debits_posted = debits_posted + 1, credits_posted = credits_posted + 1"
    " WHERE key = 'b'",
    "I5": RESOLVE.format(amount="amount_fen + 1"),
    "I6a": RESOLVE.format(amount="amount_fen"),
    "I7": "UPDATE ledger_account SET ledger = 'other' WHERE key = 'c'",
    "I9": "UPDATE ledger_attempt SET result = 'ok' WHERE result <> 'ok'",
    "I14a": "UPDATE ledger_account SET frozen = FALSE WHERE key = 'b'",
    "I14b": "UPDATE ledger_freezing SET after_seq = after_seq - 1",
}


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    for key in ("bank", "b", "c"):
        services.open_account(ledger="l", key=key, kind="test", may_overdraw=key == "bank")
    soon = timezone.now() + timedelta(hours=1)
    services.post_or_raise([Event("fund", "transfer", "l", 500, "fund", "bank", "b")])
    services.post_or_raise([Event("H", "hold", "l", 300, "hold", "b", "c")])
    services.post_or_raise([Event("K", "capture", "l", 200, "capture", pending_id="H")])
    services.post_or_raise([Event("open", "hold", "l", 10, "hold", "b", "c", expires_at=soon)])
    services.post([Event("refused", "hold", "l", 301, "hold", "b", "c")])
    services.freeze([("l", "b")], actor="a", reason="why")


def constraints() -> list[str]:
    if connection.vendor == "sqlite":
        return []
    return [
        "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_not_overdrawn",
        "DROP INDEX ledger_hold_resolved_once",
    ]


def damaged(statement: str, at_minutes: int = 0) -> list[checks.Finding]:
    """What the check finds when a row was changed behind the database's back; nothing of it stays."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                for constraint in constraints():
                    cursor.execute(constraint)
            else:
                cursor.execute("PRAGMA ignore_check_constraints = ON")
                cursor.execute("DROP INDEX ledger_hold_resolved_once")
            with triggers_lifted(connection):
                cursor.execute(statement)
        at = timezone.now() + timedelta(minutes=at_minutes)
        found = checks.check(at)
        assert checks.broken(at) == [finding.invariant for finding in found], "asked in one statement"
        transaction.set_rollback(True)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
    return found


def test_a_sound_ledger_has_no_finding() -> None:
    assert checks.check() == []


@pytest.mark.parametrize("invariant", DAMAGE)
def test_damage_is_found_and_named(invariant: str) -> None:
    found = {finding.invariant: finding for finding in damaged(DAMAGE[invariant])}
    assert invariant in found
    assert found[invariant].rows and found[invariant].en and found[invariant].zh


def test_the_rows_of_a_finding_say_where() -> None:
    (finding,) = [f for f in damaged(DAMAGE["I4"]) if f.invariant == "I4"]
    (row,) = finding.rows
    assert (row["ledger"], row["key"], row["debits_posted"], row["dpo"]) == ("l", "b", 201, 200)


def test_a_hold_forgotten_past_its_time_is_found_after_a_minute_of_grace() -> None:
    now = timezone.now()
    assert checks.check(now + timedelta(minutes=60, seconds=30)) == []
    (finding,) = checks.check(now + timedelta(minutes=62))
    assert (finding.invariant, finding.rows[0]["hold"]) == ("I6b", "open")


def test_every_invariant_has_its_damage() -> None:
    assert {invariant.name for invariant in checks.INVARIANTS} == {*DAMAGE, "I6b"}
