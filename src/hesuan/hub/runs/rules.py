"""A run's states: which report moves it. Pure, and the same whatever the order in which reports arrive.

Reports of one run can come late, twice and out of order (a spool re-sends, two workers race). The state is
therefore not "what came last" but a maximum over all reports: a final state beats every other, and among
the others the one with the later time stands. A maximum does not care about order or repetition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

FINAL = frozenset({"COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED", "REFUSED"})
UNSTARTED = frozenset({"REFUSED"})
"""Final states that nothing ran under: no usage will ever be reported."""
ORDER = {"CREATED": 0, "SUBMITTED": 1, "RUNNING": 2, "UNKNOWN": 3}
"""Of two reports with the same time, the later in this order stands."""
REPORTED = frozenset(ORDER) - {"CREATED"} | FINAL
"""States that an agent may report."""


@dataclass(frozen=True, slots=True)
class Report:
    """A state and the time at which it was so, by the site's clock."""

    state: str
    at: datetime


def is_final(state: str) -> bool:
    """Whether a run in this state has ended for good. UNKNOWN is not final."""
    return state in FINAL


def moves(current: Report, reported: Report) -> bool:
    """Whether a report moves the run from where it stands.

    The first final state sticks, even against another final one: a contradiction is for people to see,
    not for the last speaker to win.
    """
    assert reported.state in REPORTED
    if is_final(current.state):
        return False
    if is_final(reported.state):
        return True
    return (reported.at, ORDER[reported.state]) > (current.at, ORDER[current.state])


def contradicts(current: str, reported: str) -> bool:
    """Whether a second final state says otherwise than the first."""
    return is_final(current) and is_final(reported) and current != reported
