"""One look for all who wait: how a hundred long polls cost one query every quarter of a second.

A waiting poll holds no thread, no transaction and no database connection. One thread per process asks the
database, for all waiting agents together, how many commands each has been left, and wakes those with news.
The thread closes its connection and rests when nobody waits.

Left aside: LISTEN/NOTIFY, which SQLite has not; a bell inside the process, which other processes do not hear.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import DatabaseError, connection

from hesuan.hub.centres import selectors as centres

LOOK_EVERY_S = 0.25

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class _Waiter:
    """One poll asleep in some event loop."""

    agent_id: str
    after: int
    loop: asyncio.AbstractEventLoop
    news: asyncio.Event

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # its loop has ended meanwhile: nobody is left to wake
            self.loop.call_soon_threadsafe(self.news.set)


class Watch:
    """The polls that wait in this process, and the thread that looks for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: set[_Waiter] = set()
        self._thread: threading.Thread | None = None
        self._ended = False

    def count(self) -> int:
        """How many polls wait now."""
        with self._changed:
            return len(self._waiting)

    async def wait(self, agent_id: str, *, after: int, timeout_s: float) -> None:
        """Returns when the agent has a command after ``after``, or was revoked, or the time ran out."""
        waiter = _Waiter(agent_id, after, asyncio.get_running_loop(), asyncio.Event())
        self._add(waiter)
        try:
            await asyncio.wait_for(waiter.news.wait(), timeout_s)
        except TimeoutError:
            pass
        finally:
            with self._changed:
                self._waiting.discard(waiter)

    def end(self) -> None:
        """The process stops: who waits is answered at once, and nobody waits any more."""
        with self._changed:
            self._ended = True
            for waiter in self._waiting:
                waiter.wake()

    def _add(self, waiter: _Waiter) -> None:
        with self._changed:
            if self._ended:
                waiter.wake()
                return
            self._waiting.add(waiter)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look_on, name="gateway-watch", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _look_on(self) -> None:
        while True:
            with self._changed:
                waiting = list(self._waiting)
            if waiting:
                self._look(waiting)
                time.sleep(LOOK_EVERY_S)
            else:
                connection.close()
                with self._changed:
                    self._changed.wait_for(lambda: bool(self._waiting))

    def _look(self, waiting: Iterable[_Waiter]) -> None:
        try:
            left = centres.commands_left({waiter.agent_id for waiter in waiting})
        except DatabaseError:  # the polls run out on their own clock and are asked again
            logger.exception("looking for commands failed")
            connection.close()
            return
        for waiter in waiting:
            if left.get(waiter.agent_id, waiter.after + 1) > waiter.after:
                waiter.wake()


WATCH = Watch()
