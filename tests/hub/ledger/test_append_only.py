"""The database refuses what the code should not have tried; each guard with its negative control."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from tests.append_only import triggers_lifted

from hesuan.hub.ledger import services
from hesuan.hub.ledger.services import Event

pytestmark = [pytest.mark.django_db, pytest.mark.broken_books]

ACT = "INSERT INTO ledger_freezing (account_id, number, frozen, after_seq, actor, reason, at)"
CHANGES = {
    "transfer: amount": "UPDATE ledger_transfer SET amount_fen = amount_fen - 1 WHERE kind = 'hold'",
    "transfer: time": "UPDATE ledger_transfer SET at = '2020-01-01'",
    "transfer: code": "UPDATE ledger_transfer SET code = 'reverse'",
    "transfer: deleted": "DELETE FROM ledger_transfer WHERE kind = 'hold'",
    "attempt: result": "UPDATE ledger_attempt SET result = 'ok'",
    "attempt: digest": "UPDATE ledger_attempt SET digest = ''",
    "attempt: deleted": "DELETE FROM ledger_attempt WHERE result <> 'ok'",
    "account: licence to overdraw": "UPDATE ledger_account SET may_overdraw = TRUE WHERE key = 'b'",
    "account: renamed": "UPDATE ledger_account SET key = 'x' WHERE key = 'b'",
    "account: deleted": "DELETE FROM ledger_account WHERE key = 'unused'",
    "account: frozen by nobody": "UPDATE ledger_account SET frozen = TRUE WHERE key = 'b'",
    "account: thawed by nobody": "UPDATE ledger_account SET frozen = FALSE WHERE key = 'ice'",
    "account: opened frozen": "INSERT INTO ledger_account (ledger, key, kind, may_overdraw, debits_posted,"
    " credits_posted, debits_pending, credits_pending, version, frozen)"
    " VALUES ('l', 'new', 'test', FALSE, 0, 0, 0, 0, 0, TRUE)",
    "freezing: reason": "UPDATE ledger_freezing SET reason = 'x'",
    "freezing: place": "UPDATE ledger_freezing SET after_seq = 0",
    "freezing: deleted": "DELETE FROM ledger_freezing",
    "frozen twice": f"{ACT} SELECT account_id, 2, TRUE, after_seq, actor, reason, at FROM ledger_freezing",
    "thawed out of turn": f"{ACT} SELECT account_id, 4, FALSE, after_seq, actor, reason, at"
    " FROM ledger_freezing",
    "thawed in the past": f"{ACT} SELECT account_id, 2, FALSE, 0, actor, reason, at FROM ledger_freezing",
}
INSERT = (
    "INSERT INTO ledger_transfer (id, kind, pending_id, debit_id, credit_id, amount_fen, code, journal, at)"
)
HOLD_AGAIN = (
    f"{INSERT} SELECT {{id}}, {{kind}}, {{pending}}, {{debit}}, credit_id, {{amount}}, code, journal, at"
)
HOLD_AGAIN += " FROM ledger_transfer WHERE id = 'H'"


def insertion(**changed: str) -> str:
    fields = {"id": "'spare'", "kind": "kind", "pending": "NULL", "debit": "debit_id", "amount": "amount_fen"}
    return HOLD_AGAIN.format(**{**fields, **changed})


OTHER_LEDGER = "(SELECT id FROM ledger_account WHERE ledger = 'other')"
FROZEN = "(SELECT id FROM ledger_account WHERE key = 'ice')"
INSERTIONS = {
    "no attempt": insertion(id="'never asked'"),
    "refused attempt": insertion(id="'refused'"),
    "two ledgers": insertion(debit=OTHER_LEDGER),
    "capture above its hold": insertion(kind="'capture'", pending="'H'", amount="amount_fen + 1"),
    "release of a part": insertion(kind="'release'", pending="'H'", amount="amount_fen - 1"),
    "capture from another account": insertion(
        kind="'capture'", pending="'H'", debit="(SELECT id FROM ledger_account WHERE key = 'bank')"
    ),
    "capture of what is no hold": insertion(kind="'capture'", pending="'fund'"),
    "capture of nothing": insertion(kind="'capture'", pending="'nothing'"),
    "transfer out of a frozen account": insertion(kind="'transfer'", debit=FROZEN),
    "hold out of a frozen account": insertion(debit=FROZEN),
}
ON_SQLITE = {
    "transfer: replaced": "INSERT OR REPLACE INTO ledger_transfer SELECT * FROM ledger_transfer"
    " WHERE id = 'H'",
    "attempt: replaced": "INSERT OR REPLACE INTO ledger_attempt SELECT id, digest, 'ok', facts, at"
    " FROM ledger_attempt",
    "account: replaced": "INSERT OR REPLACE INTO ledger_account SELECT * FROM ledger_account"
    " WHERE key = 'unused'",
    "freezing: replaced": "INSERT OR REPLACE INTO ledger_freezing SELECT * FROM ledger_freezing",
}
ON_POSTGRESQL = {
    "transfers: truncated": "TRUNCATE ledger_transfer CASCADE",
    "attempts: truncated": "TRUNCATE ledger_attempt",
    "accounts: truncated": "TRUNCATE ledger_account CASCADE",
    "freezings: truncated": "TRUNCATE ledger_freezing",
    "transfer: from no account": insertion(debit="-1"),
}
"""On SQLite a transfer from no account meets a foreign key, on PostgreSQL the guard (migration 0005)."""
GUARDED = {**CHANGES, **INSERTIONS, **(ON_SQLITE if connection.vendor == "sqlite" else ON_POSTGRESQL)}


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    for ledger, key in (("l", "bank"), ("l", "b"), ("l", "c"), ("l", "ice"), ("l", "unused"), ("other", "o")):
        services.open_account(ledger=ledger, key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 500, "fund", "bank", "b")])
    services.post_or_raise([Event("H", "hold", "l", 300, "hold", "b", "c")])
    services.post([Event("refused", "hold", "l", 301, "hold", "b", "c")])
    services.post_or_raise([Event("cold", "transfer", "l", 100, "fund", "bank", "ice")])
    services.post_or_raise([Event("last", "transfer", "l", 50, "settle", "ice", "c")])
    services.freeze([("l", "ice")], actor="a", reason="why")
    with connection.cursor() as cursor:
        # An accepted attempt without its transfer, for the insertions that try everything else.
        cursor.execute(
            "INSERT INTO ledger_attempt SELECT 'spare', digest, result, facts, at"
            " FROM ledger_attempt WHERE id = 'H'"
        )
        if connection.vendor == "postgresql":
            # Foreign-key checks that wait for the commit would stand in the way of TRUNCATE and ALTER TABLE.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("what", GUARDED)
def test_the_database_refuses(what: str) -> None:
    with pytest.raises(IntegrityError, match="refused"):
        execute(GUARDED[what])


@pytest.mark.parametrize("what", GUARDED)
def test_without_the_triggers_it_would_have_happened(what: str) -> None:
    """The negative control: nothing but the trigger stood in the way."""
    with transaction.atomic():
        with triggers_lifted(connection), connection.cursor() as cursor:
            cursor.execute(GUARDED[what])
        transaction.set_rollback(True)


def test_on_sqlite_a_foreign_key_refuses_a_transfer_from_no_account() -> None:
    if connection.vendor == "sqlite":
        execute(insertion(debit="-1"))
        with pytest.raises(IntegrityError, match="debit_id"):
            connection.check_constraints()
        execute("DROP TRIGGER ledger_transfer_no_delete")
        execute("DELETE FROM ledger_transfer WHERE debit_id = -1")


def test_a_sound_row_is_let_in_by_the_same_guards() -> None:
    execute(insertion(kind="'capture'", pending="'H'", amount="1"))


def test_one_hold_takes_one_resolution_whatever_the_code_does() -> None:
    execute(insertion(kind="'capture'", pending="'H'"))
    again = "INSERT INTO ledger_attempt SELECT 'again', digest, result, facts, at"
    execute(f"{again} FROM ledger_attempt WHERE id = 'H'")
    with pytest.raises(IntegrityError):
        execute(insertion(id="'again'", kind="'release'", pending="'H'"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_account SET debits_posted = 201 WHERE key = 'b'",
        "UPDATE ledger_account SET debits_pending = -1 WHERE key = 'b'",
        "UPDATE ledger_account SET credits_posted = credits_posted - 201 WHERE key = 'b'",
    ],
)
def test_no_counter_is_negative_and_no_account_is_overdrawn_whatever_the_code_does(statement: str) -> None:
    with pytest.raises(IntegrityError, match=r"ledger_account_(not_overdrawn|counters_not_negative)"):
        execute(statement)
