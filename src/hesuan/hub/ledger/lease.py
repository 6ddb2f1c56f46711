"""Who may write batches: one process at a time, and a number that rises whenever it changes.

The lease is a row with an *epoch*. Whoever takes it raises the epoch; every batch renews the row under its
own epoch as its first statement, in the transaction that posts it. A writer that slept through a change,
stopped by an operator or a paging disk, finds another epoch there, and its batch is rolled back: the *fence*.
That statement locks the row, so a change waits for the batch in progress and no batch begins beside it.

Taking over needs that the holder is gone: the lock it holds outside the row is free (an advisory lock of its
session on PostgreSQL, a lock on a file beside the database on SQLite: both end with the process), or it has
not renewed for ``STALE_S``. A wrong guess costs the holder its lease and nothing else. Whoever took over from
one that stood still takes that lock too as soon as it is free: else the one before, fenced, would give it
back, find it free, and take the lease from a holder that lives.
"""

# ruff: noqa: S608 - statements are put together from this module's own words; values are parameters

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.db import connection, transaction

NAME = "writer"
ADVISORY_KEY = 0x4853_4C45_4447
"""``HSLEDG``: the advisory lock of PostgreSQL that the holder's session keeps."""
STALE_S = 15


class Fenced(Exception):
    """Another process has taken the lease; the transaction that found out must not commit."""


@dataclass(slots=True)
class Lease:
    """The writer's lease of one process, used by one thread on that thread's connection."""

    holder: str
    epoch: int = 0
    """0 while it is not held."""
    _outside: bool = field(default=False, repr=False)
    """Whether the lock outside the row is held too."""
    _file: IO[str] | None = field(default=None, repr=False)

    def take(self) -> bool:
        """Takes the lease if nobody else has it; returns whether it is held now."""
        self._outside = self._lock_outside()
        with transaction.atomic():
            if not self._outside and not _stale():
                return False
            self.epoch = _raise_epoch(self.holder)
        return True

    def renew(self) -> None:
        """Says that the holder lives, and makes sure that it is the holder: inside the batch's transaction.

        Raises:
            Fenced: somebody else has taken it.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE ledger_lease SET renewed_at = {_clock()} WHERE name = %s AND epoch = %s",
                [NAME, self.epoch],
            )
            if cursor.rowcount != 1:
                raise Fenced(f"{self.holder} held epoch {self.epoch}; another writer has taken over")
        if not self._outside:
            self._outside = self._lock_outside()

    def give_back(self) -> None:
        """Lets the next one take it at once."""
        held, self.epoch, self._outside = self._outside, 0, False
        if self._file is not None:
            self._file.close()
            self._file = None
        elif held and connection.vendor == "postgresql" and connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_KEY])

    def _lock_outside(self) -> bool:
        if connection.vendor == "sqlite":
            return self._lock_file()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_KEY])
            return bool(cursor.fetchone()[0])

    def _lock_file(self) -> bool:
        if self._file is not None:
            return True
        beside = Path(f"{connection.settings_dict['NAME']}.writer")
        file = beside.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True


def this_process() -> str:
    """How a holder is named for people."""
    return f"{os.uname().nodename}:{os.getpid()}"


def _stale() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM ledger_lease WHERE name = %s AND renewed_at >= {_clock(STALE_S)}",
            [NAME],
        )
        return bool(cursor.fetchone()[0] == 0)


def _raise_epoch(holder: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_lease (name, epoch, holder, renewed_at)"
            f" VALUES (%s, 1, %s, {_clock()})"
            " ON CONFLICT (name) DO UPDATE SET epoch = ledger_lease.epoch + 1, holder = excluded.holder,"
            " renewed_at = excluded.renewed_at RETURNING epoch",
            [NAME, holder],
        )
        return int(cursor.fetchone()[0])


def _clock(ago_s: int = 0) -> str:
    """The database's own time, in its SQL: the clocks of several clients may disagree."""
    if connection.vendor == "postgresql":
        return f"clock_timestamp() - interval '{ago_s} seconds'"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-{ago_s} seconds')"
