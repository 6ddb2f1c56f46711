"""What an agent reported stays as it came."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.market.frozen import Frozen, put_up

TABLES = (
    Frozen(
        "runs_run", ("id", "order_id", "agent_id", "cores", "time_limit_s", "created_at"), once=("ended_at",)
    ),
    Frozen("runs_runstate", ("id", "run_id", "state", "at", "reason", "received_at", "moved")),
    Frozen("runs_runlog", ("id", "run_id", "offset", "text")),
)


def freeze(_apps, schema_editor):
    put_up(schema_editor, *TABLES)


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial")]
    operations = [migrations.RunPython(freeze, elidable=False)]
