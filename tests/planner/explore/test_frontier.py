"""The frontier and the archive against their definitions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hesuan.planner.explore.frontier import Archive, frontier

ROWS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(0, 6)), min_size=1, max_size=40)


def _columns(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    time_s, cards, slack = (np.array(column) for column in zip(*rows, strict=True))
    return time_s.astype(float), cards, slack


def _covers(other: tuple[int, int, int], one: tuple[int, int, int]) -> bool:
    return other[0] <= one[0] and other[1] <= one[1] and other[2] >= one[2]


@given(ROWS)
def test_the_frontier_is_what_nothing_else_equals_or_beats(rows: list[tuple[int, int, int]]) -> None:
    found = set(frontier(*_columns(rows)).tolist())
    for at, one in enumerate(rows):
        beaten = any(_covers(other, one) and (other != one or place < at) for place, other in enumerate(rows))
        assert (at in found) == (not beaten)


@given(ROWS, ROWS)
def test_the_archive_beats_only_what_is_strictly_later(
    known: list[tuple[int, int, int]], asked: list[tuple[int, int, int]]
) -> None:
    archive = Archive()
    half = len(known) // 2
    for part in (known[:half], known[half:]):
        if part:
            archive.add(*_columns(part))
    beaten = archive.beats(*_columns(asked))
    for one, answer in zip(asked, beaten.tolist(), strict=True):
        assert answer == any(_covers(other, one) and other[0] < one[0] for other in known)
