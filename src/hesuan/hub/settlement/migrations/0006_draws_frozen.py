"""What a voucher paid of an order never changes."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.market.frozen import Frozen, put_up

TABLES = (
    Frozen(
        "settlement_draw",
        (
            "id",
            "settlement_id",
            "place",
            "voucher_id",
            "programme_version_id",
            "held_fen",
            "captured_fen",
            "shares",
        ),
    ),
)


def freeze(_apps, schema_editor):
    put_up(schema_editor, *TABLES)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0005_several_vouchers")]
    operations = [migrations.RunPython(freeze, elidable=False)]
