"""Run by itself on an empty database: books of before accounts could be frozen, then every migration since.

Prints what became of them, as JSON. A process of its own, since migrations speak to the default database.
"""

from __future__ import annotations

import json

import django
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from tests.hub.programmes import old_rows

BEFORE = [("ledger", "0005_sound_by_key"), ("programmes", "0010_extensions"), ("api", "0005_whole_fen")]
BOOK, KEY = "programme:cn.old", "voucher:W"


def fill() -> None:
    """The voucher's account with money on it and an attempt that was refused; the voucher is suspended."""
    for key, opened in (("budget", "TRUE"), (KEY, "FALSE")):
        run(
            "INSERT INTO ledger_account (ledger, key, kind, may_overdraw, debits_posted, credits_posted,"
            " debits_pending, credits_pending, version)"
            f" VALUES ('{BOOK}', '{key}', 'test', {opened}, 0, 0, 0, 0, 0)"
        )
    for name, result in (("kept", "ok"), ("poor", "available_exceeded")):
        run(
            "INSERT INTO ledger_attempt (id, digest, result, facts, at)"
            f" VALUES ('{name}', 'sha256:1', '{result}', '{{\"asked_fen\": 7}}', '2026-04-01 00:00:00+00')"
        )
    run("UPDATE programmes_voucher SET state = 'SUSPENDED' WHERE id = 'W'")


def triggers() -> dict[str, str]:
    """The ledger's triggers as the database keeps them."""
    if connection.vendor == "sqlite":
        return dict(
            run("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'ledger_%'")
        )
    told = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger"
    return dict(run(f"{told} WHERE NOT tgisinternal AND tgname LIKE 'ledger_%'"))


def attempts() -> list[list[str]]:
    """Every attempt, as text."""
    return [
        [str(one) for one in row]
        for row in run("SELECT id, digest, result, facts, at FROM ledger_attempt ORDER BY id")
    ]


def run(sql: str) -> list[tuple[str, ...]]:
    """A statement's rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def main() -> None:
    """From old books to today's."""
    django.setup()
    old_rows.fill(old_rows.migrate(old_rows.BEFORE))
    old_rows.migrate(BEFORE)
    fill()
    before, kept = triggers(), attempts()
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    after = triggers()
    told = {
        "lost": sorted(name for name, sql in before.items() if after.get(name) != sql),
        "stood": len(before),
        "new": sorted(set(after) - set(before)),
        "attempts_kept": attempts() == kept,
        "refused": {
            "an attempt changed": old_rows.refused("UPDATE ledger_attempt SET digest = ''"),
            "an attempt deleted": old_rows.refused("DELETE FROM ledger_attempt"),
            "a result of nobody": old_rows.refused(ATTEMPT.format("new", "made_up")),
            "the new result": old_rows.refused(ATTEMPT.format("cold", "debit_account_frozen")),
        },
        "frozen": [
            [row[0], bool(row[1])] for row in run("SELECT key, frozen FROM ledger_account ORDER BY key")
        ],
        "acts": [list(row) for row in run("SELECT number, actor, reason FROM ledger_freezing")],
    }
    print(json.dumps(told))


ATTEMPT = (
    "INSERT INTO ledger_attempt (id, digest, result, facts, at)"
    " VALUES ('{}', 'sha256:2', '{}', '{{}}', '2026-04-01 00:00:00+00')"
)


if __name__ == "__main__":
    main()
