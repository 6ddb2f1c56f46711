"""The attempts of usage that was recorded before they had rows of their own."""

from __future__ import annotations

from datetime import datetime

from django.db import migrations

from hesuan.wire.attempts import HELD, attempts, evidence_class


def fill(apps, _schema_editor):
    usages = apps.get_model("metering", "UsageRecord").objects.select_related("run__order")
    rows = apps.get_model("metering", "Attempt").objects
    for usage in usages.order_by("recorded_at", "id").iterator(chunk_size=200):
        for told in attempts(usage.raw):
            rows.get_or_create(
                centre_id=usage.run.order.centre_id,
                key=told["key"],
                defaults={
                    "run_id": usage.run_id,
                    "state": told["state"],
                    "started_at": datetime.fromisoformat(told["started_at"]),
                    "ended_at": datetime.fromisoformat(told["ended_at"]),
                    **{name: told[name] for name in HELD},
                    "evidence": usage.evidence,
                    "evidence_class": evidence_class(usage.evidence, told["raw"]).value,
                    "raw": told["raw"],
                    "raw_digest": told["raw_digest"],
                    "message_id": usage.message_id,
                    "recorded_at": usage.recorded_at,
                },
            )


class Migration(migrations.Migration):
    dependencies = [("market", "0003_line_kind"), ("metering", "0004_attempts")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
