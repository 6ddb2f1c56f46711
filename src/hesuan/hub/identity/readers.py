"""For whom the database is read now; what :mod:`.row_security` decides and the engine tells PostgreSQL.

Apart from it because the engine is loaded before any table is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

EVERYBODY = "*"

_WHOSE: ContextVar[str] = ContextVar("hesuan_organisations", default=EVERYBODY)


def whose() -> str:
    """What the database is told now: :data:`EVERYBODY`, or ids of organisations with commas between."""
    return _WHOSE.get()


def only(organisations: str) -> None:
    """From here on rows of these organisations alone, to the end of the surrounding :func:`for_everybody`."""
    _WHOSE.set(organisations)


@contextmanager
def for_everybody() -> Iterator[None]:
    """A read that counts or compares everybody's rows and shows nobody's to somebody else."""
    token = _WHOSE.set(EVERYBODY)
    try:
        yield
    finally:
        _WHOSE.reset(token)
