"""Triggers that keep a history a history, for the migrations of every room above.

Migrations call these functions, so what they return for given arguments never changes; a new need is a new
function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class History:
    """One table whose rows are added and kept."""

    table: str
    fixed: Sequence[str] = ()
    """Columns that never change; empty: none may."""
    keys: Sequence[Sequence[str]] = (("id",),)
    """Unique keys: SQLite's ``INSERT OR REPLACE`` deletes by them without asking the deletion's trigger."""


def statements(vendor: str, histories: Sequence[History]) -> list[str]:
    """The triggers for one database. On PostgreSQL they call ``audit_refuse`` (migration 0002)."""
    assert vendor in ("sqlite", "postgresql"), f"no append-only triggers are written for {vendor}"
    made = []
    for history in histories:
        differs = "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM"
        changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in history.fixed)
        conditions = {"update": f"WHEN ({changed})" if changed else "", "delete": ""}
        if vendor == "sqlite":
            conditions["replace"] = _same_row_exists(history)
        write = _sqlite if vendor == "sqlite" else _postgresql
        made += [write(history.table, verb, when) for verb, when in conditions.items()]
    return made


def _sqlite(table: str, verb: str, when: str) -> str:
    event = "INSERT" if verb == "replace" else verb.upper()
    return (
        f"CREATE TRIGGER {table}_append_only_{verb} BEFORE {event} ON {table} FOR EACH ROW {when} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
    )


def _postgresql(table: str, verb: str, when: str) -> str:
    return (
        f"CREATE TRIGGER {table}_append_only_{verb} BEFORE {verb.upper()} ON {table} FOR EACH ROW {when} "
        "EXECUTE FUNCTION audit_refuse()"
    )


def _same_row_exists(history: History) -> str:
    matches = " OR ".join(
        "(" + " AND ".join(f"{column} = NEW.{column}" for column in key) + ")" for key in history.keys
    )
    return f"WHEN EXISTS (SELECT 1 FROM {history.table} WHERE {matches})"  # noqa: S608 - our own names


def whole(table: str, columns: Sequence[str]) -> list[str]:
    """SQLite's triggers that refuse in these columns what is no integer: it would keep 1.5 or 'abc' there.

    PostgreSQL's columns have their type. Before the row, so that nothing else is asked of it first.
    """
    loose = " OR ".join(f"typeof(NEW.{column}) NOT IN ('integer', 'null')" for column in columns)
    says = f"BEGIN SELECT RAISE(ABORT, '{table}: fen are whole numbers'); END"
    return [
        f"CREATE TRIGGER {table}_whole_{name} BEFORE {event} ON {table} FOR EACH ROW WHEN {loose} {says}"
        for name, event in (("insert", "INSERT"), ("update", f"UPDATE OF {', '.join(columns)}"))
    ]
