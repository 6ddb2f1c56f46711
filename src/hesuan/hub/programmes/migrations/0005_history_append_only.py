"""The database refuses what the code should not have tried: steps, interests, objections, calls are kept.

Steps and interests never change. Of an objection only its decision is written, of a call only its closing.
"""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (
    History("programmes_applicationstep", keys=(("id",), ("application_id", "number"))),
    History("programmes_interest"),
    History("programmes_objection", fixed=("id", "application_id", "raised_by", "reason", "raised_at")),
    History(
        "programmes_call",
        fixed=(
            "id",
            "programme_version_id",
            "title",
            "budget",
            "opens_on",
            "closes_on",
            "opened_by",
            "opened_at",
        ),
    ),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("programmes", "0004_steps_of_before"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
