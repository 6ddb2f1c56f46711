"""A quote binds: what it says never changes, nor a price, an order or a deposit once written."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.market.frozen import Frozen, put_up

TABLES = (
    Frozen("market_quote", ("id", "request_id", "offering_id", "document", "digest", "rank", "valid_until")),
    Frozen("market_price", ("id", "offering_id", "fen_per_core_hour", "valid_from"), once=("valid_to",)),
    Frozen("market_order", ("id", "quote_id", "organisation_id", "centre_id", "accepted_by", "accepted_at")),
    Frozen("market_deposit", ("id", "organisation_id", "amount_fen", "booked_by", "booked_at")),
)


def freeze(_apps, schema_editor):
    put_up(schema_editor, *TABLES)


class Migration(migrations.Migration):
    dependencies = [("market", "0001_initial")]
    operations = [migrations.RunPython(freeze, elidable=False)]
