"""When a failed message is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.hub.worker.rules import LONGEST_WAIT_S, is_due, wait_after

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "wait_s"), [(0, 0), (1, 1), (2, 2), (3, 4), (10, 512), (11, 600), (10**6, 600)]
)
def test_the_wait_doubles_up_to_ten_minutes(attempts: int, wait_s: int) -> None:
    assert wait_after(attempts) == timedelta(seconds=wait_s)


def test_a_fresh_message_is_due_at_once() -> None:
    assert is_due(since=NOON, attempts=0, now=NOON)


def test_after_two_failures_three_seconds_must_have_passed() -> None:
    assert not is_due(since=NOON, attempts=2, now=NOON + timedelta(seconds=2.9))
    assert is_due(since=NOON, attempts=2, now=NOON + timedelta(seconds=3))


@given(st.integers(0, 10**6))
def test_nothing_is_given_up_for_ever(attempts: int) -> None:
    assert is_due(since=NOON, attempts=attempts, now=NOON + timedelta(seconds=51 * LONGEST_WAIT_S))
