"""Readings of cumulative counters; rows are added and never changed."""

import django.db.models.deletion
import hesuan.wire.ids
from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (History("metering_meterreading"),)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_append_only"),
        ("runs", "0003_taken_over"),
        ("centres", "0002_append_only"),
        ("metering", "0002_frozen"),
        ("runs", "0002_frozen"),
    ]

    operations = [
        migrations.CreateModel(
            name="MeterReading",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=hesuan.wire.ids.new_id,
                        editable=False,
                        max_length=26,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("seq", models.PositiveIntegerField()),
                ("counter_ms", models.BigIntegerField()),
                ("before_ms", models.BigIntegerField(null=True)),
                ("reason", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
                ("message_id", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(max_length=80)),
                ("recorded_at", models.DateTimeField()),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="centres.agent"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="readings", to="runs.run"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("run", "seq"), name="metering_reading_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("counter_ms__gte", 0),
                            ("seq__gte", 1),
                            models.Q(("before_ms__isnull", True), ("before_ms__gte", 0), _connector="OR"),
                        ),
                        name="metering_reading_not_negative",
                    ),
                ],
            },
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
