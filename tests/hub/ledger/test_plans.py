"""What a batch costs PostgreSQL grows with the batch, not with its square: counted in rows, not in time."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from hesuan.hub.ledger import services
from hesuan.hub.ledger.services import Event

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

MANY = 300


@pytest.fixture(autouse=True)
def _holds(db: None) -> None:
    for key in ("bank", "hot", "centre"):
        services.open_account(ledger="l", key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 10**6, "fund", "bank", "hot")])
    with connection.cursor() as cursor:
        # Of a table that was empty when looked at, reading the whole is the cheapest plan, and a session
        # keeps it until the table is analysed. Not so of a ledger in use, of which this counts.
        cursor.execute("DISCARD PLANS")
        cursor.execute("SET LOCAL enable_seqscan = off")


def rows_read() -> int:
    """Transfers that this transaction fetched by an index or by reading the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)"
            " FROM pg_stat_xact_user_tables WHERE relname = 'ledger_transfer'"
        )
        return int(cursor.fetchone()[0])


def read_by_a_batch_of_captures() -> int:
    services.post_all([[Event(f"h{n}", "hold", "l", 7, "hold", "hot", "centre")] for n in range(MANY)])
    before = rows_read()
    captures = [[Event(f"c{n}", "capture", "l", 7, "capture", pending_id=f"h{n}")] for n in range(MANY)]
    assert all(outcome.ok for (outcome,) in services.post_all(captures))
    return rows_read() - before


def test_a_batch_of_captures_reads_each_hold_a_few_times() -> None:
    assert read_by_a_batch_of_captures() <= 10 * MANY


def test_the_guard_as_it_was_read_all_holds_of_the_account_for_each_capture() -> None:
    """The negative control: the guard of migration 0004, planned by a session that met empty tables."""
    before = import_module("hesuan.hub.ledger.migrations.0004_sound_by_statement")
    with connection.cursor() as cursor:
        cursor.execute(before.FORWARD)
    assert read_by_a_batch_of_captures() > MANY * MANY / 2
