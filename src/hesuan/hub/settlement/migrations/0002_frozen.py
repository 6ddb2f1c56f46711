"""A settlement never changes; of a receipt only the signature is added, once."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.market.frozen import Frozen, put_up

TABLES = (
    Frozen(
        "settlement_settlement",
        (
            "id",
            "order_id",
            "state",
            "billed_s",
            "cores",
            "share_percent",
            "charge_fen",
            "max_charge_fen",
            "voucher_id",
            "voucher_held_fen",
            "voucher_captured_fen",
            "copay_held_fen",
            "copay_captured_fen",
            "trace",
            "settled_at",
        ),
    ),
    Frozen(
        "settlement_receipt",
        ("id", "settlement_id", "agent_id", "document", "digest", "created_at"),
        once=("fact_id", "signed_at"),
    ),
)


def freeze(_apps, schema_editor):
    put_up(schema_editor, *TABLES)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_initial")]
    operations = [migrations.RunPython(freeze, elidable=False)]
