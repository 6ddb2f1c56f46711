"""On PostgreSQL the guard of transfers finds rows by their keys only, and does the foreign keys' work too.

What is refused stays what it was. Two things are cheaper:

- The guard of 0004 joined a hold by its id *and* its accounts. In a session that planned it while the tables
  were small, the plan went by the index of the hot account, and a batch of n captures read n times all of that
  account's transfers. Joined by its id alone, there is no other index to go by.
- Three foreign keys asked for each row, at the commit, what the guard asks for all rows of a statement at
  once: that both accounts and the hold are there. They cannot go away afterwards, since none of these rows is
  ever deleted or renamed (0002). SQLite has its foreign keys still.

Dropped are also the indexes by ``varchar_pattern_ops``, for searches by the beginning of an id: there are none.
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

FORWARD = r"""
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = 'ledger_transfer'::regclass
    LOOP
        EXECUTE format('ALTER TABLE ledger_transfer DROP CONSTRAINT %I', one.conname);
    END LOOP;
    FOR one IN
        SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid IN ('ledger_transfer'::regclass, 'ledger_attempt'::regclass) AND c.relname LIKE '%\_like'
    LOOP
        EXECUTE format('DROP INDEX %I', one.relname);
    END LOOP;
END $$;
CREATE OR REPLACE FUNCTION ledger_refuse_unsound() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n
        LEFT JOIN ledger_attempt a ON a.id = n.id
        LEFT JOIN ledger_account d ON d.id = n.debit_id
        LEFT JOIN ledger_account c ON c.id = n.credit_id
        LEFT JOIN ledger_transfer h ON h.id = n.pending_id
        WHERE (a.result = 'ok' AND d.ledger = c.ledger AND (
            n.pending_id IS NULL
            OR (h.kind = 'hold' AND h.debit_id = n.debit_id AND h.credit_id = n.credit_id
                AND ((n.kind = 'capture' AND n.amount_fen <= h.amount_fen)
                     OR (n.kind = 'release' AND n.amount_fen = h.amount_fen)))
        )) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'ledger_transfer: unsound transfer refused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$
"""


def put_up(_apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FORWARD, params=None)


def unchecked(name, **more):
    """The foreign key as the models have it now: the guard's matter, not a constraint."""
    field = models.ForeignKey(
        db_constraint=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=f"{name}s" if name != "pending" else "resolutions",
        **more,
    )
    return migrations.AlterField("transfer", name, field)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_sound_by_statement")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(put_up, elidable=False)],
            state_operations=[
                unchecked("debit", to="ledger.account"),
                unchecked("credit", to="ledger.account"),
                unchecked("pending", to="ledger.transfer", to_field="id", null=True, db_index=False),
            ],
        )
    ]
