"""The database refuses what the code should not have tried: inventories, measurements and commands are added
and kept; an agent keeps its key and its centre; nothing is deleted."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.centres.append_only import History, statements

HISTORIES = (
    History("centres_inventory"),
    History("centres_benchmark"),
    History("centres_command", keys=(("id",), ("agent_id", "seq"))),
    History(
        "centres_agent",
        fixed=("id", "centre_id", "public_key", "enrolled_at"),
        keys=(("id",), ("public_key",)),
    ),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("centres", "0001_initial"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
