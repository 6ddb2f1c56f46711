"""Stacked bars for plans or offers side by side, and a scatter with its frontier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hesuan.cli.planning.parts import Part, total
from hesuan.cli.planning.scene import (
    LIGHT,
    Dot,
    Line,
    Rect,
    Scene,
    Text,
    legend,
    shorten,
    text_width,
    tick_text,
    ticks,
)

MARGIN, ROW = 24.0, 26.0
LABEL_ROOM = 390.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of stacked bars: a label, parts, and the figure at its end."""

    label: str
    parts: tuple[Part, ...]
    figure: str


@dataclass(frozen=True, slots=True)
class Point:
    """One dot of a scatter; a dot on the frontier is joined with the others there. No label: only a tip."""

    x: float
    y: float
    label: str
    tip: str
    on_frontier: bool = True


def edge(points: Sequence[Point]) -> list[Point]:
    """The points with those on the frontier that no other beats in both axes, the rest off it."""
    kept, lowest = set(), math.inf
    for at in sorted(range(len(points)), key=lambda at: (points[at].x, points[at].y)):
        if points[at].y < lowest:
            lowest = points[at].y
            kept.add(at)
    return [replace(one, on_frontier=at in kept) for at, one in enumerate(points)]


def stacked(scene: Scene, bars: Sequence[Bar], *, top: float, unit: str, scale: float = 1.0) -> float:
    """Draws the bars and their legend; returns where they end."""
    names = {part.role: part.name for bar in bars for part in bar.parts}
    roles = [(role, names[role]) for role in LIGHT if role in names]
    y = legend(scene, roles, MARGIN, top, scene.width - 2 * MARGIN) + 8
    left = MARGIN + min(max(text_width(bar.label, 12) for bar in bars), LABEL_ROOM) + 12
    right = scene.width - MARGIN - max(text_width(bar.figure, 12) for bar in bars) - 12
    marks = ticks(max(total(bar.parts) for bar in bars) * scale)
    bottom = y + ROW * len(bars)
    for mark in marks:
        x = left + (right - left) * mark / marks[-1]
        scene.add(Line(x, y, x, bottom, "grid"))
        scene.add(Text(x, bottom + 17, tick_text(mark, marks[1]), 11, "middle", "muted"))
    scene.add(Text(right + 12, bottom + 17, unit, 11, "start", "muted"))
    for at, bar in enumerate(bars):
        _bar(scene, bar, left, (right - left) * scale / marks[-1], y + ROW * at)
    return bottom + 40


def _bar(scene: Scene, bar: Bar, left: float, px: float, y: float) -> None:
    scene.add(Text(MARGIN, y + 17, shorten(bar.label, 12, LABEL_ROOM), 12))
    x = left
    for part in bar.parts:
        width = part.value * px
        scene.add(Rect(x, y + 5, width, ROW - 9, part.role, tip=f"{bar.label}: {part.name}"))
        x += width
    scene.add(Text(scene.width - MARGIN, y + 17, bar.figure, 12, "end", "muted"))


def scatter(
    scene: Scene, points: Sequence[Point], *, top: float, height: float, x_title: str, y_title: str
) -> float:
    """Draws points over two axes that start at zero; returns where the drawing ends."""
    left, right = MARGIN + 64, scene.width - MARGIN - 20
    bottom = top + height
    x_marks, y_marks = ticks(max(p.x for p in points)), ticks(max(p.y for p in points))

    def place(point: Point) -> tuple[float, float]:
        return (
            left + (right - left) * point.x / x_marks[-1],
            bottom - height * point.y / y_marks[-1],
        )

    for mark in x_marks:
        x = left + (right - left) * mark / x_marks[-1]
        scene.add(Line(x, top, x, bottom, "grid"))
        scene.add(Text(x, bottom + 17, tick_text(mark, x_marks[1]), 11, "middle", "muted"))
    for mark in y_marks:
        y = bottom - height * mark / y_marks[-1]
        scene.add(Line(left, y, right, y, "grid"))
        scene.add(Text(left - 8, y + 4, tick_text(mark, y_marks[1]), 11, "end", "muted"))
    scene.add(Text(MARGIN, top - 12, y_title, 12, fill="muted"))
    scene.add(Text(right, bottom + 36, x_title, 12, "end", "muted"))
    _dots(scene, [(point, *place(point)) for point in points])
    return bottom + 52


def _dots(scene: Scene, placed: Sequence[tuple[Point, float, float]]) -> None:
    """Others below, the frontier's line and dots above; a label where it hits no other label."""
    front = sorted((one for one in placed if one[0].on_frontier), key=lambda one: (one[1], -one[2]))
    for point, x, y in placed:
        if not point.on_frontier:
            scene.add(Dot(x, y, 4, "other", tip=point.tip))
    for (_, x1, y1), (_, x2, y2) in pairwise(front):
        scene.add(Line(x1, y1, x2, y2, "compute", 1.5))
    taken = [(x - 5, y - 5, x + 5, y + 5) for _, x, y in placed]
    for point, x, y in [*front, *(one for one in placed if not one[0].on_frontier)]:
        if point.on_frontier:
            scene.add(Dot(x, y, 5, "compute", tip=point.tip))
        if point.label:
            _label(scene, point, x, y, taken)


def _label(
    scene: Scene, point: Point, x: float, y: float, taken: list[tuple[float, float, float, float]]
) -> None:
    """Beside the dot where it hits nothing, else not at all: the tip still says it."""
    width = text_width(point.label, 11)
    for dx, dy in ((9.0, 4.0), (9.0, -8.0), (9.0, 17.0), (-9.0 - width, -8.0), (-9.0 - width, 17.0)):
        box = (x + dx, y + dy - 11, x + dx + width, y + dy + 3)
        inside = box[0] > MARGIN + 64 and box[2] < scene.width - 4
        if inside and all(
            box[2] < one[0] or box[0] > one[2] or box[3] < one[1] or box[1] > one[3] for one in taken
        ):
            taken.append(box)
            scene.add(Text(x + dx, y + dy, point.label, 11, fill="ink" if point.on_frontier else "muted"))
            return
