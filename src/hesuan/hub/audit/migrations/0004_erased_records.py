"""A private record may be erased, once, by a correction that says so; nothing else of a fact changes.

What takes its place is ``{"erased_by": <id of the correction>}``, and the correction is there already.
"""

# ruff: noqa: S608 - statements are put together from this migration's own words

from __future__ import annotations

from django.db import migrations

FIXED = ("seq", "id", "log", "kind", "subject", "actor", "at", "leaf")
SQLITE_BY = "json_extract(NEW.private, '$.erased_by')"
POSTGRESQL_BY = "NEW.private->>'erased_by'"
SQLITE_ONLY = """
    json_type(OLD.private, '$.salt') = 'text' AND json_type(NEW.private, '$.erased_by') = 'text'
    AND (SELECT count(*) FROM json_each(NEW.private)) = 1
"""
CORRECTED = """EXISTS (
    SELECT 1 FROM audit_fact f WHERE f.id = {by} AND f.kind = 'correction' AND f.log = OLD.log
    AND f.subject = 'erased:' || OLD.id
)"""
MOVED = "(OLD.leaf_index IS NOT NULL AND NEW.leaf_index {differs} OLD.leaf_index)"
SQLITE = """
CREATE TRIGGER audit_fact_append_only_{name} BEFORE UPDATE ON audit_fact FOR EACH ROW WHEN ({when})
BEGIN SELECT RAISE(ABORT, 'audit_fact is append-only: update refused'); END
"""
POSTGRESQL_UPDATE = """
CREATE TRIGGER audit_fact_append_only_update BEFORE UPDATE ON audit_fact FOR EACH ROW WHEN ({when})
EXECUTE FUNCTION audit_refuse()
"""
# PostgreSQL allows no question of another row in a trigger's condition, so this one is asked in a function.
POSTGRESQL_PRIVATE = f"""
CREATE FUNCTION audit_refuse_private() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.private ? 'salt' AND NEW.private - 'erased_by' = '{{}}'::jsonb AND {CORRECTED.format(by=POSTGRESQL_BY)} THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_fact is append-only: update refused' USING ERRCODE = 'restrict_violation';
END $$
"""
POSTGRESQL_GUARD = """
CREATE TRIGGER audit_fact_append_only_private BEFORE UPDATE ON audit_fact FOR EACH ROW
WHEN (NEW.private IS DISTINCT FROM OLD.private) EXECUTE FUNCTION audit_refuse_private()
"""


def changed(differs: str) -> str:
    """Whether a fact's own words differ, or its place once it has one."""
    return " OR ".join([*(f"NEW.{one} {differs} OLD.{one}" for one in FIXED), MOVED.format(differs=differs)])


def put_up(_apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        erased = f"({SQLITE_ONLY} AND {CORRECTED.format(by=SQLITE_BY)})"
        made = [
            "DROP TRIGGER audit_fact_append_only_update",
            SQLITE.format(name="update", when=changed("IS NOT")),
            SQLITE.format(
                name="private", when=f"NEW.private IS NOT OLD.private AND coalesce(NOT {erased}, 1)"
            ),
        ]
    else:
        made = [
            "DROP TRIGGER audit_fact_append_only_update ON audit_fact",
            POSTGRESQL_UPDATE.format(when=changed("IS DISTINCT FROM")),
            POSTGRESQL_PRIVATE,
            POSTGRESQL_GUARD,
        ]
    for statement in made:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_witnesses_and_entries")]
    operations = [migrations.RunPython(put_up, elidable=False)]
