"""One rate over all web processes: how much of it is used up stands in the database.

A process takes an eighth of a burst from there at once and lets so many through without asking again, for
:data:`BURST_S` at most: a busy asker costs a write for every so many requests, a slow one a write every few
seconds, in a table that PostgreSQL does not log, so that nobody waits for a disk. What a process has taken it
may let through a little later than it was counted; so beyond the rate at most that eighth for each process
passes. Whoever is refused is told so, until the wait is over, without another look at the database.

A database that does not answer neither opens the door nor shuts it: each process counts for itself meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, connection

from hesuan.hub.identity.rates import BURST_S, MOST_KEYS, Gate

SLICES = 8
AWAY_S = 5
"""How long a database that did not answer is not asked again [s]."""
LONGEST_KEY = 120
STRIPES = 64
"""Keys share so many locks; who waits for another's question waits no longer than for one of its own."""

_NOW = "EXTRACT(EPOCH FROM statement_timestamp())::float8"
_FITS = (
    "GREATEST(0, LEAST(%(slice)s,"
    f" FLOOR((%(burst_s)s - GREATEST(asked.used_up_at - {_NOW}, 0)) / %(interval_s)s + 1e-6)::int))"
)
TAKE = f"""
INSERT INTO identity_asked AS asked (key, used_up_at, granted)
VALUES (%(key)s, {_NOW} + %(slice)s * %(interval_s)s, %(slice)s)
ON CONFLICT (key) DO UPDATE SET
    granted = {_FITS}, used_up_at = GREATEST(asked.used_up_at, {_NOW}) + {_FITS} * %(interval_s)s
RETURNING granted, used_up_at - {_NOW}
"""  # noqa: S608 - put together from this module's own words; values are parameters
"""Grants as much of a slice as fits, in one statement: of two processes that ask at once, one is second."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pocket:
    """What a process may let through without asking; with ``left`` 0 from the start: nobody, until then."""

    left: int
    until: float
    refused: bool = False


class SharedGate:
    """See the module; :class:`~hesuan.hub.identity.rates.Gate` is the same for one process."""

    def __init__(self, of: str, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.alone = Gate(per_minute, clock=clock)
        self._of = of
        self._interval_s = 60 / per_minute
        self._burst_s = max(BURST_S, self._interval_s)
        self._slice = max(1, int(self._burst_s / self._interval_s) // SLICES)
        self._clock = clock
        self._pockets: OrderedDict[str, _Pocket] = OrderedDict()
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._asking = tuple(threading.Lock() for _ in range(STRIPES))

    def wait_s(self, key: str) -> float:
        """Lets one request of a key through (0), or says how long it waits [s].

        One thread at a time asks for a key: were all of them to ask at once, each would take a slice, and
        sixteen requests would use up more than a burst.
        """
        known = self._kept(key)
        if known is not None:
            return known
        with self._asking[hash(key) % STRIPES]:
            known = self._kept(key)  # of whoever asked meanwhile
            return self._asked(key) if known is None else known

    def _kept(self, key: str) -> float | None:
        """The answer as far as this process has it; None where the database is to be asked."""
        now = self._clock()
        with self._lock:
            pocket = self._pockets.get(key)
            if pocket and now < pocket.until:
                if pocket.refused:
                    return pocket.until - now
                if pocket.left:
                    pocket.left -= 1
                    return 0
        return None

    def _asked(self, key: str) -> float:
        now = self._clock()
        if now < self._away_until:
            return self.alone.wait_s(key)
        try:
            granted, ahead_s = self._take(key)
        except (DatabaseError, InterfaceError) as error:
            log.warning("rates are counted by each process for itself: %s", type(error).__name__)
            self._away_until = now + AWAY_S
            return self.alone.wait_s(key)
        return self._keep(key, granted, ahead_s, now)

    def _take(self, key: str) -> tuple[int, float]:
        told: dict[str, str | float] = {
            "key": f"{self._of}:{key}"[:LONGEST_KEY],
            "slice": self._slice,
            "interval_s": self._interval_s,
            "burst_s": self._burst_s,
        }
        with connection.cursor() as cursor:
            cursor.execute(TAKE, told)
            granted, ahead_s = cursor.fetchone()
        return int(granted), float(ahead_s)

    def _keep(self, key: str, granted: int, ahead_s: float, now: float) -> float:
        wait_s = 0.0 if granted else max(0.001, ahead_s + self._interval_s - self._burst_s)
        with self._lock:
            known = self._pockets.get(key)
            rest = known.left if known and now < known.until else 0
            pocket = _Pocket(rest + granted - 1, now + BURST_S) if granted else _Pocket(0, now + wait_s, True)
            self._pockets[key] = pocket
            self._pockets.move_to_end(key)
            if len(self._pockets) > MOST_KEYS:
                self._pockets.popitem(last=False)
        return wait_s
