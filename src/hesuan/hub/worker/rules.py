"""When something that failed is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_WAIT_S = 1
LONGEST_WAIT_S = 600


def wait_after(attempts: int) -> timedelta:
    """How long to wait after a number of failures: 1 s, 2 s, 4 s … at most ten minutes; never for ever."""
    if attempts <= 0:
        return timedelta(0)
    return timedelta(seconds=min(FIRST_WAIT_S * 2 ** min(attempts - 1, 20), LONGEST_WAIT_S))


def is_due(*, since: datetime, attempts: int, now: datetime) -> bool:
    """Whether a message that failed some times may be tried again.

    The schedule is counted from its arrival, so that no time of the last try has to be kept: the waits after
    each failure so far must have passed since then.
    """
    waited = sum((wait_after(attempt) for attempt in range(1, min(attempts, 50) + 1)), timedelta(0))
    return now >= since + waited
