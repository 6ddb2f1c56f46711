"""The clock by which holds and claims end. An application whose clock runs ahead must end nothing early.

On PostgreSQL it is the server's own clock, whatever the machines around it show. On SQLite the database has
none but the application's, so a step forward is not believed: time goes on from where the hub began, at
the pace of the counter that nobody sets, and a warning says so once. A step back is believed, for what ends
later than it should harms nobody. A hub that begins believes the clock that it finds: after a true correction
forward, restart. It begins when its applications are ready (:mod:`.apps`), not when this module is imported.

Why not "never before the last transfer": a clock that ran ahead and was set right would then end every new
hold at once. The times beside rows stay the application's; they are told, and nothing is decided by them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

log = logging.getLogger(__name__)

MOST_AHEAD = timedelta(seconds=60)
"""How far the application's clock may run ahead of the counter before it is not believed."""


def now() -> datetime:
    """The moment by which something has ended or has not."""
    if connection.vendor != "postgresql":
        return GUARD.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    assert isinstance(moment, datetime)
    return moment


def elapsed_s() -> float:
    """A counter that is never set and goes on while the machine sleeps, where it has such a one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class Guard:
    """What the application's clock shows, without its steps forward."""

    def __init__(
        self,
        *,
        wall: Callable[[], datetime],
        counter: Callable[[], float] = elapsed_s,
    ) -> None:
        self._wall = wall
        self._counter = counter
        self._lock = threading.Lock()
        self._is_ahead = False
        self._began: tuple[datetime, float] | None = None

    def begin(self) -> None:
        """Believes the clock as it is now, as a hub that begins does; otherwise the first question does."""
        self._began = self._wall(), self._counter()

    def now(self) -> datetime:
        """The time that may be acted on."""
        with self._lock:
            wall, count = self._wall(), self._counter()
            began, counted = self._began = self._began or (wall, count)
            steady = began + timedelta(seconds=count - counted)
            if wall > steady + MOST_AHEAD:
                self._warn_once(wall, steady)
                return steady
            self._is_ahead = False
            return wall

    def _warn_once(self, wall: datetime, steady: datetime) -> None:
        if not self._is_ahead:
            log.warning(
                "the clock shows %s, but %s is what has passed: nothing is ended by such a step;"
                " if the clock is right now, restart this process",
                wall.isoformat(timespec="seconds"),
                steady.isoformat(timespec="seconds"),
            )
        self._is_ahead = True


def _shown() -> datetime:
    """Looked up at each call: whoever sets the application's clock sets this one."""
    return timezone.now()


GUARD = Guard(wall=_shown)
