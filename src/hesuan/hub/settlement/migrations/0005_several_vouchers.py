"""What each voucher paid of an order is a row of its own; orders of before had one voucher at most."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import F, Q


def write_down(apps, _schema_editor):
    """One row for each voucher that a settled order named, as its receipt tells it."""
    draw, receipt = apps.get_model("settlement", "Draw"), apps.get_model("settlement", "Receipt")
    for one in receipt.objects.exclude(settlement__voucher_id="").order_by("id").iterator():
        draw.objects.bulk_create(
            draw(
                settlement_id=one.settlement_id,
                place=place,
                voucher_id=paid["voucher"],
                programme_version_id=paid["programme_version"],
                held_fen=paid["held_fen"],
                captured_fen=paid["captured_fen"],
                shares=paid["shares"],
            )
            for place, paid in enumerate(one.document["charge"]["vouchers"])
        )


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0004_redemption_append_only"),
        ("programmes", "0007_voucher_life_kept"),
    ]
    operations = [
        migrations.CreateModel(
            name="Draw",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.PositiveSmallIntegerField()),
                ("held_fen", models.BigIntegerField()),
                ("captured_fen", models.BigIntegerField()),
                ("shares", models.JSONField(default=list)),
                (
                    "programme_version",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT,
                        related_name="+",
                        to="programmes.programmeversion",
                    ),
                ),
                (
                    "settlement",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="draws", to="settlement.settlement"
                    ),
                ),
                (
                    "voucher",
                    models.ForeignKey(
                        on_delete=models.deletion.PROTECT, related_name="draws", to="programmes.voucher"
                    ),
                ),
            ],
            options={"ordering": ["settlement", "place"]},
        ),
        migrations.AddConstraint(
            model_name="draw",
            constraint=models.UniqueConstraint(
                fields=("settlement", "voucher"), name="settlement_voucher_drawn_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="draw",
            constraint=models.UniqueConstraint(
                fields=("settlement", "place"), name="settlement_draw_place_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="draw",
            constraint=models.CheckConstraint(
                condition=Q(captured_fen__gte=0, captured_fen__lte=F("held_fen")),
                name="settlement_draw_within_hold",
            ),
        ),
        migrations.RemoveConstraint(model_name="claimline", name="settlement_order_claimed_once"),
        migrations.AddConstraint(
            model_name="claimline",
            constraint=models.UniqueConstraint(
                condition=Q(live=True),
                fields=("settlement", "voucher"),
                name="settlement_draw_claimed_once",
            ),
        ),
        migrations.RunPython(write_down, migrations.RunPython.noop, elidable=True),
    ]
