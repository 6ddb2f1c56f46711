"""An agent may drain: what was asked of it, what it last said, and in which message. Nothing is rewritten:
columns that may be empty are added in place, under the triggers that stand."""

from __future__ import annotations

from django.db import migrations, models

KINDS = [
    ("benchmark", "Benchmark"),
    ("run", "Run"),
    ("cancel", "Cancel"),
    ("countersign", "Countersign"),
    ("drain", "Drain"),
    ("resume", "Resume"),
]


class Migration(migrations.Migration):
    dependencies = [("centres", "0003_capacity")]
    operations = [
        migrations.AddField("agent", "drain_asked", models.JSONField(null=True)),
        migrations.AddField("agent", "drain_told", models.JSONField(null=True)),
        migrations.AddField("agent", "drain_seq", models.BigIntegerField(null=True)),
        migrations.AlterField("command", "kind", models.CharField(max_length=16, choices=KINDS)),
    ]
