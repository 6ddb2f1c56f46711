"""A clawback names the credit note it follows from, so that limits on use are given back once."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

CLAWBACK = History(
    "settlement_clawback",
    fixed=("id", "claim_id", "party_id", "reason", "amount_fen", "shares", "due_at", "note_id"),
)


def put_up(_apps, schema_editor):
    """The triggers anew, with the new column among what never changes."""
    vendor = schema_editor.connection.vendor
    table = "" if vendor == "sqlite" else f" ON {CLAWBACK.table}"
    for verb in ("update", "delete", *(("replace",) if vendor == "sqlite" else ())):
        schema_editor.execute(
            f"DROP TRIGGER IF EXISTS {CLAWBACK.table}_append_only_{verb}{table}", params=None
        )
    for statement in statements(vendor, (CLAWBACK,)):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0009_instructions")]
    operations = [
        migrations.AddField(
            model_name="clawback",
            name="note",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="clawbacks",
                to="settlement.creditnote",
            ),
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
