"""Sampled audits, bank statements and what was found in them; only the second half of a row is filled in."""

import django.db.models.deletion
import hesuan.wire.ids
from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (
    History(
        "settlement_auditplan",
        fixed=("id", "programme_id", "part", "of", "window_days", "reason", "proposed_by", "proposed_at"),
    ),
    History(
        "settlement_sampledaudit",
        fixed=(
            "id",
            "claim_id",
            "from_state",
            "seed",
            "number",
            "share",
            "said_by",
            "drawn",
            "drawn_at",
        ),
    ),
    History("settlement_bankstatement"),
    History("settlement_bankline"),
    History("settlement_reconciled", keys=(("payment_id",),)),
    History("settlement_reconcilefinding"),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("programmes", "0007_voucher_life_kept"),
        ("settlement", "0006_draws_frozen"),
    ]

    operations = [
        migrations.AlterField(
            model_name="claim",
            name="state",
            field=models.CharField(
                choices=[
                    ("DRAFT", "Draft"),
                    ("MATCHED", "Matched"),
                    ("MISMATCH", "Mismatch"),
                    ("VERIFIED", "Verified"),
                    ("SAMPLED_AUDIT", "Sampled Audit"),
                    ("APPROVED", "Approved"),
                    ("PUBLICISED", "Publicised"),
                    ("PAYABLE", "Payable"),
                    ("PAID", "Paid"),
                    ("RECONCILED", "Reconciled"),
                    ("CLOSED", "Closed"),
                    ("REJECTED", "Rejected"),
                    ("WITHDRAWN", "Withdrawn"),
                ],
                default="DRAFT",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="BankStatement",
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
                ("begins_on", models.DateField()),
                ("ends_on", models.DateField()),
                ("name", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=80)),
                ("loaded_by", models.CharField(max_length=64)),
                ("loaded_at", models.DateTimeField()),
                (
                    "programme",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_statements",
                        to="programmes.programme",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Reconciled",
            fields=[
                (
                    "payment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="reconciled",
                        serialize=False,
                        to="settlement.payment",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reconciled",
                        to="settlement.bankstatement",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReconcileFinding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=100)),
                ("books_fen", models.BigIntegerField()),
                ("bank_fen", models.BigIntegerField()),
                ("en", models.TextField()),
                ("zh", models.TextField()),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="settlement.bankstatement",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SampledAudit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_state", models.CharField(max_length=16)),
                ("seed", models.CharField(max_length=64)),
                ("number", models.CharField(max_length=20)),
                ("share", models.CharField(max_length=24)),
                ("said_by", models.CharField(max_length=64)),
                ("drawn", models.BooleanField()),
                ("drawn_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        blank=True, choices=[("passed", "Passed"), ("findings", "Findings")], max_length=16
                    ),
                ),
                ("finding", models.TextField(blank=True)),
                ("audited_by", models.CharField(blank=True, max_length=64)),
                ("audited_at", models.DateTimeField(null=True)),
                (
                    "claim",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audits",
                        to="settlement.claim",
                    ),
                ),
                (
                    "clawback",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audits",
                        to="settlement.clawback",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AuditPlan",
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
                ("part", models.PositiveIntegerField()),
                ("of", models.PositiveIntegerField()),
                ("window_days", models.PositiveIntegerField()),
                ("reason", models.TextField()),
                ("proposed_by", models.CharField(max_length=64)),
                ("proposed_at", models.DateTimeField()),
                ("agreed_by", models.CharField(blank=True, max_length=64)),
                ("agreed_at", models.DateTimeField(null=True)),
                (
                    "programme",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="audit_plans",
                        to="programmes.programme",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("of__gte", 1), ("part__lte", models.F("of"))),
                        name="settlement_plan_share_is_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("agreed_by", ""),
                            models.Q(("agreed_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="settlement_plan_of_two",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BankLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("day", models.DateField()),
                ("reference", models.CharField(max_length=100)),
                ("payment", models.CharField(blank=True, max_length=100)),
                ("payee", models.CharField(blank=True, max_length=200)),
                ("amount_fen", models.BigIntegerField()),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="settlement.bankstatement",
                    ),
                ),
            ],
            options={
                "ordering": ["statement", "number"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_fen__gt", 0)), name="settlement_bank_line_paid"
                    )
                ],
            },
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
