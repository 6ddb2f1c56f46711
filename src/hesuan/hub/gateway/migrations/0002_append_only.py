"""The database refuses what the code should not have tried: a stored message keeps its words and its number
(what became of it may be noted), a contradiction is kept as it came, nothing is deleted."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.centres.append_only import History, statements

HISTORIES = (
    History(
        "gateway_inboxmessage",
        fixed=("id", "agent_id", "seq", "kind", "at", "body", "raw", "digest", "received_at"),
        keys=(("id",), ("agent_id", "seq")),
    ),
    History("gateway_contradiction", keys=(("id",), ("agent_id", "seq", "digest"))),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
