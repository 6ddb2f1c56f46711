"""The first usage record of a run stands; findings are kept."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.market.frozen import Frozen, put_up

TABLES = (
    Frozen(
        "metering_usagerecord",
        (
            "id",
            "run_id",
            "attempt",
            "state",
            "wall_ms",
            "cpu_ms",
            "cores",
            "held_core_s",
            "peak_memory_bytes",
            "evidence",
            "raw",
            "digest",
            "message_id",
            "recorded_at",
        ),
    ),
    Frozen("metering_finding", ("id", "run_id", "kind", "digest", "facts", "found_at")),
)


def freeze(_apps, schema_editor):
    put_up(schema_editor, *TABLES)


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial")]
    operations = [migrations.RunPython(freeze, elidable=False)]
