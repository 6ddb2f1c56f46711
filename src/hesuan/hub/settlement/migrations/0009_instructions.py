"""One instruction for each payer, party and period of a batch; rows are added and never changed."""

import django.db.models.deletion
import hesuan.wire.ids
from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (
    History("settlement_instruction"),
    History("settlement_instructed", keys=(("payment_id",),)),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0002_security_admin"),
        ("programmes", "0009_admissions_append_only"),
        ("settlement", "0008_entitlements"),
    ]

    operations = [
        migrations.CreateModel(
            name="Instruction",
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
                ("payer", models.CharField(max_length=64)),
                ("period", models.CharField(max_length=16)),
                ("key", models.CharField(max_length=100)),
                ("amount_fen", models.BigIntegerField()),
                ("payments", models.PositiveIntegerField()),
                ("reference", models.CharField(blank=True, max_length=100)),
                ("made_by", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField()),
                (
                    "batch",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instructions",
                        to="settlement.batch",
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="identity.organisation",
                    ),
                ),
                (
                    "programme",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instructions",
                        to="programmes.programme",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Instructed",
            fields=[
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="instructed",
                        serialize=False,
                        to="settlement.payment",
                    ),
                ),
                (
                    "instruction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="parts",
                        to="settlement.instruction",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="instruction",
            constraint=models.UniqueConstraint(
                fields=("programme", "party", "payer", "period", "key"),
                name="settlement_instructed_once_a_period",
            ),
        ),
        migrations.AddConstraint(
            model_name="instruction",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0), ("payments__gt", 0)),
                name="settlement_instruction_positive",
            ),
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
