"""Row-level security on what hangs on an order, a voucher, a claim, a programme or an organisation.

A settlement belongs to whoever its order does, but an order is shown by a claim on its settlement: two
policies that ask each other's table are refused by PostgreSQL. So whose an order is says a function that
reads for everybody and answers organisations only.
"""

from django.db import migrations

OWNERS_OF_ORDER = """
CREATE FUNCTION hesuan_owners_of_order(asked text) RETURNS SETOF text LANGUAGE sql STABLE
SET hesuan.organisations = '*' AS $$
  SELECT o.organisation_id FROM market_order o WHERE o.id = asked
  UNION ALL
  SELECT c.organisation_id FROM market_order o JOIN centres_centre c ON c.id = o.centre_id WHERE o.id = asked
$$
"""
EVERYBODY = "current_setting('hesuan.organisations', true) = '*'"

OWN = "hesuan_may_see(organisation_id)"
OFFICE = (
    "EXISTS (SELECT 1 FROM programmes_programme p WHERE p.id = {table}.programme_id"
    " AND hesuan_may_see(p.office_id))"
)
CENTRE = (
    "EXISTS (SELECT 1 FROM centres_centre c WHERE c.id = {table}.centre_id"
    " AND hesuan_may_see(c.organisation_id))"
)

APPLICATION = (
    "EXISTS (SELECT 1 FROM programmes_application a"
    " JOIN programmes_programmeversion w ON w.id = a.programme_version_id"
    " JOIN programmes_programme p ON p.id = w.programme_id"
    " WHERE a.id = {table}.application_id AND (hesuan_may_see(a.organisation_id) OR hesuan_may_see(p.office_id)"
    " OR EXISTS (SELECT 1 FROM programmes_desk d"
    " WHERE d.programme_id = p.id AND hesuan_may_see(d.office_id))"
    " OR EXISTS (SELECT 1 FROM programmes_voucher v WHERE v.application_id = a.id)))"
)
"""Not by its being publicised alone: what was said about it stays with those it concerns."""


def of(table, column):
    """Shown with the row that a column names; that row's own policy decides."""
    return f"EXISTS (SELECT 1 FROM {table} t WHERE t.id = {{table}}.{column})"  # noqa: S608 - names from below


POLICIES = {
    "identity_membership": [OWN],
    "registry_opening": [OWN, "hesuan_may_see(office_id)"],
    "registry_numberuse": [OWN],
    "registry_step": [
        of("registry_organisationfact", "fact_id"),
        of("registry_relation", "relation_id"),
        of("registry_aidentry", "aid_id"),
    ],
    "programmes_applicationstep": [
        APPLICATION,
        "trigger = 'publicise' AND "
        + of("programmes_application", "application_id"),  # the public list's dates
    ],
    "programmes_interest": [APPLICATION],
    "programmes_objection": [APPLICATION],
    "programmes_voucherstep": [of("programmes_voucher", "voucher_id")],
    "programmes_suspension": [of("programmes_voucher", "voucher_id")],
    "programmes_count": [OFFICE, of("programmes_voucher", "voucher_id")],
    "market_quoterefusal": [of("market_quoterequest", "request_id")],
    "runs_runstate": [of("runs_run", "run_id")],
    "metering_meterreading": [of("runs_run", "run_id")],
    "metering_finding": [of("runs_run", "run_id")],
    "settlement_settlement": [
        "EXISTS (SELECT 1 FROM hesuan_owners_of_order({table}.order_id) o WHERE hesuan_may_see(o))",
        "EXISTS (SELECT 1 FROM settlement_claimline l WHERE l.settlement_id = {table}.id)",
    ],
    "settlement_draw": [of("settlement_settlement", "settlement_id"), of("programmes_voucher", "voucher_id")],
    "settlement_claimmatch": [of("settlement_claim", "claim_id")],
    "settlement_dispute": [of("settlement_claimline", "line_id")],
    "settlement_adjustment": [of("settlement_creditnote", "note_id"), of("settlement_claimline", "line_id")],
    "settlement_clawbackpart": [of("settlement_clawback", "clawback_id")],
    "settlement_sampledaudit": [of("settlement_claim", "claim_id")],
    "settlement_auditplan": [OFFICE],
    "settlement_batch": [OFFICE],
    "settlement_payment": [of("settlement_claim", "claim_id")],
    "settlement_instruction": ["hesuan_may_see(party_id)", OFFICE],
    "settlement_instructed": [of("settlement_payment", "payment_id")],
    "settlement_floatmovement": [OFFICE, CENTRE],
    "settlement_redemptionstep": [
        of("settlement_claim", "claim_id"),
        of("settlement_batch", "batch_id"),
        of("settlement_clawback", "clawback_id"),
    ],
    "settlement_bankstatement": [OFFICE],
    "settlement_bankline": [of("settlement_bankstatement", "statement_id")],
    "settlement_reconciled": [of("settlement_bankstatement", "statement_id")],
    "settlement_reconcilefinding": [of("settlement_bankstatement", "statement_id")],
}
"""Table → conditions, one of which shows a row. No policy asks, through others, its own table again."""


def enable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(OWNERS_OF_ORDER, params=None)
    for table, conditions in POLICIES.items():
        shown = " OR ".join([EVERYBODY, *(one.replace("{table}", table) for one in conditions)])
        schema_editor.execute(
            f"CREATE POLICY hesuan_tenancy ON {table} USING ({shown}) WITH CHECK ({shown})", params=None
        )
        schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY", params=None)


def disable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in POLICIES:
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", params=None)
        schema_editor.execute(f"DROP POLICY hesuan_tenancy ON {table}", params=None)
    schema_editor.execute("DROP FUNCTION hesuan_owners_of_order(text)", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0002_row_security"),
        ("identity", "0002_security_admin"),
        ("market", "0003_line_kind"),
        ("metering", "0003_meter_readings"),
        ("programmes", "0010_extensions"),
        ("registry", "0004_entries_append_only"),
        ("runs", "0003_taken_over"),
        ("settlement", "0010_clawbacks_of_notes"),
    ]
    operations = [migrations.RunPython(enable, disable)]
