"""The worker: drains the agents' inbox, hands facts on, expires quotes, sequences the log."""

from __future__ import annotations

import threading


def tick() -> int:
    """One round; returns how many messages and facts were handled."""
    raise NotImplementedError


class Loop(threading.Thread):
    """The worker as a thread of the embedded hub: sleeps until woken or a second has passed."""

    def wake(self) -> None:
        """Asks for a round now."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ends after the round in progress."""
        raise NotImplementedError
