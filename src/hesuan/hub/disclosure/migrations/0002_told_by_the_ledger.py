"""A row for each transfer of a programme, by trigger, in the transaction that moves the money.

What moved before this migration is told too. A row stays, keeps its transfer, and is given its entry once.
"""

# ruff: noqa: S608 - statements are put together from this migration's own words

from __future__ import annotations

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

PREFIX = "programme:"
ROWS = f"""
    INSERT INTO disclosure_disclosed (transfer_id, programme)
    SELECT n.seq, substr(a.ledger, {len(PREFIX) + 1}) FROM {{rows}} JOIN ledger_account a ON a.id = n.debit_id
    WHERE a.ledger LIKE '{PREFIX}%'
"""
ONCE = "OLD.entry_id IS NOT NULL AND (NEW.entry_id IS NULL OR NEW.entry_id <> OLD.entry_id)"
SQLITE = (
    "CREATE TRIGGER disclosure_tell AFTER INSERT ON ledger_transfer FOR EACH ROW BEGIN "
    + ROWS.format(rows="(SELECT NEW.seq AS seq, NEW.debit_id AS debit_id) n")
    + "; END",
    f"CREATE TRIGGER disclosure_once BEFORE UPDATE ON disclosure_disclosed FOR EACH ROW WHEN {ONCE} "
    "BEGIN SELECT RAISE(ABORT, 'disclosure_disclosed: an entry is given once'); END",
)
POSTGRESQL = (
    "CREATE FUNCTION disclosure_tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    + ROWS.format(rows="added n")
    + "ORDER BY n.seq; RETURN NULL; END $$",
    "CREATE TRIGGER disclosure_tell AFTER INSERT ON ledger_transfer REFERENCING NEW TABLE AS added "
    "FOR EACH STATEMENT EXECUTE FUNCTION disclosure_tell()",
    f"CREATE TRIGGER disclosure_once BEFORE UPDATE ON disclosure_disclosed FOR EACH ROW WHEN ({ONCE}) "
    "EXECUTE FUNCTION audit_refuse()",
)
KEPT = History("disclosure_disclosed", fixed=("transfer_id", "programme"), keys=(("transfer_id",),))


def put_up(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    made = SQLITE if vendor == "sqlite" else POSTGRESQL
    before = ROWS.format(rows="ledger_transfer n") + "ORDER BY n.seq"
    for statement in (*made, *statements(vendor, [KEPT]), before):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("disclosure", "0001_initial"), ("ledger", "0004_sound_by_statement")]
    operations = [migrations.RunPython(put_up, elidable=False)]
