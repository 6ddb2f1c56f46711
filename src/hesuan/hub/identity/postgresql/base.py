"""The engine of ``DATABASES``: every cursor is opened with ``hesuan.organisations`` set.

The setting is told anew only when it changed. A rollback, a savepoint's too, takes PostgreSQL back to
an earlier value, so after each the next cursor tells it again.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from hesuan.hub.identity import readers


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module."""

    _told: str | None = None

    def init_connection_state(self) -> None:
        """Django's hook: a new connection knows nothing yet."""
        self._told = None
        super().init_connection_state()

    def create_cursor(self, name: Any = None) -> Any:
        """Django's hook: a cursor, behind the setting."""
        whose = readers.whose()
        if whose != self._told:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('hesuan.organisations', %s, false)", [whose])
            self._told = whose
        return super().create_cursor(name)

    def _rollback(self) -> None:
        self._told = None
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._told = None
