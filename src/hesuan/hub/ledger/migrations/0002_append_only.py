"""The database refuses what the code should not have tried.

Transfers and attempts are added and never changed or deleted. A transfer needs an accepted attempt, keeps
both sides in one ledger, and resolves only a hold between the same two accounts, at most in full. Of an
account only counters and version change. On SQLite an insert that would replace a row is refused too,
because ``INSERT OR REPLACE`` deletes without asking the triggers that guard deletion.
"""

from __future__ import annotations

from django.db import migrations

TABLES = ("ledger_transfer", "ledger_attempt")
FIXED = ("id", "ledger", "key", "kind", "may_overdraw")

UNSOUND = """
    NOT EXISTS (SELECT 1 FROM ledger_attempt a WHERE a.id = NEW.id AND a.result = 'ok')
    OR (SELECT ledger FROM ledger_account WHERE id = NEW.debit_id)
       <> (SELECT ledger FROM ledger_account WHERE id = NEW.credit_id)
    OR (NEW.pending_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM ledger_transfer h
        WHERE h.id = NEW.pending_id AND h.kind = 'hold'
          AND h.debit_id = NEW.debit_id AND h.credit_id = NEW.credit_id
          AND ((NEW.kind = 'capture' AND NEW.amount_fen <= h.amount_fen)
               OR (NEW.kind = 'release' AND NEW.amount_fen = h.amount_fen))))
"""
CHANGED = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in FIXED)

SQLITE = """
CREATE TRIGGER {table}_{name} {when} ON {table} FOR EACH ROW WHEN {condition}
BEGIN SELECT RAISE(ABORT, '{table}: {says}'); END
"""
POSTGRESQL_FUNCTIONS = f"""
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: % refused, rows are added and never changed', TG_TABLE_NAME, lower(TG_OP)
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION ledger_refuse_unsound() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {UNSOUND} THEN
        RAISE EXCEPTION 'ledger_transfer: unsound transfer refused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_{name} {when} ON {table} FOR EACH {each} {condition} EXECUTE FUNCTION {function}()
"""


def sqlite() -> list[str]:
    rules = []
    for table in TABLES:
        for verb in ("update", "delete"):
            says = f"{verb} refused, rows are added and never changed"
            rules.append((table, f"no_{verb}", f"BEFORE {verb}", "1", says))
    same = "(SELECT 1 FROM {} WHERE {})"
    transfer = same.format("ledger_transfer", "id = NEW.id OR seq = NEW.seq OR pending_id = NEW.pending_id")
    attempt = same.format("ledger_attempt", "id = NEW.id")
    account = same.format("ledger_account", "id = NEW.id OR (ledger = NEW.ledger AND key = NEW.key)")
    replace = "insert refused, there is such a row already"
    rules += [
        ("ledger_transfer", "no_replace", "BEFORE INSERT", f"EXISTS {transfer}", replace),
        ("ledger_attempt", "no_replace", "BEFORE INSERT", f"EXISTS {attempt}", replace),
        ("ledger_account", "no_replace", "BEFORE INSERT", f"EXISTS {account}", replace),
        ("ledger_transfer", "sound", "AFTER INSERT", UNSOUND, "unsound transfer refused"),
        ("ledger_account", "fixed", "BEFORE UPDATE", CHANGED, "update refused, only counters change"),
        ("ledger_account", "no_delete", "BEFORE DELETE", "1", "delete refused"),
    ]
    return [
        SQLITE.format(table=table, name=name, when=when, condition=condition, says=says)
        for table, name, when, condition, says in rules
    ]


def postgresql() -> list[str]:
    rules = [
        ("ledger_transfer", "sound", "AFTER INSERT", "ROW", "", "ledger_refuse_unsound"),
        ("ledger_account", "fixed", "BEFORE UPDATE", "ROW", f"WHEN ({CHANGED})", "ledger_refuse"),
    ]
    for table in (*TABLES, "ledger_account"):
        rules.append((table, "no_delete", "BEFORE DELETE", "ROW", "", "ledger_refuse"))
        rules.append((table, "no_truncate", "BEFORE TRUNCATE", "STATEMENT", "", "ledger_refuse"))
    for table in TABLES:
        rules.append((table, "no_update", "BEFORE UPDATE", "ROW", "", "ledger_refuse"))
    made = [
        POSTGRESQL.format(
            table=table, name=name, when=when, each=each, condition=condition, function=function
        )
        for table, name, when, each, condition, function in rules
    ]
    return [POSTGRESQL_FUNCTIONS, *made]


def put_up(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    assert vendor in ("sqlite", "postgresql"), f"no append-only triggers are written for {vendor}"
    for statement in sqlite() if vendor == "sqlite" else postgresql():
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunPython(put_up, elidable=False)]
