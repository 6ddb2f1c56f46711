"""How long a packaged application takes: a line through measured points, with an honest interval.

The problem: an offering carries a handful of measured runs of an app, ``(units, wall_ms)``, and somebody asks
about a size nobody ran. The choice: two numbers with a meaning, start-up and time per unit, neither negative,
fitted so that one disturbed run does not bend the line; and an 80 % prediction interval for *one* next run.

Model: ``wall = startup + per_unit * units``, with a spread proportional to the expected time (constant
coefficient of variation). Fit: weighted least squares, weights ``1 / scale(units)^2`` with
``scale = max(expected wall, SCALE_FLOOR_MS)``, times Huber's weights once there are enough points to tell an
outlier from a slope. Interval: ``mid ± t(0.90, v) * s * sqrt(scale^2 + x (X'WX)^-1 x')``, ``v`` the residual
degrees of freedom, ``s`` the relative residual standard deviation, never below ``SPREAD_FLOOR`` (and
``SPREAD_ASSUMED`` while ``v < 3``: two points always lie on a line); beyond the measured sizes it widens by
``SPREAD_PER_DOUBLING`` of the expected time for each doubling. What is assumed is listed in every answer.

Left aside: curved models (an app whose time is not linear in its work unit has the wrong work unit), and
pooling over core counts (speed-up is not known until it is measured).

Sources: N. R. Draper, H. Smith, Applied Regression Analysis, 3rd ed. 1998, sections 3.1 (prediction interval)
and 9.2 (weights); P. J. Huber, Robust Statistics, 1981, section 7.8 (weights, MAD scale); Student's t
quantiles: NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2, column 0.90.
The symbols with their units: ``docs/model/application.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hesuan.errors import Refused, declare
from hesuan.figures import Kind

SCALE_FLOOR_MS = 100.0
"""Below this expected time the spread no longer shrinks with it: starting a process varies by itself [ms]."""
SPREAD_FLOOR = 0.02
"""No machine repeats itself better than this [share of expected time]; assumed."""
SPREAD_ASSUMED = 0.10
"""Spread while too few points show one [share of expected time]; assumed."""
SPREAD_PER_DOUBLING = 0.10
"""Added half-width for each doubling beyond the measured sizes [share of expected time]; assumed."""
FEWEST_DEGREES = 3
"""Residual degrees of freedom from which the residuals themselves tell the spread."""
ROBUST_FROM_POINTS = 6
"""Fewer points cannot tell an outlier from a slope."""
MEASURED_FROM_POINTS = 3
"""Two points make the line, the third could have contradicted it."""
HUBER_K = 2.5
"""Residuals within this many robust standard deviations keep full weight."""
MAD_TO_SIGMA = 1.4826
ROUNDS = 30

T_90 = (
    *(3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372),
    *(1.363, 1.356, 1.350, 1.345, 1.341, 1.337, 1.333, 1.330, 1.328, 1.325),
    *(1.323, 1.321, 1.319, 1.318, 1.316, 1.315, 1.314, 1.313, 1.311, 1.310),
)
"""Quantile 0.90 of Student's t for 1 to 30 degrees of freedom: 10 % lies above, 10 % below minus it."""
T_90_BEYOND = 1.310
"""For more than 30; the limit is 1.282, so this errs on the wide side by at most 2 %."""

ONE_SIZE = declare(
    "planner.one_size",
    en="{points} points of {sizes} size(s) cannot tell start-up from work; two sizes are needed.",
    zh="{points} 个测点只有 {sizes} 种规模，无法区分启动时间与工作时间；至少需要两种规模。",
)
NOT_A_POINT = declare(
    "planner.not_a_point",
    en="A point of {units} units in {wall_ms} ms cannot be: both are at least 1.",
    zh="{units} 个单位用时 {wall_ms} 毫秒的测点不成立：两者均须不小于 1。",
)


class Assumption(StrEnum):
    """What an answer takes for granted, beyond what was measured."""

    LINEAR = "linear"
    """Time grows in proportion to work after a fixed start-up."""
    SAME_LOAD = "same_load"
    """The machine is as busy as when it was measured."""
    SPREAD_UNKNOWN = "spread_unknown"
    """Too few points: a spread of ``SPREAD_ASSUMED`` stands in."""
    BEYOND_MEASURED = "beyond_measured"
    """The size lies outside what was measured."""
    OUTLIERS_WEIGHED_DOWN = "outliers_weighed_down"
    """At least one measured run was far off the others and counts less."""


