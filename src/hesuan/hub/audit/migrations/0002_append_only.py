"""The database refuses what the code should not have tried: a fact is added, sequenced once, never changed.

Facts take one change, ``leaf_index`` from nothing to a number, besides the worker's note ``handed_on_at``.
Nodes and checkpoints take none. Nothing is deleted. On SQLite an insert that would replace a row is refused
too, because ``INSERT OR REPLACE`` deletes without asking the triggers that guard deletion.
"""

from __future__ import annotations

from django.db import migrations

FIXED = ("seq", "id", "log", "kind", "subject", "actor", "at", "leaf", "private")
WHOLE = ("audit_node", "audit_checkpoint", "audit_log")

SQLITE_GUARD = """
CREATE TRIGGER {table}_append_only_{verb} BEFORE {VERB} ON {table} FOR EACH ROW {when}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END
"""
POSTGRESQL_FUNCTION = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, lower(TG_OP) USING ERRCODE = 'restrict_violation';
END $$
"""
POSTGRESQL_ROW = """
CREATE TRIGGER {table}_append_only_{verb} BEFORE {VERB} ON {table} FOR EACH ROW {when}
EXECUTE FUNCTION audit_refuse()
"""
POSTGRESQL_TRUNCATE = """
CREATE TRIGGER {table}_append_only_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT
EXECUTE FUNCTION audit_refuse()
"""


def guards(differs: str) -> list[tuple[str, str, str]]:
    """``(table, verb, condition)``; ``differs`` is how this database says "not the same, nulls included"."""
    changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in FIXED)
    moved = f"(OLD.leaf_index IS NOT NULL AND NEW.leaf_index {differs} OLD.leaf_index)"
    facts = [
        ("audit_fact", "insert", "WHEN (NEW.leaf_index IS NOT NULL)"),
        ("audit_fact", "update", f"WHEN ({changed} OR {moved})"),
        ("audit_fact", "delete", ""),
    ]
    return facts + [(table, verb, "") for table in WHOLE for verb in ("update", "delete")]


def same_row_exists(table: str, *keys: tuple[str, ...]) -> str:
    matches = " OR ".join(
        "(" + " AND ".join(f'"{column}" = NEW."{column}"' for column in key) + ")" for key in keys
    )
    return f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {matches})"  # noqa: S608 - names from this file


def replacements() -> list[tuple[str, str, str]]:
    return [
        ("audit_fact", "replace", same_row_exists("audit_fact", ("seq",), ("id",))),
        ("audit_node", "replace", same_row_exists("audit_node", ("id",), ("log_id", "level", "index"))),
        ("audit_checkpoint", "replace", same_row_exists("audit_checkpoint", ("id",), ("log_id", "size"))),
    ]


def statements(vendor: str) -> list[str]:
    if vendor == "sqlite":
        rows = guards("IS NOT") + replacements()
        return [
            SQLITE_GUARD.format(
                table=table, verb=verb, VERB="INSERT" if verb == "replace" else verb, when=when
            )
            for table, verb, when in rows
        ]
    assert vendor == "postgresql", f"no append-only triggers are written for {vendor}"
    rows = guards("IS DISTINCT FROM")
    made = [POSTGRESQL_ROW.format(table=table, verb=verb, VERB=verb, when=when) for table, verb, when in rows]
    whole = [POSTGRESQL_TRUNCATE.format(table=table) for table in ("audit_fact", *WHOLE)]
    return [POSTGRESQL_FUNCTION, *made, *whole]


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(put_up, elidable=False)]
