"""The report as a picture: measured against forecast, both logarithmic, with the ±10 % and ±25 % lanes.
Plain SVG.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from hesuan.planner.calibrate.observation import Observation

Place = Callable[[float, float], tuple[float, float]]
WIDTH, HEIGHT, MARGIN = 760, 560, 60
COLOURS = ("#1f6f8b", "#c8553d", "#588157", "#8d6cab", "#b08900", "#444444", "#d0679d", "#3d7ea6", "#7a5c3e")


def svg_of(observations: Sequence[Observation]) -> str:
    """One point a run, coloured by chip family, filled for dense and hollow for MoE; a title on each names
    the row.
    """
    if not observations:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"/>\n'
    times = [t for o in observations for t in (o.observed_s, o.predicted_s)]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    high = max(high, low + 1)

    def place(log: float, size: int, *, flip: bool) -> float:
        share = (log - low) / (high - low)
        return size - MARGIN - share * (size - 2 * MARGIN) if flip else MARGIN + share * (size - 2 * MARGIN)

    def at(observed: float, predicted: float) -> tuple[float, float]:
        return (
            place(math.log10(observed), WIDTH, flip=False),
            place(math.log10(predicted), HEIGHT, flip=True),
        )

    families = sorted({o.chip_family for o in observations})
    parts = [_open(), *_lanes(at, low, high), *_ticks(at, low, high)]
    parts += [
        _point(o, at(o.observed_s, o.predicted_s), COLOURS[families.index(o.chip_family) % len(COLOURS)])
        for o in observations
    ]
    parts += [_legend(index, name) for index, name in enumerate(families)]
    return "\n".join([*parts, "</svg>", ""])


def _open() -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">measured step time [s]</text>'
        f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})">'
        "forecast step time [s]</text>"
    )


def _lanes(at: Place, low: int, high: int) -> list[str]:
    drawn = []
    for factor, stroke in ((1.25, "#e3e3e3"), (1.1, "#c4c4c4"), (1.0, "#555555")):
        for ratio in {factor, 1 / factor}:
            start, end = max(10.0**low, 10.0**low / ratio), min(10.0**high, 10.0**high / ratio)
            (x1, y1), (x2, y2) = at(start, start * ratio), at(end, end * ratio)
            drawn.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>')
    return drawn


def _ticks(at: Place, low: int, high: int) -> list[str]:
    drawn = []
    for power in range(low, high + 1):
        x, _ = at(10.0**power, 10.0**low)
        _, y = at(10.0**low, 10.0**power)
        label = f"{10.0**power:g}"
        drawn.append(f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{label}</text>')
        drawn.append(f'<text x="{MARGIN - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    return drawn


def _point(one: Observation, place: tuple[float, float], colour: str) -> str:
    fill = "none" if one.moe else colour
    error = one.predicted_s / one.observed_s - 1
    title = escape(f"{one.id}: {one.workload}, {one.plan}: {error:+.1%}")
    return (
        f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="3.4" fill="{fill}" fill-opacity="0.75" '
        f'stroke="{colour}"><title>{title}</title></circle>'
    )


def _legend(index: int, name: str) -> str:
    y = MARGIN + 16 * index
    colour = COLOURS[index % len(COLOURS)]
    return (
        f'<circle cx="{MARGIN + 14}" cy="{y}" r="4" fill="{colour}"/>'
        f'<text x="{MARGIN + 24}" y="{y + 4}">{escape(name)}</text>'
    )
