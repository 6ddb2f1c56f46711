from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0005_publications"),
    ]

    operations = [
        migrations.AddField(
            model_name="anchor",
            name="log",
            field=models.CharField(max_length=100, null=True),
        ),
        migrations.AddConstraint(
            model_name="anchor",
            constraint=models.UniqueConstraint(
                condition=models.Q(("succeeded", True)), fields=("log", "day"), name="audit_anchor_once_a_day"
            ),
        ),
    ]
