"""How much of a run's log is here, and where it was cut."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0003_taken_over")]
    operations = [
        migrations.AddField("run", "log_bytes", models.PositiveBigIntegerField(null=True)),
        migrations.AddField("run", "log_cut_at", models.PositiveBigIntegerField(null=True)),
        migrations.AddField("run", "log_total_bytes", models.PositiveBigIntegerField(null=True)),
    ]
