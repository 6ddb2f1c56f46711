"""Row-level security on PostgreSQL: an order, a voucher, a claim, a document is shown to its organisations.

``FORCE`` holds the owner of the tables to it as well. A superuser, or a role with BYPASSRLS, is never held:
backups are taken as one.
"""

from django.db import migrations

MAY_SEE = """
CREATE FUNCTION hesuan_may_see(organisation text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT current_setting('hesuan.organisations', true) = '*'
    OR organisation = ANY (string_to_array(current_setting('hesuan.organisations', true), ','))
$$
"""
EVERYBODY = "current_setting('hesuan.organisations', true) = '*'"

OWN = "hesuan_may_see(organisation_id)"
OFFICE = (
    "EXISTS (SELECT 1 FROM programmes_programmeversion v JOIN programmes_programme p ON p.id = v.programme_id"
    " WHERE v.id = {table}.programme_version_id AND hesuan_may_see(p.office_id))"
)
OPENED = (
    "EXISTS (SELECT 1 FROM registry_opening o WHERE o.organisation_id = {table}.organisation_id"
    " AND hesuan_may_see(o.office_id))"
)
OF_ORDER = "EXISTS (SELECT 1 FROM market_order o WHERE o.id = {table}.order_id)"
OF_RUN = "EXISTS (SELECT 1 FROM runs_run r WHERE r.id = {table}.run_id)"
OF_CLAIM = "EXISTS (SELECT 1 FROM settlement_claim c WHERE c.id = {table}.claim_id)"

POLICIES = {
    "market_deposit": [OWN],
    "market_quoterequest": [OWN],
    "market_quote": [
        "EXISTS (SELECT 1 FROM market_quoterequest q WHERE q.id = {table}.request_id)",
        "EXISTS (SELECT 1 FROM market_order o WHERE o.quote_id = {table}.id)",
    ],
    "market_order": [
        OWN,
        "EXISTS (SELECT 1 FROM centres_centre c WHERE c.id = {table}.centre_id"
        " AND hesuan_may_see(c.organisation_id))",
        "EXISTS (SELECT 1 FROM settlement_settlement s JOIN settlement_claimline l ON l.settlement_id = s.id"
        " WHERE s.order_id = {table}.id)",
    ],
    "runs_run": [OF_ORDER],
    "runs_runlog": [OF_RUN],
    "metering_usagerecord": [OF_RUN],
    "settlement_receipt": [
        "EXISTS (SELECT 1 FROM settlement_settlement s JOIN market_order o ON o.id = s.order_id"
        " WHERE s.id = {table}.settlement_id)"
    ],
    "settlement_claim": ["hesuan_may_see(claimant_id)", "hesuan_may_see(holder_id)", OFFICE],
    "settlement_claimline": [OF_CLAIM],
    "settlement_creditnote": [OF_CLAIM],
    "settlement_clawback": ["hesuan_may_see(party_id)", OF_CLAIM],
    "programmes_voucher": [
        OWN,
        OFFICE,
        "EXISTS (SELECT 1 FROM settlement_claim c WHERE c.voucher_id = {table}.id)",
        "EXISTS (SELECT 1 FROM settlement_claimline l WHERE l.voucher_id = {table}.id)",
    ],
    "programmes_application": [
        OWN,
        OFFICE,
        "EXISTS (SELECT 1 FROM programmes_programmeversion v JOIN programmes_desk d"
        " ON d.programme_id = v.programme_id"
        " WHERE v.id = {table}.programme_version_id AND hesuan_may_see(d.office_id))",
        "EXISTS (SELECT 1 FROM programmes_voucher v WHERE v.application_id = {table}.id)",
        "state IN ('PUBLICISED', 'OBJECTED')",
    ],
    "registry_document": [OWN, OPENED],
    "registry_organisationfact": [OWN, OPENED],
    "registry_relation": [OWN, OPENED],
    "registry_aidentry": [OWN, OPENED],
}
"""Table → conditions, one of which shows a row. No policy asks, through others, its own table again."""


def enable(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(MAY_SEE)
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
    schema_editor.execute("DROP FUNCTION hesuan_may_see(text)", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0001_initial"),
        ("identity", "0002_security_admin"),
        ("market", "0002_frozen"),
        ("metering", "0002_frozen"),
        ("programmes", "0007_voucher_life_kept"),
        ("registry", "0004_entries_append_only"),
        ("runs", "0002_frozen"),
        ("settlement", "0006_draws_frozen"),
    ]
    operations = [migrations.RunPython(enable, disable)]
