"""Two small drawings as plain SVG attributes: a predicted interval with what happened, and a split amount.

No script and no inline style, so the content security policy holds; the numbers stand beside them as text.
"""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 640
"""Width of the drawing in its own units."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Positions on a time axis from zero to a little beyond the largest value."""

    low: int
    mid: int
    high: int
    span: int
    actual: int | None


def interval(low_ms: int, mid_ms: int, high_ms: int, actual_ms: int | None) -> Interval:
    """Places a predicted interval and the actual time on one axis that starts at zero."""
    largest = max(high_ms, actual_ms or 0, 1)
    scale = (WIDTH - 20) / (largest * 1.05)
    low, high = round(low_ms * scale), round(high_ms * scale)
    actual = None if actual_ms is None else round(actual_ms * scale)
    return Interval(low=low, mid=round(mid_ms * scale), high=high, span=max(2, high - low), actual=actual)


@dataclass(frozen=True, slots=True)
class Split:
    """Widths of two parts of one whole."""

    first: int
    second: int


def split(first: int, second: int) -> Split:
    """Widths for two amounts of one whole, to scale; a part that is not nothing stays visible."""
    whole = first + second
    if whole <= 0:
        return Split(0, 0)
    width = round(WIDTH * first / whole)
    if first:
        width = max(2, width)
    if second:
        width = min(WIDTH - 2, width)
    return Split(width, WIDTH - width)
