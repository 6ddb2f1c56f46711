"""Who comes first, where there is not enough for all: four ways that published calls name.

``fcfs`` by the moment of submission; ``scored`` by score; ``panel`` by the panel's tiers;
``tiered_lottery`` as in the United Kingdom's open call: the first tier in order of score, the second in an
order drawn by lot, the third not at all. The lot is a hash over a seed and the request's id, so that
whoever knows the seed can draw it again; the office publishes a commitment to the seed (its hash) before
the call closes, and the seed afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

FIRST, DRAWN = 1, 2
"""Tiers of a lottery: funded in order of score; drawn by lot. Any other is not funded."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as far as its place depends on it; scores and tiers are people's."""

    id: str
    submitted_at: datetime
    score: Fraction | None = None
    tier: int | None = None


def ranked(selection: str, entries: Sequence[Entry], *, seed: str = "") -> tuple[Entry, ...]:
    """The entries that may be funded, first come first.

    Raises:
        ValueError: an entry lacks the score or tier the selection goes by, or a lottery has no seed.
    """
    by_time = sorted(entries, key=lambda one: (one.submitted_at, one.id))
    match selection:
        case "fcfs":
            return tuple(by_time)
        case "scored":
            return tuple(sorted(by_time, key=lambda one: -_score(one)))
        case "panel":
            return tuple(sorted(by_time, key=_tier))
        case "tiered_lottery":
            if not seed:
                raise ValueError("a lottery needs a seed that was committed to before it")
            first = sorted((one for one in by_time if _tier(one) == FIRST), key=lambda one: -_score(one))
            drawn = sorted((one for one in by_time if _tier(one) == DRAWN), key=lambda one: lot(seed, one.id))
            return (*first, *drawn)
    raise ValueError(f"no selection {selection}")


def lot(seed: str, entry: str) -> str:
    """The place of one entry in the draw: a hash nobody can steer without knowing the seed."""
    return hashlib.sha256(f"{len(seed)}:{seed}{entry}".encode()).hexdigest()


def commitment(seed: str) -> str:
    """What is published before the draw, so that the seed cannot be chosen after the entries are known."""
    return "sha256:" + hashlib.sha256(seed.encode()).hexdigest()


def _score(entry: Entry) -> Fraction:
    if entry.score is None:
        raise ValueError(f"{entry.id} has no score")
    return entry.score


def _tier(entry: Entry) -> int:
    if entry.tier is None:
        raise ValueError(f"{entry.id} has no tier")
    return entry.tier
