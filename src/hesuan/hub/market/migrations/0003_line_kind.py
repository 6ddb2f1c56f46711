"""What an offering sells, for the programmes' rules: what was published before sold general computing."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("market", "0002_frozen")]
    operations = [
        migrations.AddField(
            model_name="offering",
            name="line_kind",
            field=models.CharField(max_length=32, default="compute", db_default="compute"),
        ),
        migrations.AddField(
            model_name="offering",
            name="card",
            field=models.CharField(max_length=64, default="", db_default=""),
        ),
    ]
