"""What a run has left: the site's list, and how much of each file is here."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from hesuan.hub.market.frozen import Frozen, put_up

TABLES = (
    Frozen(
        "runs_runoutput",
        (
            "id", "run_id", "files_count", "total_bytes", "site_bound_bytes", "hub_bound_bytes", "withheld",
            "told_at",
        ),
    ),
    Frozen(
        "runs_runoutputfile",
        ("id", "run_id", "number", "path", "size_bytes", "sha256"),
        once=("completed_at",),
    ),
)  # fmt: skip
WITHHELD = [("bound", "Bound"), ("changed", "Changed"), ("too_many", "Too Many")]
LEFT_OUT = [("site", "Site"), ("hub", "Hub"), ("kind", "Kind"), ("name", "Name"), ("changed", "Changed")]


def freeze(_apps, schema_editor):
    put_up(schema_editor, *TABLES)


def number():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [("runs", "0004_log_bound")]
    operations = [
        migrations.CreateModel(
            name="RunOutput",
            fields=[
                ("id", number()),
                ("files_count", models.PositiveBigIntegerField()),
                ("total_bytes", models.PositiveBigIntegerField()),
                ("site_bound_bytes", models.PositiveBigIntegerField()),
                ("hub_bound_bytes", models.PositiveBigIntegerField()),
                ("withheld", models.CharField(blank=True, choices=WITHHELD, max_length=16)),
                ("told_at", models.DateTimeField()),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="output", to="runs.run"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RunOutputFile",
            fields=[
                ("id", number()),
                ("number", models.PositiveIntegerField()),
                ("path", models.TextField()),
                ("size_bytes", models.PositiveBigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("left_out", models.CharField(blank=True, choices=LEFT_OUT, max_length=16)),
                ("received_bytes", models.PositiveBigIntegerField(default=0)),
                ("completed_at", models.DateTimeField(null=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="output_files",
                        to="runs.run",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "number"), name="runs_output_file_once"),
                    models.CheckConstraint(
                        condition=models.Q(("received_bytes__lte", models.F("size_bytes"))),
                        name="runs_output_file_not_over",
                    ),
                ],
            },
        ),
        migrations.RunPython(freeze, elidable=False),
    ]
