"""kill -9 in one process: a death at the n-th moment that matters, of which nothing but the disk is left.

Moments lie around everything that lasts: before a file is synced, before and after it gets its name, before
and after a transaction of the spool, before and after the scheduler outside is asked. From its death until
it is started anew an agent writes nothing more, also where Python would still run a ``finally``.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.fake import FakeCentre
from hesuan.agent.spool import Change, Spool


class Killed(BaseException):
    """kill -9."""


class Reaper:
    """Kills at the n-th moment from now; None: not at all. With ``no_room`` no file gets to the disk, with
    ``spool_full`` no transaction."""

    def __init__(self, at: int | None = None) -> None:
        self.left = at
        self.is_dead = self.no_room = self.spool_full = self._spares = False
        self.kills = 0

    def moment(self) -> None:
        """A moment at which a process may die; one that is dead does nothing more."""
        if self._spares:
            return
        if self.is_dead:
            raise Killed
        if self.left is None:
            return
        if self.left == 0:
            self.left, self.is_dead = None, True
            self.kills += 1
            raise Killed
        self.left -= 1

    @contextmanager
    def spares(self) -> Iterator[None]:
        """Meanwhile another process writes, on a disk of its own: the hub."""
        before, self._spares = self._spares, True
        try:
            yield
        finally:
            self._spares = before

    def has_room(self) -> bool:
        """Whether a file gets to the disk."""
        return self._spares or not self.no_room

    def revive(self) -> None:
        """The next process."""
        self.is_dead = False


def armed(patch: pytest.MonkeyPatch, reaper: Reaper) -> None:
    """Puts the reaper behind everything that lasts."""
    transaction, submit = Spool.transaction, FakeCentre.submit

    @contextmanager
    def deadly(spool: Spool) -> Iterator[Change]:
        with transaction(spool) as change:
            before = spool._connection.total_changes
            yield change
            reaper.moment()
            if reaper.spool_full and spool._connection.total_changes > before:
                raise sqlite3.OperationalError("database or disk is full")
        reaper.moment()

    def deadly_submit(centre: FakeCentre, spec: RunSpec) -> int:
        reaper.moment()
        number = submit(centre, spec)
        reaper.moment()
        return number

    patch.setattr(Spool, "transaction", deadly)
    patch.setattr(FakeCentre, "submit", deadly_submit)
    patch.setattr(Path, "rename", _between(reaper, Path.rename, after=True))
    patch.setattr(os, "fsync", _between(reaper, _with_room(reaper, os.fsync), after=False))
    remove = shutil.rmtree
    patch.setattr(shutil, "rmtree", lambda *a, **k: None if reaper.is_dead else remove(*a, **k))


def _with_room(reaper: Reaper, sync: Callable[[int], None]) -> Callable[[int], None]:
    def synced(fd: int) -> None:
        if not reaper.has_room():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(fd)

    return synced


def _between(reaper: Reaper, act: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def deadly(*args: Any) -> Any:
        reaper.moment()
        result = act(*args)
        if after:
            reaper.moment()
        return result

    return deadly
