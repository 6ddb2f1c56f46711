"""The engine of ``DATABASES``: each connection is as the ledger needs it, whatever the server's defaults.

Every cursor is opened with ``hesuan.organisations`` set, on a connection that another request had before too:
what was told on it then is forgotten as it is handed on.

Requests share a few connections (:mod:`.sharing`): under ASGI each has a thread of its own, and a connection
of its own would cost PostgreSQL a process. Whatever else reads and writes, the ledger's writer above all,
whose lease is a lock of its session, keeps a connection to itself and ends it when it closes it.

The setting is told anew only when it changed. A rollback, a savepoint's too, takes PostgreSQL back to
an earlier value, so after each the next cursor tells it again.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from hesuan.hub.identity import readers, sharing

PINNED = """
    SELECT set_config('default_transaction_isolation', 'read committed', false),
        set_config('synchronous_commit', CASE WHEN now.set = 'off' AND %s THEN 'on' ELSE now.set END, false)
    FROM (SELECT current_setting('synchronous_commit') AS set) now
"""
"""READ COMMITTED: each statement after the locks sees what others committed before them, which is what the
writer's order of reading rests on. An answered fen is on disk: a server, database or user set to
``synchronous_commit = off`` is not followed, one set to more than ``on`` is.
(Tests do not wait for the disk.)"""


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module."""

    _told: str | None = None

    @property
    def pool(self) -> Any:
        """Django's: the shared connections where this one is of them, or is to be; None elsewhere."""
        mine = self.connection
        is_shared = sharing.is_shared() if mine is None else getattr(mine, "_pool", None) is not None
        return super().pool if is_shared else None

    def init_connection_state(self) -> None:
        """Django's hook: a connection knows nothing yet, or what it was told for another request."""
        self._told = None
        super().init_connection_state()

    def _configure_connection(self, connection: Any) -> bool:
        """Django's hook: once for each session of the server; whether there is something to commit."""
        super()._configure_connection(connection)  # type: ignore[misc]
        with connection.cursor() as cursor:
            cursor.execute(PINNED, [settings.MODE != "test"])
        return True

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
