"""Which of a batch is new: the decision alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.hub.gateway.rules import Accept, Contradicts, Gap, Numbered, decide, is_consecutive, is_timely

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def batch(first: int, text: str) -> list[Numbered]:
    """``batch(3, "ab")``: message 3 saying a, message 4 saying b."""
    return [Numbered(first + i, letter) for i, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("sent", "stored", "decision"),
    [
        (batch(1, "a"), "", Accept(0)),
        (batch(1, "abc"), "", Accept(0)),
        (batch(1, "a"), "a", Accept(1)),
        (batch(1, "abc"), "ab", Accept(2)),
        (batch(2, "bc"), "abcd", Accept(2)),
        (batch(2, "b"), "", Gap(expected=1, got=2)),
        (batch(5, "e"), "ab", Gap(expected=3, got=5)),
        (batch(1, "x"), "a", Contradicts(0)),
        (batch(1, "axc"), "ab", Contradicts(1)),
    ],
)
def test_the_table_of_decisions(sent: list[Numbered], stored: str, decision: object) -> None:
    known = dict(enumerate(stored, 1))
    assert decide(sent, last_seq=len(stored), known=known) == decision


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 5)), max_size=40))
def test_any_sequence_of_batches_leaves_a_prefix_of_the_story(pieces: list[tuple[int, int]]) -> None:
    story = "abcdefghijklmnop"
    stored = ""
    for first, length in pieces:
        sent = batch(first, story[first - 1 : first - 1 + length])
        match decide(sent, last_seq=len(stored), known=dict(enumerate(stored, 1))):
            case Accept(first=new):
                stored += "".join(message.digest for message in sent[new:])
            case Gap(expected=expected, got=got):
                assert expected == len(stored) + 1 < got
            case Contradicts():
                raise AssertionError("one story never contradicts itself")
        assert story.startswith(stored)


def test_consecutive_starts_at_one_and_rises_by_one() -> None:
    assert is_consecutive([1, 2]) and is_consecutive([7])
    for bad in ([], [0], [0, 1], [1, 1], [2, 1], [1, 3]):
        assert not is_consecutive(bad)


def test_a_poll_is_timely_within_five_minutes_either_way() -> None:
    for minutes, timely in ((0, True), (5, True), (-5, True), (5.01, False), (-5.01, False)):
        assert is_timely(NOW + timedelta(minutes=minutes), NOW) is timely
