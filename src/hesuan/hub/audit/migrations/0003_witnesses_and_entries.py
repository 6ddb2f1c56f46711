"""Cosignatures, anchors, and entries that get their final bytes together with their number."""

from __future__ import annotations

from django.db import migrations, models

from hesuan.hub.audit.append_only import History, statements

KEPT = (
    History("audit_cosignature"),
    History("audit_anchor"),
)
SQLITE = """
CREATE TRIGGER audit_fact_append_only_entry BEFORE UPDATE ON audit_fact FOR EACH ROW
WHEN (NEW.refers IS NOT OLD.refers OR (OLD.leaf_index IS NOT NULL AND NEW.entry IS NOT OLD.entry))
BEGIN SELECT RAISE(ABORT, 'audit_fact is append-only: update refused'); END
"""
POSTGRESQL = """
CREATE TRIGGER audit_fact_append_only_entry BEFORE UPDATE ON audit_fact FOR EACH ROW
WHEN (NEW.refers IS DISTINCT FROM OLD.refers
      OR (OLD.leaf_index IS NOT NULL AND NEW.entry IS DISTINCT FROM OLD.entry))
EXECUTE FUNCTION audit_refuse()
"""


def put_up(_apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in [*statements(vendor, KEPT), SQLITE if vendor == "sqlite" else POSTGRESQL]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        migrations.AddField("fact", "entry", models.BinaryField(null=True)),
        # Both may be null: SQLite then adds a column, where it would otherwise make the table anew and lose
        # the triggers of migration 0002.
        migrations.AddField("fact", "refers", models.CharField(max_length=100, null=True)),
        migrations.CreateModel(
            "Cosignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("witness", models.CharField(max_length=200)),
                ("line", models.TextField()),
                ("at", models.DateTimeField()),
                (
                    "checkpoint",
                    models.ForeignKey(
                        on_delete=models.PROTECT,
                        related_name="cosignatures",
                        to="audit.checkpoint",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["checkpoint", "witness"], name="audit_cosignature_of")]
            },
        ),
        migrations.CreateModel(
            "Anchor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("digest", models.CharField(max_length=64)),
                ("succeeded", models.BooleanField()),
                ("said", models.TextField(blank=True)),
                ("at", models.DateTimeField()),
                (
                    "checkpoint",
                    models.ForeignKey(
                        on_delete=models.PROTECT,
                        related_name="anchors",
                        to="audit.checkpoint",
                    ),
                ),
            ],
        ),
        migrations.RunPython(put_up, elidable=False),
    ]
