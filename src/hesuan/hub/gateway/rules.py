"""Decisions of the gateway room on plain values: which of a batch of numbered messages are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

POLL_WINDOW = timedelta(minutes=5)
"""How far the time written in a poll may lie from the hub's clock, either way."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """What the decision needs of one message."""

    seq: int
    digest: str


@dataclass(frozen=True, slots=True)
class Accept:
    """Store the messages from this place in the batch on; those before were stored earlier, word for word."""

    first: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A number is missing before ``got``."""

    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Contradicts:
    """The message at this place says something else than the stored one of its number."""

    place: int


def decide(
    batch: Sequence[Numbered], *, last_seq: int, known: Mapping[int, str]
) -> Accept | Gap | Contradicts:
    """What to do with a batch, whole or not at all.

    Args:
        batch: In the order sent.
        last_seq: Number of the last stored message of this agent.
        known: Number → digest of the stored messages with the batch's numbers.

    The batch is consecutive and not empty. A contradiction says that somebody lost a spool or copied a key.
    """
    assert is_consecutive([message.seq for message in batch])
    for place, message in enumerate(batch):
        if message.seq in known and known[message.seq] != message.digest:
            return Contradicts(place)
    start, expected = batch[0].seq, last_seq + 1
    if start > expected:
        return Gap(expected=expected, got=start)
    return Accept(min(expected - start, len(batch)))


def is_consecutive(seqs: Sequence[int]) -> bool:
    """Whether numbers start at 1 or above and rise by one."""
    return bool(seqs) and seqs[0] >= 1 and list(seqs) == list(range(seqs[0], seqs[0] + len(seqs)))


def is_timely(at: datetime, now: datetime) -> bool:
    """Whether a poll was written near enough to now that it is not an old one played again."""
    return abs(now - at) <= POLL_WINDOW
