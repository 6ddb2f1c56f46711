"""A picture as plain shapes with the names of their colours; :mod:`.svg` and :mod:`.png` each write one.

The problem: one picture, two formats, both readable on light and on dark paper, Chinese and English.
The choice: shapes name a *role* (``ink``, ``compute``, ``bubble``), each writer knows the roles' colours.
Left aside: axes and legends as classes of their own; the few pictures here place their lines themselves.

Units: pixels, the origin at the top left, ``y`` downward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hesuan.cli.planning.terminal import columns_of, number

Anchor = Literal["start", "middle", "end"]

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b2330",
    "muted": "#5b6675",
    "line": "#c9d0d9",
    "grid": "#e8ebef",
    "compute": "#2f6fb7",
    "recompute": "#4d9de0",
    "tp": "#c4572b",
    "cp": "#b8860b",
    "ep": "#a23b72",
    "pp": "#7a5195",
    "dp": "#d1495b",
    "bubble": "#7d8794",
    "optimizer": "#3b8b6e",
    "data": "#6b8e23",
    "other": "#b4bcc5",
    "good": "#2e7d4f",
    "bad": "#b3261e",
    "faint": "#d7dde5",
}
"""Colour of each role on light paper; text roles reach a contrast of 4.5."""
DARK = {
    **LIGHT,
    "paper": "#14181f",
    "ink": "#eef1f5",
    "muted": "#a9b3c0",
    "line": "#4a5463",
    "grid": "#262d38",
    "compute": "#6aa9f0",
    "tp": "#f08a5d",
    "cp": "#e0b13a",
    "ep": "#e07ab0",
    "pp": "#b79ae0",
    "dp": "#f27a8a",
    "bubble": "#77818f",
    "recompute": "#9cc9f5",
    "optimizer": "#6cc3a0",
    "data": "#a9c65a",
    "other": "#8791a0",
    "good": "#6ccf93",
    "bad": "#ff8a80",
    "faint": "#343d4a",
}
"""The same on dark paper."""


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle; ``tip`` is shown when somebody points at it."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    stroke: str = "line"
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    fill: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; ``y`` is its base line."""

    x: float
    y: float
    text: str
    size: float = 13.0
    anchor: Anchor = "start"
    fill: str = "ink"
    bold: bool = False


Shape = Rect | Line | Dot | Text


@dataclass(slots=True)
class Scene:
    """A picture being drawn: its size, what it is called, and its shapes from back to front."""

    width: float
    height: float
    title: str
    description: str = ""
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Puts shapes in front of the others."""
        self.shapes.extend(shapes)


def text_width(text: str, size: float) -> float:
    """About how wide a text is [px]: wide characters one em, others 0.54 em, which errs on the wide side."""
    wide = columns_of(text) - len(text)
    return size * (wide + 0.54 * (len(text) - wide))


def shorten(text: str, size: float, room: float) -> str:
    """A text cut with an ellipsis so that it fits a width."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def ticks(highest: float, about: int = 5) -> list[float]:
    """Round values from zero to at least ``highest``: steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0 or not math.isfinite(highest):
        return [0.0, 1.0]
    rough = highest / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * at for at in range(math.ceil(highest / step - 1e-9) + 1)]


def tick_text(value: float, step: float) -> str:
    """A tick's number with as many decimals as its step needs."""
    if step >= 1:
        return f"{value:,.0f}"
    places = max(0, math.ceil(-math.log10(step) - 1e-9))
    return number(value) if places > 6 else f"{value:.{places}f}"


def legend(scene: Scene, entries: Sequence[tuple[str, str]], x: float, y: float, room: float) -> float:
    """Coloured squares with their names in rows; returns the ``y`` below the last row."""
    at = x
    for role, name in entries:
        width = 18 + text_width(name, 12) + 14
        if at + width > x + room and at > x:
            at, y = x, y + 20
        scene.add(Rect(at, y - 10, 11, 11, role), Text(at + 16, y, name, 12, fill="muted"))
        at += width
    return y + 20
