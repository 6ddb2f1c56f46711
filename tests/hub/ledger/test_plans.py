"""What a batch and a check cost PostgreSQL grows with their rows, not with the square: counted, not timed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from hesuan.hub.ledger import checks, services
from hesuan.hub.ledger.services import Event
from hesuan.hub.settlement import soundness

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

MANY = 300
MORE = 2_000
"""Enough for their ids not to fit the working memory that the test leaves."""


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


def visited(plan: dict[str, Any]) -> int:
    """Rows that the steps of an executed plan gave or refused, each time they were asked."""
    rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return int(rows * plan["Actual Loops"]) + sum(visited(one) for one in plan.get("Plans", ()))


def rows_visited(sql: str, parameters: list[datetime]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters or None)
        (told,) = cursor.fetchone()
    ((found,),) = [json.loads(told) if isinstance(told, str) else told]
    return visited(found["Plan"])


@pytest.fixture
def too_many_to_keep() -> None:
    """More ids than fit the memory of one step, as those of 150,000 transfers do not fit 4 MB."""
    asked = [[Event(f"t{n:060}", "transfer", "l", 1, "settle", "hot", "centre")] for n in range(MORE)]
    assert all(outcome.ok for (outcome,) in services.post_all(asked))
    with connection.cursor() as cursor:
        for setting in ("enable_seqscan = on", "work_mem = '64kB'", "hash_mem_multiplier = 1"):
            cursor.execute(f"SET LOCAL {setting}")
        cursor.execute("ANALYZE ledger_transfer, ledger_attempt")


@pytest.mark.usefixtures("too_many_to_keep")
@pytest.mark.parametrize(
    "invariant", [*checks.INVARIANTS, *soundness.BEFORE_PAYING], ids=lambda one: one.name
)
def test_an_invariant_reads_each_transfer_a_few_times(invariant: checks.Invariant) -> None:
    at = [datetime(2026, 1, 1, tzinfo=UTC)] if invariant.needs_deadline else []
    assert rows_visited(invariant.sql, at) <= 20 * MORE


@pytest.mark.usefixtures("too_many_to_keep")
def test_the_invariant_as_it_was_read_all_attempts_for_each_transfer() -> None:
    """The negative control: with 158,000 transfers it had not ended after ten minutes."""
    before = "SELECT t.id FROM ledger_transfer t WHERE t.id NOT IN (SELECT id FROM ledger_attempt)"
    assert rows_visited(before, []) > MORE * MORE / 4
