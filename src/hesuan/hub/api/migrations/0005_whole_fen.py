"""On SQLite every column of money takes whole numbers only, in every room.

An ``INTEGER`` column of SQLite keeps 1.5 and 'abc' as they are, and ``CHECK (fen > 0)`` holds of both. Tables
declared ``STRICT`` would refuse them; Django's column types are not among those that such a table may have.
Here and not in each room, because what counts is that none is missing. A later migration that makes one of
these tables anew must put its two triggers back.
"""

from django.db import migrations

from hesuan.hub.audit.append_only import whole

MONEY = {
    "ledger_account": ("debits_posted", "credits_posted", "debits_pending", "credits_pending", "version"),
    "ledger_transfer": ("amount_fen",),
    "registry_aidentry": ("amount_fen",),
    "registry_numberuse": ("amount_fen",),
    "programmes_application": ("planned_fen",),
    "programmes_budgetyear": ("funded_fen",),
    "programmes_voucher": ("face_fen",),
    "programmes_voucherstep": ("amount_fen",),
    "programmes_count": ("amount_fen",),
    "market_deposit": ("amount_fen",),
    "settlement_bankline": ("amount_fen",),
    "settlement_reconcilefinding": ("books_fen", "bank_fen"),
    "settlement_claimline": ("charge_fen", "subsidy_fen"),
    "settlement_claimmatch": ("tolerance_fen",),
    "settlement_payment": ("amount_fen", "from_float_fen", "set_off_fen"),
    "settlement_floatmovement": ("amount_fen",),
    "settlement_adjustment": ("before_fen", "after_fen"),
    "settlement_clawback": ("amount_fen",),
    "settlement_clawbackpart": ("amount_fen",),
    "settlement_instruction": ("amount_fen",),
    "settlement_settlement": (
        "charge_fen",
        "max_charge_fen",
        "voucher_held_fen",
        "voucher_captured_fen",
        "copay_held_fen",
        "copay_captured_fen",
    ),
    "settlement_draw": ("held_fen", "captured_fen"),
}


def put_up(_apps, schema_editor):
    if schema_editor.connection.vendor != "sqlite":
        return
    for table, columns in MONEY.items():
        for statement in whole(table, columns):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("api", "0004_search_path")]
    operations = [migrations.RunPython(put_up, elidable=False)]
