"""The database refuses what the code should not have tried: an admission and its end are written once."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (
    History(
        "programmes_supplieradmission",
        keys=(("id",), ("programme_id", "centre_id", "batch", "service_item")),
    ),
    History("programmes_admissionend", keys=(("admission_id",),)),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("programmes", "0008_admissions_by_batch_and_item"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
