"""A bell between the gateway and a worker in the same process: rung when messages have been committed.

It carries nothing and promises nothing. A worker in another process does not hear it; a worker that misses
it sweeps the inbox within its second. The inbox is the truth, the bell saves waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Bell:
    """Rings once for any number of rings that nobody has waited for yet."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls ``listener`` at every ring, in the ringer's thread: it must be quick and must not raise."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def ring(self) -> None:
        """Something arrived."""
        self._event.set()
        for listener in self._listeners:
            listener()

    def wait(self, timeout_s: float) -> bool:
        """Waits for a ring since the last wait; ``False`` when the time ran out."""
        rung = self._event.wait(timeout_s)
        self._event.clear()
        return rung


ARRIVALS = Bell()
