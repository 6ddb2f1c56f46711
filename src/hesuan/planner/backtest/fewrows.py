"""The five-row test: what a new cluster's forecasts are worth after five measured runs of its own.

For every cluster with at least ``FEWEST`` runs: choose five runs that differ (farthest point, from
``STARTS`` different beginnings), fit, forecast the others with their intervals. A run that repeats a
calibration run's plan is left out of the score: it would be a copy, not a forecast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hesuan.planner.calibrate.fewshot import DEFAULT_PRIOR, Prior, fit, spread_out
from hesuan.planner.calibrate.observation import Observation

ROWS = 5
FEWEST = 7
STARTS = 4


@dataclass(frozen=True, slots=True)
class AfterFive:
    """One run forecast after five others: relative error and whether the 80 % interval held, mean over
    beginnings.
    """

    observation: Observation
    error: float
    covered: float


def after_five(observations: Sequence[Observation], prior: Prior = DEFAULT_PRIOR) -> tuple[AfterFive, ...]:
    """Every run of every cluster that is large enough, forecast after five rows of its cluster."""
    clusters: dict[str, list[Observation]] = defaultdict(list)
    for one in observations:
        clusters[one.cluster].append(one)
    found: list[AfterFive] = []
    for rows in clusters.values():
        if len(rows) >= FEWEST:
            found += _cluster(rows, prior)
    return tuple(found)


def _cluster(rows: list[Observation], prior: Prior) -> list[AfterFive]:
    tries: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for begin in range(STARTS):
        chosen = spread_out(rows, ROWS, begin * len(rows) // STARTS)
        calibration = fit([rows[i] for i in chosen], prior)
        twins = {(rows[i].workload, rows[i].plan) for i in chosen}
        for index, one in enumerate(rows):
            if index in chosen or (one.workload, one.plan) in twins:
                continue
            low, middle, high = calibration.apply(one)
            tries[index].append((abs(middle / one.observed_s - 1), low <= one.observed_s <= high))
    return [
        AfterFive(rows[i], float(np.mean([e for e, _ in seen])), float(np.mean([c for _, c in seen])))
        for i, seen in tries.items()
    ]
