"""The ledger's hot path in SQL: every statement reads or writes a whole batch; no rows become models here.

Both databases run the same shapes. A set travels as one parameter a column: as arrays to PostgreSQL, beside
the statement and not quoted into its text, where hundreds of ids cost more than the statement; as JSON to
SQLite, to which rows to be written go by ``executemany``, which is no journey there. Migrations, constraints,
views and reports stay Django's.
"""

# ruff: noqa: S608 - statements are put together from this module's own words; values are parameters

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from hesuan.hub.ledger.batches import Journal
from hesuan.hub.ledger.rules import Counters, Decision, Outcome, Ref, Refusal, Remembered, Target

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Locked:
    """An account under the lock of the transaction."""

    id: int
    counters: Counters


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a database finds the rows of a set. PostgreSQL plans by the length of an array, not of a JSON."""

    texts: str
    """``column`` is among a parameter's texts."""
    numbers: str
    pairs: str
    """Accounts whose ledger and key are among a parameter's pairs."""
    lock: str
    facts: str
    """How a JSON column is read as text."""


_DIALECTS = {
    "sqlite": _Dialect(
        texts="IN (SELECT value FROM json_each(%s))",
        numbers="IN (SELECT value FROM json_each(%s))",
        pairs="SELECT id FROM ledger_account WHERE (ledger, key) IN"
        " (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(%s))",
        lock="",
        facts="facts",
    ),
    "postgresql": _Dialect(
        texts="= ANY(%s::text[])",
        numbers="= ANY(%s::bigint[])",
        pairs="SELECT a.id FROM ledger_account a JOIN unnest(%s::text[], %s::text[]) AS given (ledger, key)"
        " ON a.ledger = given.ledger AND a.key = given.key",
        lock="FOR NO KEY UPDATE",
        facts="facts::text",
    ),
}


def targets(ids: Iterable[str]) -> dict[str, Target]:
    """The transfers of these ids. Rows never change, so no lock is needed for them."""
    wanted = sorted(set(ids))
    rows = _select(
        "SELECT t.id, t.kind, d.ledger, d.key, c.key, t.amount_fen, t.expires_at FROM ledger_transfer t"
        " JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id"
        f" WHERE t.id {_dialect().texts}",
        wanted,
    )
    return {row[0]: Target(row[0], row[1], row[2], row[3], row[4], row[5], _time(row[6])) for row in rows}


def with_resolutions(found: dict[str, Target]) -> dict[str, Target]:
    """The targets with what became of them; read after the lock, since this does change."""
    rows = _select(
        f"SELECT pending_id, kind FROM ledger_transfer WHERE pending_id {_dialect().texts}", list(found)
    )
    resolved: dict[str, str] = {row[0]: row[1] for row in rows}
    return {
        name: target._replace(resolved_by=resolved[name]) if name in resolved else target
        for name, target in found.items()
    }


def lock_accounts(refs: Iterable[Ref]) -> dict[Ref, Locked]:
    """Reads accounts under lock, in id order everywhere, so that two batches never wait in a ring.

    PostgreSQL locks the rows; on SQLite the transaction was begun IMMEDIATE and is alone.
    """
    wanted = sorted(refs)
    dialect = _dialect()
    ids = _select(dialect.pairs, wanted, columns=2)
    rows = _select(
        "SELECT id, ledger, key, debits_posted, credits_posted, debits_pending, credits_pending,"
        f" may_overdraw, frozen FROM ledger_account WHERE id {dialect.numbers} ORDER BY id {dialect.lock}",
        sorted(row[0] for row in ids),
    )
    return {(row[1], row[2]): Locked(row[0], _counters(*row[3:])) for row in rows}


def known(ids: Sequence[str]) -> dict[str, Remembered]:
    """The attempts on record among these ids."""
    dialect = _dialect()
    rows = _select(
        f"SELECT id, digest, result, {dialect.facts} FROM ledger_attempt WHERE id {dialect.texts}",
        list(ids),
    )
    return {row[0]: Remembered(row[1], _outcome(row[0], row[2], row[3])) for row in rows}


def remember(journals: Sequence[Journal], decisions: Sequence[Decision], at: datetime) -> None:
    """Writes the first outcomes of a batch's ids, refusals included."""
    remember_outcomes(
        [
            (outcome, journal.digest)
            for journal, decision in zip(journals, decisions, strict=True)
            for outcome in decision.new
        ],
        at,
    )


def remember_outcomes(
    outcomes: Sequence[tuple[Outcome, str]], at: datetime, *, unless_known: bool = False
) -> None:
    """Writes outcomes with the digest of their journal.

    Args:
        unless_known: Leave what is on record as it is; otherwise it is an ``IntegrityError``.
    """
    rows = [
        (
            outcome.id,
            digest,
            outcome.refusal.value if outcome.refusal else "ok",
            json.dumps(outcome.facts, ensure_ascii=False) if outcome.facts else "{}",
        )
        for outcome, digest in outcomes
    ]
    if unless_known:
        there = known([row[0] for row in rows])
        rows = [row for row in rows if row[0] not in there]
    if connection.vendor == "sqlite":
        _write_each(
            "INSERT INTO ledger_attempt (id, digest, result, facts, at) VALUES (%s, %s, %s, %s, %s)",
            [(*row, _stamp(at)) for row in rows],
        )
    else:
        _write_set(
            "INSERT INTO ledger_attempt (id, digest, result, facts, at)"
            " SELECT given.*, %s::timestamptz"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::jsonb[]) AS given",
            [at.isoformat()],
            rows,
        )


