"""The database refuses what the code should not have tried: of an entry only its state moves; steps and uses
of numbers are added and kept."""

from __future__ import annotations

from django.db import migrations

from hesuan.hub.audit.append_only import History, statements

ENTRY = (
    "id",
    "organisation_id",
    "issuer",
    "document_id",
    "source",
    "valid_from",
    "expires_on",
    "entered_by",
    "entered_at",
)
NUMBERS = tuple(
    f"{kind}_{what}" for kind in ("contract", "invoice", "project") for what in ("number", "sha256")
)
HISTORIES = (
    History("registry_organisationfact", fixed=(*ENTRY, "name", "value")),
    History(
        "registry_relation",
        fixed=(*ENTRY, "kind", "counterpart_id", "counterpart_key", "holder", "ratio_ppm"),
    ),
    History("registry_aidentry", fixed=(*ENTRY, "authority", "programme", "scope", "amount_fen", *NUMBERS)),
    History("registry_step"),
    History("registry_numberuse", keys=(("id",), ("kind", "sha256", "used_by"))),
)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, HISTORIES):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_entries"), ("audit", "0002_append_only")]
    operations = [migrations.RunPython(put_up, elidable=False)]
