"""The database refuses what the code should not have tried: only states move, and each move is a row."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (
    History("settlement_batch", fixed=("id", "programme_id", "period", "opened_at")),
    History(
        "settlement_claim",
        fixed=(
            "id",
            "programme_version_id",
            "flow",
            "claimant_id",
            "holder_id",
            "centre_id",
            "voucher_id",
            "digest",
            "created_by",
            "created_at",
        ),
    ),
    History(
        "settlement_claimline",
        fixed=(
            "id",
            "claim_id",
            "number",
            "settlement_id",
            "voucher_id",
            "kind",
            "charge_fen",
            "subsidy_fen",
            "shares",
        ),
    ),
    History("settlement_claimmatch"),
    History("settlement_dispute", fixed=("id", "line_id", "reason", "opened_by", "opened_at")),
    History("settlement_payment"),
    History("settlement_floatmovement"),
    History("settlement_creditnote"),
    History("settlement_adjustment"),
    History(
        "settlement_clawback",
        fixed=("id", "claim_id", "party_id", "reason", "amount_fen", "shares", "due_at"),
    ),
    History("settlement_clawbackpart"),
    History("settlement_redemptionstep"),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0003_redemption"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
