"""The database refuses what the code should not have tried: documents and openings are added and kept."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (History("registry_document"), History("registry_opening"))


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
