"""On PostgreSQL the guard that refuses unsound transfers looks at a whole statement's rows at once.

What it refuses is what 0002 refused. A guard that runs once for each row costs more than all the rest of a
batch; and its statements were planned, once for a session, for tables as small as they were at that moment.
The settings of the function make every look-up one by an index, whatever the tables' size was then.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
DROP TRIGGER ledger_transfer_sound ON ledger_transfer;
CREATE OR REPLACE FUNCTION ledger_refuse_unsound() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n
        LEFT JOIN ledger_attempt a ON a.id = n.id AND a.result = 'ok'
        JOIN ledger_account d ON d.id = n.debit_id
        JOIN ledger_account c ON c.id = n.credit_id
        LEFT JOIN ledger_transfer h ON h.id = n.pending_id AND h.kind = 'hold'
            AND h.debit_id = n.debit_id AND h.credit_id = n.credit_id
            AND ((n.kind = 'capture' AND n.amount_fen <= h.amount_fen)
                 OR (n.kind = 'release' AND n.amount_fen = h.amount_fen))
        WHERE a.id IS NULL OR d.ledger <> c.ledger OR (n.pending_id IS NOT NULL AND h.id IS NULL)
    ) THEN
        RAISE EXCEPTION 'ledger_transfer: unsound transfer refused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transfer_sound AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_unsound()
"""


def put_up(_apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FORWARD, params=None)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_lease")]
    operations = [migrations.RunPython(put_up, elidable=False)]
