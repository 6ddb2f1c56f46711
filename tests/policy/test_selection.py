"""Who comes first: by time, by score, by tier, and by a lot that anybody can draw again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from hesuan.policy.selection import Entry, commitment, ranked

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENTRIES = [Entry(f"r{i}", NOON + timedelta(minutes=-i), Fraction(i % 4), tier=1 + i % 3) for i in range(30)]


def names(selection: str, seed: str = "") -> list[str]:
    return [one.id for one in ranked(selection, ENTRIES, seed=seed)]


def test_by_time_by_score_and_by_tier() -> None:
    assert names("fcfs") == [f"r{i}" for i in range(29, -1, -1)]
    assert [ENTRIES[int(name[1:])].score for name in names("scored")[:7]] == [3] * 7
    assert names("scored")[:2] == ["r27", "r23"], "of equals the earlier"
    assert [ENTRIES[int(name[1:])].tier for name in names("panel")] == [1] * 10 + [2] * 10 + [3] * 10


def test_a_lottery_draws_the_middle_tier_alone_and_the_same_again() -> None:
    drawn = names("tiered_lottery", "one")
    assert [ENTRIES[int(name[1:])].tier for name in drawn] == [1] * 10 + [2] * 10
    assert drawn == names("tiered_lottery", "one")
    other = names("tiered_lottery", "two")
    assert other[:10] == drawn[:10] and other[10:] != drawn[10:] and set(other) == set(drawn)


def test_every_place_of_the_draw_is_as_likely_as_another() -> None:
    """Over 2,000 seeds an entry of ten stands first 200 times, give or take 5 standard deviations (67)."""
    firsts = [names("tiered_lottery", str(seed))[10] for seed in range(2000)]
    assert all(133 <= firsts.count(name) <= 267 for name in set(firsts)) and len(set(firsts)) == 10


def test_a_seed_is_committed_to_and_needed() -> None:
    assert commitment("one") != commitment("two") and commitment("one").startswith("sha256:")
    for selection, entries in (
        ("tiered_lottery", ENTRIES),
        ("scored", [Entry("x", NOON)]),
        ("dice", ENTRIES),
    ):
        with pytest.raises(ValueError, match=r"seed|score|selection"):
            ranked(selection, entries)
