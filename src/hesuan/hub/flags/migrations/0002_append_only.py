"""The database refuses what the code should not have tried: of a flag only the state moves, the rest stays."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (
    History(
        "flags_flag",
        fixed=(
            "id",
            "rule",
            "version",
            "subject",
            "window",
            "action",
            "refs",
            "numbers",
            "digest",
            "raised_at",
        ),
    ),
    History("flags_flagkey"),
    History("flags_flagstep"),
    History("flags_tuning"),
    History("flags_round"),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("flags", "0001_initial"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
