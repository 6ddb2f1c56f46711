"""Counters kept in memory: what has been decided so far, read back by key and window.

A platform keeps its counters in a ledger, under locks. A simulation, a test or the recomputation after a
credit note needs the same answers from a list of decisions; this is that list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from hesuan.policy.decision import Counters, Decision
from hesuan.policy.keys import Key, Needed

_Place = tuple[str, str, Key, str]
"""Kind, id, key, what is counted."""


class Book:
    """Every amount counted, by the day it was counted on."""

    def __init__(self) -> None:
        self._totals: dict[tuple[_Place, str], int] = defaultdict(int)
        """By window, for windows that are found by name."""
        self._days: dict[_Place, list[tuple[date, int]]] = defaultdict(list)
        """Day by day, for windows that roll."""

    def used(self, needed: Needed) -> int:
        """What a counter holds [fen]; a rolling window sums what lies inside, any other is found by name."""
        place = _place(needed)
        if rolls(needed):
            return sum(fen for day, fen in self._days.get(place, ()) if needed.window.holds(day))
        return self._totals.get((place, needed.window.name), 0)

    def counters(self, needs: Iterable[Needed], *, voucher_fen: int | None = None) -> Counters:
        """The counters that a decision asks for."""
        used: dict[str, dict[str, int]] = {"cap": {}, "budget": {}}
        for one in needs:
            used[one.kind][one.id] = self.used(one)
        return Counters(caps=used["cap"], budgets=used["budget"], voucher_fen=voucher_fen)

    def add(self, decision: Decision, on: date) -> None:
        """Counts what a decision gives."""
        for needed, fen in decision.counted:
            self.count(needed, fen, on)

    def count(self, needed: Needed, fen: int, on: date) -> None:
        """Counts one amount; a negative one takes back."""
        if rolls(needed):
            self._days[_place(needed)].append((on, fen))
        else:
            self._totals[_place(needed), needed.window.name] += fen

    def copy(self) -> Book:
        """The same entries, to be tried on."""
        other = Book()
        other._totals.update(self._totals)
        other._days.update({place: list(entries) for place, entries in self._days.items()})
        return other


def rolls(needed: Needed) -> bool:
    """Whether a counter's window moves with the day asked about."""
    return needed.window.name.startswith("rolling")


def _place(needed: Needed) -> _Place:
    return needed.kind, needed.id, needed.key, needed.counts