_TRANSFER = "INSERT INTO ledger_transfer"
_TRANSFER += " (id, kind, pending_id, debit_id, credit_id, amount_fen, code, journal, expires_at, at)"


def add_transfers(decisions: Sequence[Decision], accounts: dict[Ref, Locked], at: datetime) -> None:
    """Writes a batch's transfers in the order in which they were decided."""
    rows = [
        (
            movement.event.id,
            movement.event.kind,
            movement.event.pending_id or None,
            accounts[movement.debit].id,
            accounts[movement.credit].id,
            movement.amount_fen,
            movement.event.code,
            decision.movements[0].event.id,
            _stamp(movement.event.expires_at),
        )
        for decision in decisions
        for movement in decision.movements
    ]
    if connection.vendor == "sqlite":
        marks = ", ".join(["%s"] * 10)
        _write_each(f"{_TRANSFER} VALUES ({marks})", [(*row, _stamp(at)) for row in rows])
    else:
        _write_set(
            f"{_TRANSFER} SELECT id, kind, pending, debit, credit, fen, code, journal, expires,"
            " %s::timestamptz FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],"
            " %s::bigint[], %s::text[], %s::text[], %s::timestamptz[]) WITH ORDINALITY AS given"
            " (id, kind, pending, debit, credit, fen, code, journal, expires, place) ORDER BY place",
            [at.isoformat()],
            rows,
        )


def change_counters(changes: dict[Ref, Counters], accounts: dict[Ref, Locked]) -> None:
    """Adds a batch's changes to the counters of its accounts.

    Deltas, never absolutes: a counter stays the sum of its transfers whatever was read before.
    """
    rows = sorted(
        (
            accounts[ref].id,
            change.debits_posted,
            change.credits_posted,
            change.debits_pending,
            change.credits_pending,
        )
        for ref, change in changes.items()
    )
    if connection.vendor == "sqlite":
        _write_each(
            "UPDATE ledger_account SET debits_posted = debits_posted + %s,"
            " credits_posted = credits_posted + %s, debits_pending = debits_pending + %s,"
            " credits_pending = credits_pending + %s, version = version + 1 WHERE id = %s",
            [(*row[1:], row[0]) for row in rows],
        )
    else:
        _write_set(
            "UPDATE ledger_account a SET debits_posted = a.debits_posted + d.dpo,"
            " credits_posted = a.credits_posted + d.cpo, debits_pending = a.debits_pending + d.dp,"
            " credits_pending = a.credits_pending + d.cp, version = a.version + 1"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " AS d (id, dpo, cpo, dp, cp) WHERE a.id = d.id",
            [],
            rows,
        )


def _dialect() -> _Dialect:
    return _DIALECTS[connection.vendor]


def _select(sql: str, values: Sequence[Any], *, columns: int = 1) -> list[Row]:
    """The rows of a set: of single values, or of tuples of so many columns; none of nothing."""
    if not values:
        return []
    if connection.vendor == "sqlite":
        parameters = [json.dumps(values, ensure_ascii=False)]
    elif columns == 1:
        parameters = [_array(values)]
    else:
        parameters = [_array(column) for column in zip(*values, strict=True)]
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _write_set(sql: str, parameters: list[Any], rows: Sequence[Row]) -> None:
    """Writes rows to PostgreSQL, a parameter for each of their columns."""
    if rows:
        with _cursor() as cursor:
            cursor.execute(sql, [*parameters, *(_array(column) for column in zip(*rows, strict=True))])


def _cursor() -> CursorWrapper:
    """A cursor whose values travel beside the statement, with Django's errors and its care for broken
    transactions."""
    if connection.vendor == "sqlite":
        return connection.cursor()
    connection.ensure_connection()
    import psycopg  # only where the server is PostgreSQL is its driver installed

    beside = psycopg.Cursor(connection.connection)
    return connection.make_cursor(beside)  # type: ignore[arg-type]  # the stubs know Django's own cursor only


def _array(column: Sequence[Any]) -> str:
    """A column of integers, or of texts and None, as PostgreSQL writes an array.

    Every text stands in quotes, so that none is taken for NULL, a brace or a comma.
    """
    if isinstance(column[0], int):
        return "{" + ",".join(map(str, column)) + "}"
    quoted = ["NULL" if text is None else f'"{_escaped(text)}"' for text in column]
    return "{" + ",".join(quoted) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _write_each(sql: str, rows: Sequence[Row]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)


def _counters(dpo: int, cpo: int, dp: int, cp: int, *told: int | bool) -> Counters:
    may_overdraw, frozen = told
    return Counters(dpo, cpo, dp, cp, may_overdraw=bool(may_overdraw), frozen=bool(frozen))


def _outcome(name: str, result: str, facts: str) -> Outcome:
    refusal = None if result == "ok" else Refusal(result)
    return Outcome(name, ok=refusal is None, refusal=refusal, facts=json.loads(facts))


def _stamp(at: datetime | None) -> str | None:
    """A time as the database takes it in a text."""
    if at is None:
        return None
    if connection.vendor == "sqlite":
        return str(connection.ops.adapt_datetimefield_value(at))
    return at.isoformat()


def _time(value: datetime | str | None) -> datetime | None:
    """A time as the driver gave it: SQLite's is in UTC and does not say so."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
