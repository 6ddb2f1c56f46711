"""Steps and counts are added and never changed; vouchers issued before get the ones they would have had.

On SQLite a new column makes the table anew, and its triggers are gone with the old one: they are put back.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

HISTORIES = (
    History("programmes_voucherstep"),
    History("programmes_count"),
    History(
        "programmes_suspension",
        fixed=("id", "voucher_id", "reason", "opened_by", "opened_at", "answer_until"),
    ),
)
EAST_OF_UTC = timedelta(hours=8)


def remember(apps, _schema_editor):
    """A voucher of before was wholly released when it was issued, and counted by its ledger events."""
    voucher_model = apps.get_model("programmes", "Voucher")
    step = apps.get_model("programmes", "VoucherStep")
    for voucher in voucher_model.objects.select_related("programme_version").all():
        told = {"voucher": voucher, "actor": voucher.issued_by, "at": voucher.issued_at}
        fen = voucher.face_fen
        step.objects.create(**told, from_state="", to_state="ISSUED", trigger="issue", amount_fen=fen)
        step.objects.create(
            **told,
            from_state="ISSUED",
            to_state="ACTIVE",
            trigger="release",
            detail="issuance",
            amount_fen=fen,
        )
        _count(apps, voucher)
    voucher_model.objects.update(state="ACTIVE")


def _count(apps, voucher):
    programme_id = voucher.programme_version.programme_id
    start = f"count:{voucher.application_id}:"
    for row in (
        apps.get_model("ledger", "Transfer").objects.filter(id__startswith=start).select_related("debit")
    ):
        apps.get_model("programmes", "Count").objects.create(
            id=row.id,
            programme_id=programme_id,
            voucher=voucher,
            rule=row.id.removeprefix(start),
            counts="issued",
            account=row.debit.key,
            day=(voucher.issued_at + EAST_OF_UTC).date(),
            amount_fen=row.amount_fen,
            at=row.at,
        )


def put_up(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    if vendor == "sqlite":
        before = import_module("hesuan.hub.programmes.migrations.0002_immutable")
        for statement in before.statements(vendor):
            if "ON programmes_voucher " in statement:
                schema_editor.execute(statement, params=None)
    for statement in statements(vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("programmes", "0006_voucher_life"), ("ledger", "0002_append_only")]
    operations = [
        migrations.RunPython(remember, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(put_up, elidable=False),
    ]
