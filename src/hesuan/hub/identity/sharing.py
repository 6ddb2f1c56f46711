"""Whether connections come from those that requests share; what the server says and the engine asks.

Apart from the engine because a hub on SQLite has no use for it, nor PostgreSQL's driver.
"""

from __future__ import annotations

from contextvars import ContextVar

_SHARED: ContextVar[bool] = ContextVar("hesuan_shared_connections", default=False)


def share() -> None:
    """From here on, in this request; a thread that it starts has its own connection all the same."""
    _SHARED.set(True)


def is_shared() -> bool:
    """Whether :func:`share` was said here."""
    return _SHARED.get()
