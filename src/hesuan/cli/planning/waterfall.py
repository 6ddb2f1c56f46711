"""A waterfall: each part of a whole starts where the one before ended; on a terminal and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hesuan.cli.language import said
from hesuan.cli.planning import terminal
from hesuan.cli.planning.parts import Part, total
from hesuan.cli.planning.scene import Line, Rect, Scene, Text, shorten, text_width, tick_text, ticks

Shown = Callable[[float], str]

ROW, TOP, MARGIN = 26.0, 40.0, 24.0


def lines(parts: Sequence[Part], shown: Shown, width: int, left: Sequence[str] = ()) -> list[str]:
    """Name, figure, share, what is ``left`` of something after it, and bar of each part; the whole below."""
    whole = total(parts) or 1.0
    name_width = max(terminal.columns_of(part.name) for part in parts)
    figure_width = max(terminal.columns_of(shown(value)) for value in (whole, *(p.value for p in parts)))
    remarks = list(left) or [""] * len(parts)
    remark_width = max(map(terminal.columns_of, remarks))
    bar_width = max(12, width - name_width - figure_width - remark_width - 18)
    found, done = [], 0.0
    for part, remark in zip(parts, remarks, strict=True):
        share = part.value / whole
        figure = terminal.pad(shown(part.value), figure_width, "right")
        found.append(
            f"  {terminal.pad(part.name, name_width)}  {figure}"
            f"  {terminal.percent(share):>7}  {remark:>{remark_width}}  "
            f"{terminal.bar(done, share, bar_width)}"
        )
        done += share
    word = terminal.pad(said(en="together", zh="合计"), name_width)
    found.append(f"  {word}  {terminal.pad(shown(whole), figure_width, 'right')}  {'100.0 %':>7}")
    return found


def draw(
    scene: Scene,
    parts: Sequence[Part],
    shown: Shown,
    *,
    top: float,
    unit: str,
    scale: float = 1.0,
    limit: tuple[float, str] | None = None,
    interval: tuple[float, float] | None = None,
) -> float:
    """Draws one waterfall from ``top`` downward over the scene's width; returns where it ends.

    ``scale`` turns a value into the axis' ``unit``; ``limit`` is a vertical line with its name (a card's
    memory); ``interval`` is drawn below the bars around their end.
    """
    names = min(max(text_width(part.name, 13) for part in parts), 240.0)
    figures = max(text_width(f"{shown(part.value)} · 100.0 %", 12) for part in parts)
    left, right = MARGIN + names + 14, scene.width - MARGIN - figures - 12
    whole = total(parts)
    highest = max(whole, *(interval or (0.0,)), limit[0] if limit else 0.0)
    marks = ticks(highest * scale)
    per_px = marks[-1] / (right - left)

    def across(value: float) -> float:
        return left + value * scale / per_px

    bottom = top + ROW * len(parts) + (ROW if interval else 0)
    _axis(scene, marks, unit, (left, right), (top, bottom))
    done = 0.0
    for at, part in enumerate(parts):
        figure = f"{shown(part.value)} · {terminal.percent(part.value / whole if whole else 0.0)}"
        _row(scene, part, figure, (across(done), across(done + part.value)), top + ROW * at)
        done += part.value
    if interval:
        _whisker(scene, whole, interval, across, top + ROW * (len(parts) + 0.5))
    if limit:
        x = across(limit[0])
        scene.add(Line(x, top - 6, x, bottom, "bad", 1.5, dashed=True))
        scene.add(Text(x, top - 10, limit[1], 12, "end" if x > right - 60 else "middle", "bad"))
    return bottom + 42


def _axis(
    scene: Scene, marks: Sequence[float], unit: str, sides: tuple[float, float], span: tuple[float, float]
) -> None:
    (left, right), (top, bottom) = sides, span
    for mark in marks:
        x = left + (right - left) * mark / marks[-1]
        scene.add(Line(x, top, x, bottom, "grid"))
        scene.add(Text(x, bottom + 17, tick_text(mark, marks[1] - marks[0]), 11, "middle", "muted"))
    scene.add(Text(right + 12, bottom + 17, unit, 11, "start", "muted"))


def _row(scene: Scene, part: Part, figure: str, xs: tuple[float, float], y: float) -> None:
    start, end = xs
    scene.add(Text(MARGIN, y + 17, shorten(part.name, 13, 240), 13))
    scene.add(Rect(start, y + 5, max(end - start, 1.0), ROW - 9, part.role, tip=f"{part.name}: {figure}"))
    scene.add(Text(scene.width - MARGIN, y + 17, figure, 12, "end", "muted"))


def _whisker(
    scene: Scene, whole: float, interval: tuple[float, float], across: Callable[[float], float], y: float
) -> None:
    low, high = across(interval[0]), across(interval[1])
    scene.add(Text(MARGIN, y + 4, said(en="80 % interval", zh="80% 区间"), 13))
    scene.add(Line(low, y, high, y, "ink", 2))
    for x in (low, high):
        scene.add(Line(x, y - 5, x, y + 5, "ink", 2))
    scene.add(Rect(across(whole) - 2, y - 5, 4, 10, "ink"))
