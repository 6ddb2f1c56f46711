"""A8, near: two claims of one programme that cost the same are one, unless each run has its own reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hesuan.surveillance.facts import Claim, Facts
from hesuan.surveillance.flags import Flag
from hesuan.surveillance.rules import judge

NOON = datetime(2026, 6, 15, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def flags(
    first: set[str], second: set[str], *, programme: str = "p", fen: int = 5_000_000, after: timedelta = DAY
) -> list[Flag]:
    """What is said of two claims of one firm that stand on these readings."""
    claims = (
        Claim("claim-1", "firm", "p", 5_000_000, NOON, readings=frozenset(first)),
        Claim("claim-2", "firm", programme, fen, NOON + after, readings=frozenset(second)),
    )
    return [one for one in judge(Facts(until=NOON + 9 * DAY, claims=claims)) if one.rule == "A8"]


@pytest.mark.parametrize(
    ("first", "second"),
    [({"a"}, {"a"}), ({"a", "b"}, {"b", "c"}), ({"a"}, set()), (set(), {"a"}), (set(), set())],
    ids=["one reading", "one of several", "second not metered", "first not metered", "neither metered"],
)
def test_what_meters_do_not_tell_apart_waits_for_a_person(first: set[str], second: set[str]) -> None:
    (found,) = flags(first, second)
    assert (found.subject, found.action, found.window) == ("claim:claim-2", "hold", "near")


def test_runs_with_readings_of_their_own_may_cost_the_same_on_one_day() -> None:
    assert flags({"a"}, {"b"}, after=timedelta(0)) == []
    assert flags({"a", "b"}, {"c"}) == []


def test_a_day_or_a_fen_further_apart_they_are_not_near() -> None:
    assert flags({"a"}, {"a"}, fen=5_050_000) and flags({"a"}, {"a"}, fen=5_050_001) == []
    assert flags({"a"}, {"a"}, after=2 * DAY) == []


def test_another_programmes_claim_is_near_whatever_its_meters_say() -> None:
    assert flags({"a"}, {"b"}, programme="q")
