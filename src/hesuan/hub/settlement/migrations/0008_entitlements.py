"""A claim may make its own entitlement: facts of its own, and lines without a voucher until it is submitted.

Voucher, amount and shares of a line are fixed once its claim is no draft any more: what is decided anew on
submission replaces what the draft said. On SQLite a new column makes a table anew, and its triggers are gone
with the old one: they are put back. There the trigger of lines reads the claims' table: a later migration that
makes ``settlement_claim`` anew must take it down first and put it up again.
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

CLAIM = History(
    "settlement_claim",
    fixed=(
        "id",
        "programme_version_id",
        "flow",
        "claimant_id",
        "holder_id",
        "centre_id",
        "voucher_id",
        "digest",
        "created_by",
        "created_at",
    ),
)
LINE = History(
    "settlement_claimline", fixed=("id", "claim_id", "number", "settlement_id", "kind", "charge_fen")
)
DECIDED = ("voucher_id", "subsidy_fen", "shares")
NAME = "settlement_claimline_decided_update"

SQLITE = """
CREATE TRIGGER {name} BEFORE UPDATE ON settlement_claimline FOR EACH ROW
WHEN ({changed}) AND (SELECT state FROM settlement_claim WHERE id = OLD.claim_id) <> 'DRAFT'
BEGIN SELECT RAISE(ABORT, 'settlement_claimline is decided: update refused'); END
"""
POSTGRESQL = (
    """
CREATE FUNCTION settlement_line_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT state FROM settlement_claim WHERE id = OLD.claim_id) IS DISTINCT FROM 'DRAFT' THEN
        RAISE EXCEPTION 'settlement_claimline is decided: update refused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE TRIGGER {name} BEFORE UPDATE ON settlement_claimline FOR EACH ROW WHEN ({changed})
EXECUTE FUNCTION settlement_line_decided()
""",
)


def put_up(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    sqlite = vendor == "sqlite"
    differs = "IS NOT" if sqlite else "IS DISTINCT FROM"
    changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in DECIDED)
    if not sqlite:
        for verb in ("update", "delete"):
            schema_editor.execute(
                f"DROP TRIGGER settlement_claimline_append_only_{verb} ON settlement_claimline", params=None
            )
    for statement in statements(vendor, (CLAIM, LINE) if sqlite else (LINE,)):
        schema_editor.execute(statement, params=None)
    for statement in (SQLITE,) if sqlite else POSTGRESQL:
        schema_editor.execute(statement.format(name=NAME, changed=changed), params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("programmes", "0009_admissions_append_only"),
        ("settlement", "0007_sampled_audit_and_bank"),
    ]
    operations = [
        migrations.AddField(
            model_name="claim",
            name="facts",
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name="claimline",
            name="voucher",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="claim_lines",
                to="programmes.voucher",
            ),
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
