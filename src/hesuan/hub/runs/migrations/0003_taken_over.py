"""A run passes to another agent of its centre while it goes on; once it has ended, its agent stays too."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.market.frozen import POSTGRESQL, SQLITE, Frozen

RUN = Frozen("runs_run", ("id", "order_id", "cores", "time_limit_s", "created_at"), once=("ended_at",))


def loosen(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    template, differs = (SQLITE, "IS NOT") if vendor == "sqlite" else (POSTGRESQL, "IS DISTINCT FROM")
    on = "" if vendor == "sqlite" else " ON runs_run"
    agent = f'(OLD."ended_at" IS NOT NULL AND NEW."agent_id" {differs} OLD."agent_id")'
    schema_editor.execute(f"DROP TRIGGER runs_run_frozen_update{on}", params=None)
    when = f"WHEN ({RUN.change(differs)} OR {agent})"
    schema_editor.execute(template.format(table=RUN.table, verb="update", when=when), params=None)


class Migration(migrations.Migration):
    dependencies = [("runs", "0002_frozen")]
    operations = [migrations.RunPython(loosen, elidable=False)]
