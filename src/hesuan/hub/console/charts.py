"""Small drawings as plain SVG attributes: a predicted interval with what happened, a split amount, months.

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


MONTHS_HEIGHT = 120
"""Height of the columns' ground in the drawing's own units."""


@dataclass(frozen=True, slots=True)
class Column:
    """One month's column; what came back in sum has none."""

    name: str
    x: int
    middle: int
    y: int
    width: int
    height: int


def columns(amounts: list[tuple[str, int]]) -> list[Column]:
    """Columns side by side, to one scale; an amount that is not nothing stays visible."""
    highest = max((fen for _, fen in amounts), default=0)
    if highest <= 0:
        return []
    step = WIDTH // max(len(amounts), 6)
    found = []
    for place, (name, fen) in enumerate(amounts):
        height = max(2, MONTHS_HEIGHT * fen // highest) if fen > 0 else 0
        x = place * step + step // 5
        width = max(2, step - 2 * (step // 5))
        found.append(Column(name, x, x + width // 2, MONTHS_HEIGHT - height, width, height))
    return found
