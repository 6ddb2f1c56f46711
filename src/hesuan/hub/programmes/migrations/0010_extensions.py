"""A voucher may end later than it was issued to: a column that is only ever moved on.

``expires_at`` stays as issued. The database refuses an extension that takes time away, and one of a voucher
without a last day.
"""

from __future__ import annotations

from django.db import migrations, models

NAME = "programmes_voucher_only_extended"
WHEN = (
    "NEW.extended_until {differs} OLD.extended_until AND (NEW.extended_until IS NULL OR OLD.expires_at IS NULL"
    " OR NEW.extended_until <= COALESCE(OLD.extended_until, OLD.expires_at))"
)
SQLITE = """
CREATE TRIGGER {name} BEFORE UPDATE ON programmes_voucher FOR EACH ROW WHEN {when}
BEGIN SELECT RAISE(ABORT, 'programmes_voucher is immutable: an extension only adds time'); END
"""
POSTGRESQL = """
CREATE TRIGGER {name} BEFORE UPDATE ON programmes_voucher FOR EACH ROW WHEN ({when})
EXECUTE FUNCTION programmes_refuse()
"""


def put_up(_apps, schema_editor):
    sqlite = schema_editor.connection.vendor == "sqlite"
    when = WHEN.format(differs="IS NOT" if sqlite else "IS DISTINCT FROM")
    schema_editor.execute((SQLITE if sqlite else POSTGRESQL).format(name=NAME, when=when), params=None)


class Migration(migrations.Migration):
    dependencies = [("programmes", "0009_admissions_append_only")]
    operations = [
        migrations.AddField("voucher", "extended_until", models.DateTimeField(null=True)),
        migrations.RunPython(put_up, elidable=False),
    ]
