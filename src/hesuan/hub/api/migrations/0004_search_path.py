"""Each function of ours on PostgreSQL looks for tables in our schema, whatever the session says.

A name without a schema is looked up along the session's ``search_path``, and before that among the session's
temporary tables. So whoever serves could make a temporary ``ledger_transfer`` with a hold in it, and the guard
of transfers would have believed it. Tables and types are searched in ``pg_temp`` last now; functions and
operators PostgreSQL never searches there.

The setting costs some 20 µs a call; the guards that run on the road of money run once for a statement.
``hesuan_may_see`` runs for each row and is put into the query that asks it, which a setting would forbid. It
names no table, and its functions and operators by their schema.
"""

from django.db import migrations

FUNCTIONS = (
    "audit_refuse()",
    "audit_refuse_private()",
    "disclosure_tell()",
    "hesuan_frozen()",
    "hesuan_owners_of_order(text)",
    "ledger_refuse()",
    "ledger_refuse_unsound()",
    "programmes_refuse()",
    "settlement_line_decided()",
)
MAY_SEE = """
CREATE OR REPLACE FUNCTION hesuan_may_see(organisation text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT pg_catalog.current_setting('hesuan.organisations', true) OPERATOR(pg_catalog.=) '*'
    OR organisation OPERATOR(pg_catalog.=) ANY (
      pg_catalog.string_to_array(pg_catalog.current_setting('hesuan.organisations', true), ','))
$$
"""


def settle(_apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (schema,) = cursor.fetchone()
    path = f"pg_catalog, {schema_editor.quote_name(schema)}, pg_temp"
    for function in FUNCTIONS:
        schema_editor.execute(f"ALTER FUNCTION {function} SET search_path = {path}", params=None)
    schema_editor.execute(MAY_SEE, params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0003_more_row_security"),
        ("audit", "0004_erased_records"),
        ("disclosure", "0002_told_by_the_ledger"),
        ("ledger", "0005_sound_by_key"),
    ]
    operations = [migrations.RunPython(settle, migrations.RunPython.noop)]
