"""A figure shown to people has a value, a unit, a kind and a source; without them it is not shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Where a figure's weight comes from, strongest first."""

    MEASURED = "measured"
    """Observed on the machine it speaks of."""
    CALIBRATED = "calibrated"
    """A model's answer, fitted to measurements of that machine."""
    ESTIMATED = "estimated"
    """A model's answer from published or assumed inputs."""
    PUBLISHED = "published"
    """Stated by somebody else, with an address."""
    ASSUMED = "assumed"
    """Nobody has shown it; it stands so that the reader can disagree."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its unit, an optional 80 % interval in the same unit, and why one may believe it."""

    value: float
    unit: str
    kind: Kind
    source: str
    low: float | None = None
    high: float | None = None
