"""Triggers that refuse deletion, lifted for the moment in which a test's rows are swept away.

A test with real transactions ends with every row deleted; append-only tables refuse that, as they should.
Here the triggers are lifted, and put back exactly as the migrations wrote them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

BELONG_TO_THE_TABLES = {"django_content_type", "auth_permission"}
"""Rows that Django writes of the models themselves, after a migration."""


def sweep(connection: BaseDatabaseWrapper) -> None:
    """Deletes every row of the hub's tables.

    Django would truncate every table and write those of the models anew, which on PostgreSQL takes half a
    second of computing and many files; here only what holds rows is touched, by a hundredth of that.
    """
    filled = _filled(connection)
    lifted = triggers_lifted(connection, filled)
    with transaction.atomic(using=connection.alias), lifted, connection.cursor() as cursor:
        for table in filled:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        connection.check_constraints()  # now: PostgreSQL alters no table that has checks to come


def _filled(connection: BaseDatabaseWrapper) -> list[str]:
    """The hub's tables that hold rows."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    wanted = sorted(set(names) - BELONG_TO_THE_TABLES)
    asked = (
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})" for name in wanted
    )
    return [str(name) for (name,) in _rows(connection, " UNION ALL ".join(asked))]


@contextmanager
def triggers_lifted(connection: BaseDatabaseWrapper, tables: Collection[str] | None = None) -> Iterator[None]:
    """All user triggers of a test database, or of some of its tables, off within the block, back after it."""
    if connection.vendor == "sqlite":
        off, on = _sqlite(connection, tables)
    else:
        off, on = _postgresql(connection, tables)
    _execute(connection, off)
    try:
        yield
    finally:
        _execute(connection, on)


def trigger_names(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of all user triggers that are on, sorted."""
    if connection.vendor == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname"
    return [str(name) for (name,) in _rows(connection, query)]


def _sqlite(connection: BaseDatabaseWrapper, wanted: Collection[str] | None) -> tuple[list[str], list[str]]:
    found = _rows(connection, "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'trigger'")
    triggers = [(name, sql) for name, sql, table in found if wanted is None or table in wanted]
    return [f'DROP TRIGGER "{name}"' for name, _ in triggers], [str(sql) for _, sql in triggers]


def _postgresql(
    connection: BaseDatabaseWrapper, wanted: Collection[str] | None
) -> tuple[list[str], list[str]]:
    query = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    tables = [table for (table,) in _rows(connection, query) if wanted is None or table in wanted]
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
