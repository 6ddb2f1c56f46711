"""The frontier: plans that nothing else beats in time, cards and memory slack at once.

Money needs no column of its own: at one price per card-hour it is cards (with spares) × time × a constant,
so whoever is not worse in time and in cards is not worse in money. Where power is priced as well, a plan that
waits more may draw a little less; the frontier leaves that aside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def frontier(time_s: Floats, cards: Ints, slack: Ints) -> Ints:
    """Rows that no other row beats or equals; of equal rows the first stands.

    Args:
        time_s: Less is better ``[plan]``.
        cards: Less is better ``[plan]``.
        slack: More is better ``[plan]``, whole steps.

    Returns:
        Row numbers in order of time. ``O(n log n)`` for each distinct number of cards.
    """
    order = np.lexsort((np.arange(len(time_s)), -slack, cards, time_s))
    ordered_cards, ordered_slack = cards[order], slack[order]
    beaten = np.zeros(len(order), dtype=bool)
    for count in np.unique(cards):
        fitting = np.where(ordered_cards <= count, ordered_slack, np.iinfo(np.int64).min)
        before = np.empty_like(fitting)
        before[:1] = np.iinfo(np.int64).min
        np.maximum.accumulate(fitting[:-1], out=before[1:])
        beaten |= (ordered_cards == count) & (before >= ordered_slack)
    return order[~beaten]


class Archive:
    """What has been evaluated so far, as one staircase for each number of cards: slack reached by a time.

    ``beats`` asks for a strictly earlier time, so a row that would only tie is never cut and the first row
    of a tie is the same with and without bounds.
    """

    def __init__(self) -> None:
        self._stairs: dict[int, tuple[Floats, Ints]] = {}

    def add(self, time_s: Floats, cards: Ints, slack: Ints) -> None:
        """Takes in evaluated rows."""
        for count in np.unique(cards):
            mine = cards == count
            old = self._stairs.get(int(count), (np.empty(0), np.empty(0, dtype=np.int64)))
            times = np.concatenate((old[0], time_s[mine]))
            slacks = np.concatenate((old[1], slack[mine]))
            order = np.lexsort((-slacks, times))
            times, slacks = times[order], slacks[order]
            reached = np.maximum.accumulate(slacks)
            rises = np.ones(len(slacks), dtype=bool)
            rises[1:] = slacks[1:] > reached[:-1]
            self._stairs[int(count)] = (times[rises], slacks[rises])

    def beats(self, bound_s: Floats, cards: Ints, slack: Ints) -> Mask:
        """Rows that some evaluated row beats even at their bound: earlier, no more cards, no less slack."""
        beaten = np.zeros(len(bound_s), dtype=bool)
        for count, (times, slacks) in self._stairs.items():
            at = np.searchsorted(times, bound_s, side="left") - 1
            reached = np.where(at >= 0, slacks[np.maximum(at, 0)], np.iinfo(np.int64).min)
            beaten |= (cards >= count) & (reached >= slack)
        return beaten
