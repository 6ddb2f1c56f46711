"""Applications by steps: calls, desks, each transition a row, interests, objections."""

import django.db.models.deletion
import hesuan.wire.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0001_initial"),
        ("programmes", "0002_immutable"),
    ]

    operations = [
        migrations.CreateModel(
            name="Desk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("step", models.CharField(max_length=64)),
                ("assigned_by", models.CharField(max_length=64)),
                ("assigned_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Interest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("person", models.CharField(max_length=64)),
                ("conflicted", models.BooleanField()),
                ("reason", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Objection",
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
                ("raised_by", models.CharField(max_length=64)),
                ("reason", models.TextField()),
                ("raised_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("dismissed", "Dismissed"),
                            ("returned", "Returned"),
                            ("rejected", "Rejected"),
                        ],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("resolved_by", models.CharField(blank=True, max_length=64)),
                ("resolution", models.TextField(blank=True)),
                ("resolved_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="application",
            name="award",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="application",
            name="declared",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="application",
            name="due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="application",
            name="flags",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="application",
            name="passed",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="application",
            name="publicity_left",
            field=models.DurationField(null=True),
        ),
        migrations.AddField(
            model_name="application",
            name="publicity_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="application",
            name="round",
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AlterField(
            model_name="application",
            name="state",
            field=models.CharField(
                choices=[
                    ("DRAFT", "Draft"),
                    ("SUBMITTED", "Submitted"),
                    ("AUTO_APPROVED", "Auto Approved"),
                    ("UNDER_REVIEW", "Under Review"),
                    ("RETURNED", "Returned"),
                    ("REJECTED", "Rejected"),
                    ("APPROVED", "Approved"),
                    ("PUBLICISED", "Publicised"),
                    ("OBJECTED", "Objected"),
                    ("ISSUED", "Issued"),
                ],
                default="SUBMITTED",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="ApplicationStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("round", models.PositiveSmallIntegerField()),
                ("from_state", models.CharField(blank=True, max_length=16)),
                ("to_state", models.CharField(max_length=16)),
                ("trigger", models.CharField(max_length=32)),
                ("part", models.CharField(blank=True, max_length=64)),
                ("actor", models.CharField(max_length=64)),
                ("reason", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="programmes.application",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Call",
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
                ("title", models.CharField(blank=True, max_length=200)),
                ("budget", models.CharField(max_length=64)),
                ("opens_on", models.DateField()),
                ("closes_on", models.DateField(null=True)),
                ("opened_by", models.CharField(max_length=64)),
                ("opened_at", models.DateTimeField()),
                ("closed_by", models.CharField(blank=True, max_length=64)),
                ("closed_at", models.DateTimeField(null=True)),
                ("close_reason", models.TextField(blank=True)),
                (
                    "programme_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="calls",
                        to="programmes.programmeversion",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="application",
            name="call",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="applications",
                to="programmes.call",
            ),
        ),
        migrations.AddIndex(
            model_name="application",
            index=models.Index(fields=["due_at"], name="programmes_application_due"),
        ),
        migrations.AddField(
            model_name="desk",
            name="office",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="desks", to="identity.organisation"
            ),
        ),
        migrations.AddField(
            model_name="desk",
            name="programme",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="desks", to="programmes.programme"
            ),
        ),
        migrations.AddField(
            model_name="interest",
            name="application",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="interests",
                to="programmes.application",
            ),
        ),
        migrations.AddField(
            model_name="objection",
            name="application",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="objections",
                to="programmes.application",
            ),
        ),
        migrations.AddConstraint(
            model_name="applicationstep",
            constraint=models.UniqueConstraint(
                fields=("application", "number"), name="programmes_step_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="applicationstep",
            constraint=models.UniqueConstraint(
                condition=models.Q(("part", ""), _negated=True),
                fields=("application", "round", "actor"),
                name="programmes_nobody_acts_in_two_parts",
            ),
        ),
        migrations.AddConstraint(
            model_name="call",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("closes_on", None), ("closes_on__gte", models.F("opens_on")), _connector="OR"
                ),
                name="programmes_call_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="desk",
            constraint=models.UniqueConstraint(
                fields=("programme", "step"), name="programmes_one_desk_for_a_step"
            ),
        ),
    ]
