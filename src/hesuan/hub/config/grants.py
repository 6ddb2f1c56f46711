"""What the hub's own database user may do on PostgreSQL, granted exactly: ``hesuan hub db-roles NAME``.

The owner of the tables migrates and grants; the hub serves as another user, who owns nothing. Then it is not
the triggers alone that keep money's rows from being changed: whoever serves cannot take a trigger away
either.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction

from hesuan.errors import NotFound, Refused, declare

ADDED_ONLY = (
    "ledger_transfer",
    "ledger_attempt",
    "ledger_freezing",
    "audit_node",
    "audit_checkpoint",
    "audit_cosignature",
    "audit_anchor",
    "audit_publication",
)
"""Rows are added and never changed."""
READ_ONLY = ("django_migrations",)
COLUMNS = {
    "ledger_account": (
        "debits_posted",
        "credits_posted",
        "debits_pending",
        "credits_pending",
        "version",
        "frozen",
    ),
    "audit_log": ("name",),
}
"""Of these tables only some columns change, and no row goes. A log's row is locked while its leaves are
numbered, and PostgreSQL locks only for whoever may change some column; the trigger refuses the change."""
KEPT = ("audit_fact", "disclosure_disclosed")
"""Rows are added and marked; which marks, their triggers say. No row goes."""
REFUSING = ("audit_refuse", "hesuan_frozen", "ledger_refuse", "programmes_refuse")
"""Functions of triggers that refuse whatever they are asked; what they always refuse is no right either."""

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
ROLE_MAKES_TABLES = declare(
    "hub.database_role_makes_tables",
    en="User {role} may still make tables or schemas in database {database}: somebody else granted"
    " it, or a role it belongs to may. Take it away: "
    "REVOKE CREATE, TEMPORARY ON DATABASE …; REVOKE CREATE ON SCHEMA …;",
    zh="用户 {role} 仍可在数据库 {database} 中建表或建模式，权限由他人授予，或来自其所属角色。"
    "请由数据库的所有者收回：REVOKE CREATE, TEMPORARY ON DATABASE …; REVOKE CREATE ON SCHEMA …;",
)
_ALWAYS_REFUSED = """
    SELECT c.relname || ' ' || v.verb
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    JOIN (VALUES (8, 'DELETE'), (16, 'UPDATE')) v (bit, verb) ON t.tgtype & v.bit <> 0
    WHERE NOT t.tgisinternal AND t.tgqual IS NULL AND t.tgtype & 3 = 3 AND cardinality(t.tgattr::int2[]) = 0
      AND c.relnamespace = current_schema()::regnamespace AND p.proname IN (%s, %s, %s, %s)
"""
"""Table and verb of each trigger that runs before a row's change and has no condition (the bits of
``pg_trigger.tgtype``: 1 each row, 2 before, 8 delete, 16 update)."""


def grant(role: str) -> int:
    """Gives a database user what serving needs and takes away everything else; run it after each migration.

    Returns:
        The number of tables.

    Raises:
        Refused: ``hub.roles_need_postgresql``, ``hub.database_role_too_strong``,
            ``hub.database_role_makes_tables``.
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
        _need_no_tables_of_its_own(role)
    return len(tables)


def serves_as_owner() -> bool:
    """Whether this connection's user could take the triggers of money away; SQLite has no users."""
    if connection.vendor != "postgresql":
        return False
    query = "SELECT pg_has_role(current_user, tableowner, 'USAGE') FROM pg_tables WHERE tablename = %s"
    return _column(query, ["ledger_transfer"]) != ["False"]


def statements(role: str, tables: list[str]) -> Iterator[str]:
    """The grants, in order: first everything goes, then table by table what serving needs.

    PostgreSQL gives everybody temporary tables, and before its version 15 tables in the schema too: that goes
    from everybody. A table of its own, named like one of ours, would stand before ours in its session.
    """
    to = connection.ops.quote_name(role)
    schema = connection.ops.quote_name(_column("SELECT current_schema()")[0])
    database = connection.ops.quote_name(_column("SELECT current_database()")[0])
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {to}"
    yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {to}"
    yield f"REVOKE CREATE, TEMPORARY ON DATABASE {database} FROM PUBLIC, {to}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {to}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {to}"
    refused = set(_column(_ALWAYS_REFUSED, list(REFUSING)))
    for table in tables:
        rights = [right for right in _rights(table) if f"{table} {right}" not in refused]
        yield f"GRANT {', '.join(rights)} ON {connection.ops.quote_name(table)} TO {to}"


def _rights(table: str) -> list[str]:
    if table in READ_ONLY:
        return ["SELECT"]
    if table in ADDED_ONLY:
        return ["SELECT", "INSERT"]
    if table in COLUMNS:
        return ["SELECT", "INSERT", f"UPDATE ({', '.join(COLUMNS[table])})"]
    return ["SELECT", "INSERT", "UPDATE", *([] if table in KEPT else ["DELETE"])]


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


def _need_no_tables_of_its_own(role: str) -> None:
    """What others granted, or a role that this one belongs to, is not taken away by a REVOKE of ours."""
    query = """
        SELECT current_database()
        WHERE has_database_privilege(%s, current_database(), 'TEMPORARY')
           OR has_database_privilege(%s, current_database(), 'CREATE')
           OR has_schema_privilege(%s, current_schema(), 'CREATE')
    """
    for name in _column(query, [role] * 3):
        raise Refused(ROLE_MAKES_TABLES, role=role, database=name)


def _column(query: str, values: list[str] | None = None) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [str(row[0]) for row in cursor.fetchall()]
