"""Row-level security on attempts: shown with their run."""

from django.db import migrations

SHOWN = (
    "current_setting('hesuan.organisations', true) = '*'"
    " OR EXISTS (SELECT 1 FROM runs_run r WHERE r.id = metering_attempt.run_id)"
)


def enable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(
        f"CREATE POLICY hesuan_tenancy ON metering_attempt USING ({SHOWN}) WITH CHECK ({SHOWN})", params=None
    )
    schema_editor.execute("ALTER TABLE metering_attempt ENABLE ROW LEVEL SECURITY", params=None)
    schema_editor.execute("ALTER TABLE metering_attempt FORCE ROW LEVEL SECURITY", params=None)


def disable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("ALTER TABLE metering_attempt NO FORCE ROW LEVEL SECURITY", params=None)
    schema_editor.execute("ALTER TABLE metering_attempt DISABLE ROW LEVEL SECURITY", params=None)
    schema_editor.execute("DROP POLICY hesuan_tenancy ON metering_attempt", params=None)


class Migration(migrations.Migration):
    dependencies = [("api", "0005_whole_fen"), ("metering", "0004_attempts")]
    operations = [migrations.RunPython(enable, disable)]
