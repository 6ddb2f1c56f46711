"""Admissions by batch, service item and days; those of before hold for every item from when they were entered."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("centres", "0002_append_only"),
        ("programmes", "0007_voucher_life_kept"),
    ]

    operations = [
        migrations.CreateModel(
            name="AdmissionEnd",
            fields=[
                (
                    "admission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="ending",
                        serialize=False,
                        to="programmes.supplieradmission",
                    ),
                ),
                ("last_day", models.DateField()),
                ("reason", models.TextField()),
                ("ended_by", models.CharField(max_length=64)),
                ("ended_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="supplieradmission",
            name="programmes_admission_once",
        ),
        migrations.AddField(
            model_name="supplieradmission",
            name="batch",
            field=models.CharField(db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="supplieradmission",
            name="service_item",
            field=models.CharField(db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            model_name="supplieradmission",
            name="valid_from",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="supplieradmission",
            name="valid_until",
            field=models.DateField(null=True),
        ),
        migrations.AddConstraint(
            model_name="supplieradmission",
            constraint=models.UniqueConstraint(
                fields=("programme", "centre", "batch", "service_item"), name="programmes_admission_once"
            ),
        ),
    ]
