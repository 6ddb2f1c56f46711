"""The database refuses what the code should not have tried: a version's text and a voucher's face never change.

Of a version only its state and who changed it may be written again; of a voucher nothing. Neither is deleted.
On SQLite an insert that would replace a row is refused too, because ``INSERT OR REPLACE`` deletes without
asking the triggers that guard deletion.
"""

from __future__ import annotations

from django.db import migrations

FIXED = {
    "programmes_programmeversion": (
        "id",
        "programme_id",
        "version",
        "text",
        "source_name",
        "digest",
        "title",
        "issuer",
        "loaded_by",
        "loaded_at",
    ),
    "programmes_voucher": (
        "id",
        "code",
        "programme_version_id",
        "organisation_id",
        "application_id",
        "face_fen",
        "issued_by",
        "issued_at",
        "expires_at",
    ),
}

SQLITE = """
CREATE TRIGGER {table}_immutable_{name} BEFORE {verb} ON {table} FOR EACH ROW {when}
BEGIN SELECT RAISE(ABORT, '{table} is immutable: {name} refused'); END
"""
POSTGRESQL_FUNCTION = """
CREATE FUNCTION programmes_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is immutable: % refused', TG_TABLE_NAME, lower(TG_OP) USING ERRCODE = 'restrict_violation';
END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_immutable_{name} BEFORE {verb} ON {table} FOR EACH ROW {when}
EXECUTE FUNCTION programmes_refuse()
"""


def statements(vendor: str) -> list[str]:
    template, differs = (SQLITE, "IS NOT") if vendor == "sqlite" else (POSTGRESQL, "IS DISTINCT FROM")
    made = [] if vendor == "sqlite" else [POSTGRESQL_FUNCTION]
    for table, columns in FIXED.items():
        changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)
        made.append(template.format(table=table, name="update", verb="UPDATE", when=f"WHEN ({changed})"))
        made.append(template.format(table=table, name="delete", verb="DELETE", when=""))
        if vendor == "sqlite":
            same = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608 - names from this file
            made.append(template.format(table=table, name="replace", verb="INSERT", when=same))
    return made


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("programmes", "0001_initial")]
    operations = [migrations.RunPython(put_up, elidable=False)]
