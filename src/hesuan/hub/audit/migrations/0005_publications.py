"""Which checkpoints stood in the published folder, so that a folder that is gone does not look like a new one.

Of what was signed before, all but the newest counts as published: a process may have been stopped between
signing and publishing it, and not between any two.
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Max
from django.utils import timezone

from hesuan.hub.audit.append_only import History, statements

KEPT = (History("audit_publication", keys=(("id",), ("checkpoint_id",))),)


def put_up(_apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor, KEPT):
        schema_editor.execute(statement, params=None)


def remember(apps, _schema_editor):
    checkpoints = apps.get_model("audit", "Checkpoint").objects
    publications = apps.get_model("audit", "Publication").objects
    for row in list(checkpoints.values("log_id").annotate(newest=Max("size")).order_by()):
        before = checkpoints.filter(log_id=row["log_id"], size__lt=row["newest"]).order_by("-size").first()
        if before is not None:
            publications.create(checkpoint=before, at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_erased_records")]
    operations = [
        migrations.CreateModel(
            "Publication",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "checkpoint",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="publication",
                        to="audit.checkpoint",
                    ),
                ),
            ],
        ),
        migrations.RunPython(remember, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(put_up, elidable=False),
    ]