@dataclass(frozen=True, slots=True)
class AppPoint:
    """One measured run: work units done and wall time [ms], both at least 1."""

    units: int
    wall_ms: int


@dataclass(frozen=True, slots=True)
class AppModel:
    """The fitted line and what is needed to say how far it may be trusted."""

    startup_ms: float
    ms_per_unit: float
    spread: float
    """Relative standard deviation of one run, floors applied [share of expected time]."""
    spread_observed: float
    """The same from the residuals alone."""
    degrees: int
    """Residual degrees of freedom."""
    covariance: tuple[tuple[float, float], tuple[float, float]]
    """``(X'WX)^-1`` over (start-up, per unit); a parameter held at zero has zeros."""
    points: int
    smallest_units: int
    largest_units: int
    weighed_down: int
    """How many points count less than fully."""

    def expected_ms(self, units: float) -> float:
        """Expected wall time of one run [ms]."""
        return self.startup_ms + self.ms_per_unit * units


@dataclass(frozen=True, slots=True)
class AppForecast:
    """An 80 % interval for the wall time of one next run, as integers for documents."""

    low_ms: int
    mid_ms: int
    high_ms: int
    units_per_s_milli: int
    """Thousandths of a work unit per second at this size, start-up included."""
    kind: Kind
    points_used: int
    assumed: tuple[Assumption, ...]


def fit(points: Sequence[AppPoint]) -> AppModel:
    """Fits start-up and time per unit, both at least zero, to points of one app, machine and core count.

    Raises:
        Refused: ``planner.one_size`` with fewer than two sizes, ``planner.not_a_point``.
    """
    _check(points)
    units = np.array([point.units for point in points], dtype=np.float64)
    wall_ms = np.array([point.wall_ms for point in points], dtype=np.float64)
    line, trust = _robust_line(units, wall_ms)
    scale = _scale(line, units)
    weights = trust / scale**2
    free = line > 0
    degrees = len(points) - int(free.sum())
    residuals = (wall_ms - line[0] - line[1] * units) / scale
    observed = math.sqrt(float((trust * residuals**2).sum()) / degrees) if degrees else 0.0
    floor = SPREAD_FLOOR if degrees >= FEWEST_DEGREES else SPREAD_ASSUMED
    return AppModel(
        startup_ms=float(line[0]),
        ms_per_unit=float(line[1]),
        spread=max(observed, floor),
        spread_observed=observed,
        degrees=degrees,
        covariance=_covariance(units, weights, free),
        points=len(points),
        smallest_units=int(units.min()),
        largest_units=int(units.max()),
        weighed_down=int((trust < 1).sum()),
    )


def forecast(model: AppModel, units: int) -> AppForecast:
    """The 80 % prediction interval for one run of ``units`` (at least 1)."""
    assert units >= 1
    low_ms, mid_ms, high_ms = _interval_ms(model, units)
    whole_mid_ms = max(1, round(mid_ms))
    return AppForecast(
        low_ms=min(whole_mid_ms, max(0, math.floor(low_ms))),
        mid_ms=whole_mid_ms,
        high_ms=max(whole_mid_ms, math.ceil(high_ms)),
        units_per_s_milli=units * 1_000_000 // whole_mid_ms,
        kind=_kind(model, units),
        points_used=model.points,
        assumed=_assumed(model, units),
    )


def t_90(degrees: int) -> float:
    """Quantile 0.90 of Student's t; below ``FEWEST_DEGREES`` that of ``FEWEST_DEGREES``.

    With fewer the spread is assumed, not estimated, so the table's huge factors would punish it twice.
    """
    at = max(degrees, FEWEST_DEGREES)
    return T_90[at - 1] if at <= len(T_90) else T_90_BEYOND


Vector = NDArray[np.float64]


def _check(points: Sequence[AppPoint]) -> None:
    for point in points:
        if point.units < 1 or point.wall_ms < 1:
            raise Refused(NOT_A_POINT, units=point.units, wall_ms=point.wall_ms)
    sizes = len({point.units for point in points})
    if sizes < 2:
        raise Refused(ONE_SIZE, points=len(points), sizes=sizes)


def _robust_line(units: Vector, wall_ms: Vector) -> tuple[Vector, Vector]:
    """(start-up, per unit) and each point's trust in 0…1, by reweighting until nothing moves."""
    trust = np.ones_like(units)
    line = _line(units, wall_ms, 1 / wall_ms**2)
    for _ in range(ROUNDS):
        scale = _scale(line, units)
        residuals = np.abs(wall_ms - line[0] - line[1] * units) / scale
        trust = _huber(residuals)
        following = _line(units, wall_ms, trust / scale**2)
        if np.allclose(following, line, rtol=1e-10, atol=1e-10):
            break
        line = following
    return line, trust


