"""Row-level security on what a run has left: shown with its run."""

from django.db import migrations

TABLES = ("runs_runoutput", "runs_runoutputfile")
SHOWN = (
    "current_setting('hesuan.organisations', true) = '*'"
    " OR EXISTS (SELECT 1 FROM runs_run r WHERE r.id = {table}.run_id)"
)


def enable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in TABLES:
        shown = SHOWN.format(table=table)
        schema_editor.execute(
            f"CREATE POLICY hesuan_tenancy ON {table} USING ({shown}) WITH CHECK ({shown})", params=None
        )
        schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY", params=None)


def disable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in TABLES:
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"DROP POLICY hesuan_tenancy ON {table}", params=None)


class Migration(migrations.Migration):
    dependencies = [("api", "0007_file_row_security"), ("runs", "0005_outputs")]
    operations = [migrations.RunPython(enable, disable)]
