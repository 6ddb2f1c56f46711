"""Row-level security on files for runs, shown to their organisation, and on what needs them."""

from django.db import migrations

EVERYBODY = "current_setting('hesuan.organisations', true) = '*'"
POLICIES = {
    "files_file": "hesuan_may_see(organisation_id)",
    "files_use": "EXISTS (SELECT 1 FROM files_file f WHERE f.id = files_use.file_id)",
}


def enable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, own in POLICIES.items():
        shown = f"{EVERYBODY} OR {own}"
        schema_editor.execute(
            f"CREATE POLICY hesuan_tenancy ON {table} USING ({shown}) WITH CHECK ({shown})", params=None
        )
        schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY", params=None)


def disable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in POLICIES:
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"DROP POLICY hesuan_tenancy ON {table}", params=None)


class Migration(migrations.Migration):
    dependencies = [("api", "0006_attempt_row_security"), ("files", "0001_initial")]
    operations = [migrations.RunPython(enable, disable)]
