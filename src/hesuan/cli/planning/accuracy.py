"""The back-test as a picture: measured against forecast on logarithmic axes, lanes of ±10 % and ±25 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hesuan.cli.language import said
from hesuan.cli.planning import terminal
from hesuan.cli.planning.scene import Dot, Line, Scene, Text, legend
from hesuan.planner.calibrate import Observation

ROLES = ("compute", "tp", "optimizer", "ep", "cp", "pp", "dp", "data", "recompute", "good", "bubble")
LEFT, RIGHT, SIDE = 84.0, 876.0, 620.0
LANES = ((1.25, "line"), (1.1, "bubble"), (1.0, "ink"))


@dataclass(frozen=True, slots=True)
class Measured:
    """One number: what was measured and what is forecast, in one unit."""

    id: str
    about: str
    group: str
    observed: float
    predicted: float

    @classmethod
    def of(cls, one: Observation) -> Measured:
        """A training's step time."""
        return cls(one.id, f"{one.workload}, {one.plan}", one.chip_family, one.observed_s, one.predicted_s)


def draw(points: Sequence[Measured], unit: str) -> Scene:
    """One dot a number, coloured by group; a tip names row, plan and error."""
    scene = Scene(900, 800, said(en="Measured against forecast", zh="实测与预测"))
    scene.add(Text(24, 34, scene.title, 18, bold=True))
    counted = said(en=f"{len(points)} numbers", zh=f"{len(points)} 个数值")
    lanes = said(en="lanes: ±10 % and ±25 %", zh="两对线：±10% 与 ±25%")
    scene.add(Text(24, 56, f"{counted} · {unit} · {lanes}", 12, fill="muted"))
    usable = [one for one in points if one.observed > 0 and one.predicted > 0]
    if not usable:
        return scene
    groups = sorted({one.group for one in usable})
    roles = {group: ROLES[at % len(ROLES)] for at, group in enumerate(groups)}
    y = legend(scene, [(roles[group], group) for group in groups], 24, 84, 852)
    bottom = _plot(scene, usable, roles, y + 14)
    scene.add(Text(RIGHT, bottom + 38, said(en="measured", zh="实测"), 12, "end", "muted"))
    scene.add(Text(24, y - 4, said(en="forecast", zh="预测"), 12, fill="muted"))
    scene.height = bottom + 56
    return scene


def _plot(scene: Scene, points: Sequence[Measured], roles: dict[str, str], top: float) -> float:
    """Axes over whole decades, lanes, dots; returns the lower edge."""
    values = [value for one in points for value in (one.observed, one.predicted)]
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    bottom = top + SIDE

    def across(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (math.log10(value) - low) / (high - low)

    def upward(value: float) -> float:
        return bottom - SIDE * (math.log10(value) - low) / (high - low)

    for power in range(low, high + 1):
        at, label = 10.0**power, terminal.number(10.0**power, 1)
        scene.add(
            Line(across(at), top, across(at), bottom, "grid"),
            Line(LEFT, upward(at), RIGHT, upward(at), "grid"),
        )
        scene.add(Text(across(at), bottom + 17, label, 11, "middle", "muted"))
        scene.add(Text(LEFT - 8, upward(at) + 4, label, 11, "end", "muted"))
    first, last = 10.0**low, 10.0**high
    for factor, stroke in LANES:
        for ratio in {factor, 1 / factor}:
            start, end = max(first, first / ratio), min(last, last / ratio)
            scene.add(Line(across(start), upward(start * ratio), across(end), upward(end * ratio), stroke))
    for one in points:
        error = terminal.percent(one.predicted / one.observed - 1)
        tip = f"{one.id}: {one.about}: {error}"
        scene.add(Dot(across(one.observed), upward(one.predicted), 3.5, roles[one.group], tip=tip))
    return bottom
