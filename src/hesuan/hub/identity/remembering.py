"""Django's cache in the database: what one web process has seen, all have, and a restart forgets nothing.

Few things are kept here, and each guards a door: one-time codes and ID tokens that were used, and attempts to
sign in. Values are JSON, where Django's own database cache pickles: whoever could write such a row would run
code in the hub. A database that does not answer breaks the sign-in, which then signs nobody in.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection
from django.utils import timezone

from hesuan.hub.identity.models import Remembered

LONGEST_KEY = 250
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


class SharedCache(BaseCache):
    """See the module."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keeps a value unless there is one; of two processes that add at once, one is told ``True``."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO identity_remembered (key, value, until) VALUES (%s, %s, %s) ON CONFLICT (key)"
                " DO UPDATE SET value = excluded.value, until = excluded.until"
                " WHERE identity_remembered.until <= %s",
                [
                    self._key(key, version),
                    json.dumps(value),
                    connection.ops.adapt_datetimefield_value(self._until(timeout)),
                    connection.ops.adapt_datetimefield_value(timezone.now()),
                ],
            )
            return bool(cursor.rowcount == 1)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """The value that is kept."""
        row = Remembered.objects.filter(key=self._key(key, version), until__gt=timezone.now()).first()
        return default if row is None else json.loads(row.value)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Keeps a value in the place of any other."""
        kept = {"value": json.dumps(value), "until": self._until(timeout)}
        Remembered.objects.update_or_create(key=self._key(key, version), defaults=kept)

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keeps a value for longer, or less long."""
        rows = Remembered.objects.filter(key=self._key(key, version), until__gt=timezone.now())
        return bool(rows.update(until=self._until(timeout)))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Forgets one."""
        return bool(Remembered.objects.filter(key=self._key(key, version)).delete()[0])

    def clear(self) -> None:
        """Forgets all."""
        Remembered.objects.all().delete()

    def _key(self, key: str, version: int | None) -> str:
        name = str(self.make_key(key, version=version))
        return name if len(name) <= LONGEST_KEY else f"sha256:{sha256(name.encode()).hexdigest()}"

    def _until(self, timeout: Any) -> datetime:
        seconds = self.get_backend_timeout(timeout)
        if seconds is None or seconds >= FOR_EVER.timestamp():
            return FOR_EVER
        return datetime.fromtimestamp(seconds, tz=UTC)
