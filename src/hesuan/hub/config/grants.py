"""What the hub's own database user may do on PostgreSQL, granted exactly: ``hesuan hub db-roles NAME``.

The owner of the tables migrates and grants; the hub serves as another user, who owns nothing. Then it is not
the triggers alone that keep money's rows from being changed: whoever serves cannot take a trigger away
either.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction

from hesuan.errors import NotFound, Refused, declare

ADDED_ONLY = ("ledger_transfer", "ledger_attempt")
"""Rows are added and never changed."""
READ_ONLY = ("django_migrations",)
COLUMNS = {
    "ledger_account": ("debits_posted", "credits_posted", "debits_pending", "credits_pending", "version")
}
"""Of these tables only some columns change, and no row goes."""
KEPT = ("audit_fact", "audit_checkpoint", "disclosure_disclosed")
"""Rows are added and marked; which marks, their triggers say. No row goes."""

NOT_POSTGRESQL = declare(
    "hub.roles_need_postgresql",
    en="Database users are PostgreSQL's; this hub is on {database}, where triggers keep rows as they are.",
    zh="数据库用户是 PostgreSQL 的概念；本平台使用 {database}，由触发器保证记录不被更改。",
)
NO_SUCH_ROLE = declare(
    "hub.no_such_database_role",
    en="The server has no user {role}. Its administrator makes one: CREATE ROLE {role} LOGIN PASSWORD '…';",
    zh="数据库服务器没有用户 {role}。请由其管理员创建：CREATE ROLE {role} LOGIN PASSWORD '…';",
)
ROLE_TOO_STRONG = declare(
    "hub.database_role_too_strong",
    en="User {role} is a superuser or owns tables and cannot be held to less. Name one who owns nothing.",
    zh="用户 {role} 是超级用户或拥有数据表，无法加以限制。请授权给不拥有任何表的用户。",
)


def grant(role: str) -> int:
    """Gives a database user what serving needs and takes away everything else; run it after each migration.

    Returns:
        The number of tables.

    Raises:
        Refused: ``hub.roles_need_postgresql``, ``hub.database_role_too_strong``.
        NotFound: ``hub.no_such_database_role``.
    """
    if connection.vendor != "postgresql":
        raise Refused(NOT_POSTGRESQL, database=connection.vendor)
    with transaction.atomic():
        _need_weak(role)
        tables = _column("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        with connection.cursor() as cursor:
            for statement in statements(role, tables):
                cursor.execute(statement)
    return len(tables)


def statements(role: str, tables: list[str]) -> Iterator[str]:
    """The grants, in order: first everything goes, then table by table what serving needs."""
    to = connection.ops.quote_name(role)
    schema = connection.ops.quote_name(_column("SELECT current_schema()")[0])
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {to}"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM {to}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {to}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {to}"
    for table in tables:
        yield f"GRANT {_rights(table)} ON {connection.ops.quote_name(table)} TO {to}"


def _rights(table: str) -> str:
    if table in READ_ONLY:
        return "SELECT"
    if table in ADDED_ONLY:
        return "SELECT, INSERT"
    if table in COLUMNS:
        return f"SELECT, INSERT, UPDATE ({', '.join(COLUMNS[table])})"
    return "SELECT, INSERT, UPDATE" if table in KEPT else "SELECT, INSERT, UPDATE, DELETE"


def _need_weak(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR EXISTS (SELECT 1 FROM pg_tables t WHERE t.tableowner = rolname"
            " AND t.schemaname = current_schema()) FROM pg_roles WHERE rolname = %s",
            [role],
        )
        found = cursor.fetchone()
    if found is None:
        raise NotFound(NO_SUCH_ROLE, role=role)
    if found[0]:
        raise Refused(ROLE_TOO_STRONG, role=role)


def _column(query: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [str(row[0]) for row in cursor.fetchall()]
