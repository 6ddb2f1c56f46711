"""Errors of a set of runs: the five numbers every table of this planner shows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hesuan.planner.calibrate.observation import Observation


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative error ``|predicted / observed - 1|`` of some runs: mean, median, nine in ten, bias; and the
    worst run.

    ``bias`` is ``exp(median log(predicted / observed)) - 1``: below zero where forecasts are too fast.
    """

    runs: int
    mape: float
    median: float
    p90: float
    bias: float
    worst: float
    worst_id: str


def errors_of(observations: Sequence[Observation], shifts: Sequence[float] | None = None) -> Errors:
    """Errors after multiplying each forecast by ``exp(shift)``; no runs give ``nan``."""
    if not observations:
        return Errors(0, math.nan, math.nan, math.nan, math.nan, math.nan, "")
    log_ratio = -np.array([o.residual for o in observations])
    if shifts is not None:
        log_ratio = log_ratio + np.array(shifts)
    relative = np.abs(np.expm1(log_ratio))
    worst = int(np.argmax(relative))
    return Errors(
        runs=len(observations),
        mape=float(relative.mean()),
        median=float(np.median(relative)),
        p90=float(np.quantile(relative, 0.9)),
        bias=float(np.expm1(np.median(log_ratio))),
        worst=float(np.expm1(log_ratio[worst])),
        worst_id=observations[worst].id,
    )


def by(
    key: Callable[[Observation], str],
    observations: Sequence[Observation],
    shifts: Sequence[float] | None = None,
) -> dict[str, Errors]:
    """Errors per value of ``key``, most runs first."""
    moved = [0.0] * len(observations) if shifts is None else list(shifts)
    groups: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(observations):
        groups[key(one)].append(index)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        name: errors_of([observations[i] for i in rows], [moved[i] for i in rows]) for name, rows in ordered
    }
