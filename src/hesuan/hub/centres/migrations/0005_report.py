"""What an agent last reported of itself, one row an agent; the signed messages stay in the inbox."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

KINDS = [
    ("benchmark", "Benchmark"),
    ("run", "Run"),
    ("cancel", "Cancel"),
    ("countersign", "Countersign"),
    ("drain", "Drain"),
    ("resume", "Resume"),
    ("report", "Report"),
]


class Migration(migrations.Migration):
    dependencies = [("centres", "0004_draining")]
    operations = [
        migrations.AlterField("command", "kind", models.CharField(max_length=16, choices=KINDS)),
        migrations.CreateModel(
            "Report",
            [
                (
                    "agent",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="report",
                        serialize=False,
                        to="centres.agent",
                    ),
                ),
                ("seq", models.BigIntegerField()),
                ("body", models.JSONField()),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
