"""A row for each attempt; rows are added and never changed."""

import django.db.models.deletion
import hesuan.wire.ids
from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (History("metering_attempt", keys=(("id",), ("centre_id", "key"))),)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_append_only"),
        ("centres", "0002_append_only"),
        ("metering", "0003_meter_readings"),
        ("runs", "0003_taken_over"),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempt",
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
                ("key", models.CharField(max_length=200)),
                ("state", models.CharField(max_length=100)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("wall_ms", models.BigIntegerField()),
                ("core_s", models.BigIntegerField()),
                ("card_s", models.BigIntegerField(null=True)),
                ("node_s", models.BigIntegerField(null=True)),
                ("memory_mib_s", models.BigIntegerField(null=True)),
                ("energy_j", models.BigIntegerField(null=True)),
                ("evidence", models.CharField(max_length=100)),
                (
                    "evidence_class",
                    models.CharField(
                        choices=[
                            ("kernel", "kernel"),
                            ("accounting", "accounting"),
                            ("self-reported", "self-reported"),
                        ],
                        max_length=16,
                    ),
                ),
                ("raw", models.TextField(blank=True)),
                ("raw_digest", models.CharField(max_length=80)),
                ("message_id", models.CharField(blank=True, max_length=64)),
                ("recorded_at", models.DateTimeField()),
                (
                    "centre",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="centres.centre"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="attempts", to="runs.run"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["centre", "ended_at"], name="metering_attempt_window")],
                "constraints": [
                    models.UniqueConstraint(fields=("centre", "key"), name="metering_attempt_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("core_s__gte", 0),
                            ("wall_ms__gte", 0),
                            models.Q(("card_s__isnull", True), ("card_s__gte", 0), _connector="OR"),
                            models.Q(("node_s__isnull", True), ("node_s__gte", 0), _connector="OR"),
                            models.Q(
                                ("memory_mib_s__isnull", True), ("memory_mib_s__gte", 0), _connector="OR"
                            ),
                            models.Q(("energy_j__isnull", True), ("energy_j__gte", 0), _connector="OR"),
                        ),
                        name="metering_attempt_not_negative",
                    ),
                ],
            },
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
