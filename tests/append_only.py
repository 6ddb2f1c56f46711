"""Triggers that refuse deletion, lifted for the moment in which a test's rows are swept away.

A test with real transactions ends with a flush, which deletes every row; append-only tables refuse that, as
they should. Here the triggers are lifted, and put back exactly as the migrations wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def triggers_lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """All user triggers of a test database off within the block, back after it."""
    if connection.vendor == "sqlite":
        off, on = _sqlite(connection)
    else:
        off, on = _postgresql(connection)
    _execute(connection, off)
    try:
        yield
    finally:
        _execute(connection, on)


def trigger_names(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of all user triggers, sorted."""
    if connection.vendor == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    return [str(name) for (name,) in _rows(connection, query)]


def _sqlite(connection: BaseDatabaseWrapper) -> tuple[list[str], list[str]]:
    triggers = _rows(connection, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    return [f'DROP TRIGGER "{name}"' for name, _ in triggers], [str(sql) for _, sql in triggers]


def _postgresql(connection: BaseDatabaseWrapper) -> tuple[list[str], list[str]]:
    query = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    tables = [table for (table,) in _rows(connection, query)]
    return (
        [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in tables],
        [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in tables],
    )


def _rows(connection: BaseDatabaseWrapper, query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _execute(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
