"""Triggers that keep rows as they were written: the database refuses what the code should not have tried.

For the migrations of this room and of the rooms above it. A table is named with the columns that may never
change; deletion is refused with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SQLITE = """
CREATE TRIGGER {table}_frozen_{verb} BEFORE {verb} ON {table} FOR EACH ROW {when}
BEGIN SELECT RAISE(ABORT, '{table} is frozen: {verb} refused'); END
"""
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION hesuan_frozen() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is frozen: % refused', TG_TABLE_NAME, lower(TG_OP)
        USING ERRCODE = 'restrict_violation';
END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_frozen_{verb} BEFORE {verb} ON {table} FOR EACH ROW {when}
EXECUTE FUNCTION hesuan_frozen()
"""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A table, the columns that never change, and columns that change once, from null."""

    table: str
    columns: tuple[str, ...]
    once: tuple[str, ...] = ()

    def change(self, differs: str) -> str:
        """The condition under which an update is refused; ``differs``: this database's null-safe "is not"."""
        never = [f'NEW."{column}" {differs} OLD."{column}"' for column in self.columns]
        twice = [
            f'(OLD."{column}" IS NOT NULL AND NEW."{column}" {differs} OLD."{column}")'
            for column in self.once
        ]
        return " OR ".join([*never, *twice])


def put_up(schema_editor: BaseDatabaseSchemaEditor, *tables: Frozen) -> None:
    """Creates the triggers of these tables on either database."""
    vendor = schema_editor.connection.vendor
    assert vendor in ("sqlite", "postgresql"), f"no triggers are written for {vendor}"
    if vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_FUNCTION, params=None)
    template, differs = (SQLITE, "IS NOT") if vendor == "sqlite" else (POSTGRESQL, "IS DISTINCT FROM")
    for frozen in tables:
        when = f"WHEN ({frozen.change(differs)})"
        for verb, condition in (("update", when), ("delete", "")):
            statement = template.format(table=frozen.table, verb=verb, when=condition)
            schema_editor.execute(statement, params=None)
