"""A rate for many keys, counted in this process: the generic cell rate algorithm.

Of each key one number is kept, the moment at which its requests so far would be used up at the even rate;
whoever is more than :data:`BURST_S` ahead of that waits.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

BURST_S = 6
"""How much of its even rate a key may use at once [s]."""
MOST_KEYS = 100_000
"""Keys kept in mind; the longest silent is forgotten first."""


class Gate:
    """One rate for many keys; see the module."""

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, most_keys: int = MOST_KEYS
    ) -> None:
        self.per_minute = per_minute
        self._interval_s = 60 / per_minute
        self._clock = clock
        self._most_keys = most_keys
        self._used_up_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        """Lets one request of a key through (0), or says how long it waits [s]; who waits is not counted."""
        with self._lock:
            now = self._clock()
            used_up_at = max(now, self._used_up_at.get(key, now))
            ahead_s = used_up_at + self._interval_s - now
            if ahead_s > max(BURST_S, self._interval_s):
                return ahead_s - max(BURST_S, self._interval_s)
            self._used_up_at[key] = used_up_at + self._interval_s
            self._used_up_at.move_to_end(key)
            if len(self._used_up_at) > self._most_keys:
                self._used_up_at.popitem(last=False)
            return 0
