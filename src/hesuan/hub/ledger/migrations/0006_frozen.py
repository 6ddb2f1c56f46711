"""An account may be frozen, by a row that says who and why; the database keeps to it whatever the code does.

- ``frozen`` changes only to what the account's last row of ``ledger_freezing`` says. Those rows are added, in
  turn (frozen, thawed, frozen ...), and each says after which transfer out of the account it stands.
- A transfer or hold out of a frozen account is refused; the resolution of a hold is not.
- An attempt may be remembered as ``debit_account_frozen``. On SQLite that makes the table of attempts anew, and
  a table that goes takes its triggers with it: they are read before, and put back as they were.

The guard of transfers on PostgreSQL is that of 0005 with one condition more. A function that is replaced loses
its settings: the search path that ``api`` 0004 gave it is given again.
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

ADDED = History("ledger_freezing", keys=(("id",), ("account_id", "number")))
UNFIT = """
    NEW.number <> 1 + (SELECT count(*) FROM ledger_freezing f WHERE f.account_id = NEW.account_id)
    OR NEW.frozen <> (NEW.number % 2 = 1)
    OR NEW.after_seq <> coalesce((SELECT max(t.seq) FROM ledger_transfer t WHERE t.debit_id = NEW.account_id), 0)
"""
UNTOLD = "NEW.frozen <> ((SELECT count(*) FROM ledger_freezing f WHERE f.account_id = NEW.id) % 2 = 1)"
TURN = "ledger_freezing: insert refused, an account is frozen and thawed in turn, after its last transfer"
TOLD = "ledger_account: refused, an account is frozen and thawed by a row of ledger_freezing"

SQLITE = [
    f"CREATE TRIGGER ledger_freezing_in_turn BEFORE INSERT ON ledger_freezing FOR EACH ROW WHEN {UNFIT}"
    f" BEGIN SELECT RAISE(ABORT, '{TURN}'); END",
    f"CREATE TRIGGER ledger_account_frozen_as_told BEFORE UPDATE OF frozen ON ledger_account FOR EACH ROW"
    f" WHEN {UNTOLD} BEGIN SELECT RAISE(ABORT, '{TOLD}'); END",
    "CREATE TRIGGER ledger_account_not_born_frozen BEFORE INSERT ON ledger_account FOR EACH ROW"
    f" WHEN NEW.frozen BEGIN SELECT RAISE(ABORT, '{TOLD}'); END",
    "CREATE TRIGGER ledger_transfer_not_from_frozen AFTER INSERT ON ledger_transfer FOR EACH ROW"
    " WHEN NEW.pending_id IS NULL AND (SELECT frozen FROM ledger_account WHERE id = NEW.debit_id)"
    " BEGIN SELECT RAISE(ABORT, 'ledger_transfer: refused, the account is frozen'); END",
]
POSTGRESQL = """
CREATE FUNCTION ledger_freezing_in_turn() RETURNS trigger LANGUAGE plpgsql SET search_path = {path} AS $$
BEGIN
    IF {unfit} THEN
        RAISE EXCEPTION '{turn}' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_freezing_in_turn BEFORE INSERT ON ledger_freezing
    FOR EACH ROW EXECUTE FUNCTION ledger_freezing_in_turn();
CREATE TRIGGER ledger_freezing_no_truncate BEFORE TRUNCATE ON ledger_freezing
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE FUNCTION ledger_frozen_as_told() RETURNS trigger LANGUAGE plpgsql SET search_path = {path} AS $$
BEGIN
    IF {untold} THEN
        RAISE EXCEPTION '{told}' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_account_frozen_as_told BEFORE UPDATE OF frozen ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_frozen_as_told();
CREATE TRIGGER ledger_account_not_born_frozen BEFORE INSERT ON ledger_account
    FOR EACH ROW WHEN (NEW.frozen) EXECUTE FUNCTION ledger_frozen_as_told();
CREATE OR REPLACE FUNCTION ledger_refuse_unsound() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET search_path = {path} AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n
        LEFT JOIN ledger_attempt a ON a.id = n.id
        LEFT JOIN ledger_account d ON d.id = n.debit_id
        LEFT JOIN ledger_account c ON c.id = n.credit_id
        LEFT JOIN ledger_transfer h ON h.id = n.pending_id
        WHERE (a.result = 'ok' AND d.ledger = c.ledger AND (
            (n.pending_id IS NULL AND NOT d.frozen)
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
RESULTS = (
    "ok",
    "id_used_otherwise",
    "linked_failed",
    "amount_not_positive",
    "amount_above_limit",
    "accounts_must_differ",
    "debit_account_not_found",
    "credit_account_not_found",
    "hold_not_found",
    "not_a_hold",
    "hold_accounts_differ",
    "hold_already_captured",
    "hold_already_released",
    "hold_expired",
    "capture_above_hold",
    "release_not_whole",
    "debit_account_frozen",
    "available_exceeded",
    "counter_overflow",
)
KNOWN = models.CheckConstraint(
    condition=models.Q(("result__in", list(RESULTS))),
    name="ledger_attempt_result_known",
)


def widen(apps, schema_editor):
    """The CHECK of attempts by its new words; the models here have it already."""
    attempt = apps.get_model("ledger", "Attempt")
    if schema_editor.connection.vendor != "sqlite":
        schema_editor.remove_constraint(attempt, KNOWN)
        schema_editor.add_constraint(attempt, KNOWN)
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%ledger_attempt%'"
        )
        triggers = cursor.fetchall()
    for name, _ in triggers:
        schema_editor.execute(f'DROP TRIGGER "{name}"', params=None)
    schema_editor.add_constraint(attempt, KNOWN)
    for _, sql in triggers:
        schema_editor.execute(sql, params=None)


def put_up(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    assert vendor in ("sqlite", "postgresql"), f"no triggers are written for {vendor}"
    made = statements(vendor, (ADDED,))
    if vendor == "sqlite":
        made += SQLITE
    else:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            (schema,) = cursor.fetchone()
        path = f"pg_catalog, {schema_editor.quote_name(schema)}, pg_temp"
        made.append(POSTGRESQL.format(path=path, unfit=UNFIT, untold=UNTOLD, turn=TURN, told=TOLD))
    for statement in made:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_append_only"),
        ("api", "0004_search_path"),
        ("ledger", "0005_sound_by_key"),
    ]
    operations = [
        migrations.SeparateDatabaseAndState(
            # Not by Django's own statement: on SQLite that would make the table anew, without its triggers.
            database_operations=[
                migrations.RunSQL("ALTER TABLE ledger_account ADD COLUMN frozen bool DEFAULT FALSE NOT NULL"),
            ],
            state_operations=[
                migrations.AddField(
                    "account", "frozen", models.BooleanField(db_default=False, default=False)
                ),
                migrations.AlterField(
                    "attempt",
                    "result",
                    models.CharField(choices=[(word, word) for word in RESULTS], max_length=64),
                ),
                migrations.RemoveConstraint("attempt", "ledger_attempt_result_known"),
                migrations.AddConstraint("attempt", KNOWN),
            ],
        ),
        migrations.RunPython(widen, elidable=False),
        migrations.CreateModel(
            name="Freezing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField()),
                ("frozen", models.BooleanField()),
                ("after_seq", models.BigIntegerField()),
                ("actor", models.CharField(max_length=64)),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="freezings",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "number"), name="ledger_freezing_once"),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="ledger_freezing_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
