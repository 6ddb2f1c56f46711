"""A run's cumulative counter (T18): what was held so far, told again and again, decided on plain values.

A meter never says how much more; it says how much by now. So a reading that comes twice, late or never harms
nothing: the latest that arrived says it all. The counter goes back only when it begins anew (a machine that
rebooted, another agent in the place of one that is gone), and then a signed *re-base* has to say where it
stood and where it stands. Without one nothing is settled: whether the rest is lost time or a false reading,
no program can know.

The set of readings decides, not the order in which they came: they are put in order by their number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One word of the meter about its run, numbered by the meter from 1."""

    seq: int
    counter_ms: int
    """Held so far, by the counter as it runs now [ms]; of a re-base, where it begins anew."""
    before_ms: int | None = None
    """Of a re-base: where the counter stood at last [ms]."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A reading that the ones before it contradict."""

    seq: int
    at_least_ms: int
    """Where the counter stood already [ms]."""
    counter_ms: int


@dataclass(frozen=True, slots=True)
class Metered:
    """What a set of readings comes to."""

    total_ms: int
    """Held by the latest reading, over all re-bases [ms]."""
    faults: tuple[Fault, ...]
    """Empty: the readings agree with each other."""


def metered(readings: Iterable[Reading]) -> Metered:
    """Adds up the counter's stretches between re-bases: the last less the first of each.

    A reading below the one before it counts for nothing and is a fault; so is a re-base that puts the counter
    back below what it had shown.
    """
    done_ms, begun_ms, last_ms = 0, 0, 0
    faults = []
    for one in sorted(readings, key=lambda row: row.seq):
        shown_ms = one.counter_ms if one.before_ms is None else one.before_ms
        if shown_ms < last_ms:
            faults.append(Fault(one.seq, last_ms, shown_ms))
        if one.before_ms is not None:
            done_ms += max(shown_ms, last_ms) - begun_ms
            begun_ms = last_ms = one.counter_ms
        else:
            last_ms = max(shown_ms, last_ms)
    return Metered(done_ms + last_ms - begun_ms, tuple(faults))