def _huber(residuals: Vector) -> Vector:
    """Full trust within ``HUBER_K`` robust standard deviations, falling as 1/distance beyond."""
    if len(residuals) < ROBUST_FROM_POINTS:
        return np.ones_like(residuals)
    sigma = max(MAD_TO_SIGMA * float(np.median(residuals)), SPREAD_FLOOR)
    return np.asarray(np.minimum(1.0, HUBER_K * sigma / np.maximum(residuals, 1e-12)), dtype=np.float64)


def _line(units: Vector, wall_ms: Vector, weights: Vector) -> Vector:
    """The weighted least-squares line with neither parameter below zero.

    Two parameters have four active sets: the free line if it is feasible, else the better of the two rays.
    """
    total = weights.sum()
    mean_units, mean_ms = (weights * units).sum() / total, (weights * wall_ms).sum() / total
    spread_units = (weights * (units - mean_units) ** 2).sum()
    slope = (weights * (units - mean_units) * (wall_ms - mean_ms)).sum() / spread_units
    startup = mean_ms - slope * mean_units
    if slope >= 0 and startup >= 0:
        return np.array([startup, slope])
    through_zero = np.array([0.0, (weights * units * wall_ms).sum() / (weights * units**2).sum()])
    flat = np.array([mean_ms, 0.0])

    def error(line: Vector) -> float:
        return float((weights * (wall_ms - line[0] - line[1] * units) ** 2).sum())

    return min(through_zero, flat, key=error)


def _scale(line: Vector, units: Vector) -> Vector:
    return np.asarray(np.maximum(line[0] + line[1] * units, SCALE_FLOOR_MS), dtype=np.float64)


def _covariance(
    units: Vector, weights: Vector, free: NDArray[np.bool_]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """``(X'WX)^-1`` of the free parameters, computed on columns of like size so that it keeps its digits."""
    sizes = np.array([1.0, units.max()])
    columns = np.stack([np.ones_like(units), units], axis=1)[:, free] / sizes[free]
    heaviest = weights.max()
    inverse = np.zeros((2, 2))
    inverse[np.ix_(free, free)] = np.linalg.inv(columns.T @ (weights[:, None] / heaviest * columns))
    inverse /= np.outer(sizes, sizes) * heaviest
    (a, b), (c, d) = inverse.tolist()
    return (a, b), (c, d)


def _interval_ms(model: AppModel, units: int) -> tuple[float, float, float]:
    """Low, expected, high [ms]; a size below the smallest measured one takes no longer than that one."""
    mid_ms = model.expected_ms(units)
    half_ms = _interval_half_ms(model, units) + _extrapolation_ms(model, units)
    high_ms = mid_ms + half_ms
    if units < model.smallest_units:
        high_ms = min(high_ms, _interval_ms(model, model.smallest_units)[2])
    return mid_ms - half_ms, mid_ms, high_ms


def _interval_half_ms(model: AppModel, units: int) -> float:
    (a, b), (_, d) = model.covariance
    scale = max(model.expected_ms(units), SCALE_FLOOR_MS)
    line_variance = a + 2 * b * units + d * units**2
    return t_90(model.degrees) * model.spread * math.sqrt(scale**2 + max(line_variance, 0.0))


def _extrapolation_ms(model: AppModel, units: int) -> float:
    doublings = max(0.0, math.log2(units / model.largest_units), math.log2(model.smallest_units / units))
    return SPREAD_PER_DOUBLING * doublings * max(model.expected_ms(units), SCALE_FLOOR_MS)


def _is_within(model: AppModel, units: int) -> bool:
    return model.smallest_units <= units <= model.largest_units


def _kind(model: AppModel, units: int) -> Kind:
    measured = _is_within(model, units) and model.points >= MEASURED_FROM_POINTS
    return Kind.MEASURED if measured else Kind.CALIBRATED


def _assumed(model: AppModel, units: int) -> tuple[Assumption, ...]:
    found = [Assumption.LINEAR, Assumption.SAME_LOAD]
    if model.degrees < FEWEST_DEGREES:
        found.append(Assumption.SPREAD_UNKNOWN)
    if not _is_within(model, units):
        found.append(Assumption.BEYOND_MEASURED)
    if model.weighed_down:
        found.append(Assumption.OUTLIERS_WEIGHED_DOWN)
    return tuple(found)
