"""The only door to the planner: what will this work take at that centre, and on what evidence?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hesuan.wire.canonical import Json


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """How long some work will take at one centre: an 80 % interval, its kind and its source."""

    low_ms: int
    mid_ms: int
    high_ms: int
    kind: str
    """``measured``, ``calibrated`` or ``assumed``."""
    source: str
    """What it rests on, in one English clause for documents."""
    app_digest: str | None
    """Of the app that was measured; ``None`` for a script."""
    units_per_s_milli: int | None
    """Thousandths of a work unit per second at this size; ``None`` for a script."""
    points_used: int
    reasons: tuple[Sentence, ...]
    """What it rests on and what it assumes, for people."""

    def document(self) -> dict[str, Json]:
        """The members a quote carries."""
        return {
            "low_ms": self.low_ms,
            "mid_ms": self.mid_ms,
            "high_ms": self.high_ms,
            "kind": self.kind,
            "source": self.source,
        }


def predict(*, centre_id: str, work: Mapping[str, Json]) -> Prediction | None:
    """Predicts a checked work order at one centre; ``None`` when there is no evidence (see ``absence``)."""
    raise NotImplementedError


def absence(*, centre_id: str, work: Mapping[str, Json]) -> Sentence:
    """Why ``predict`` gave ``None``."""
    raise NotImplementedError


def record_outcome(
    *, run_id: str, agent_id: str, work: Mapping[str, Json], app_digest: str, state: str, wall_ms: int
) -> bool:
    """A finished run becomes a measured point; ``False`` for scripts and for runs that did not complete."""
    raise NotImplementedError
