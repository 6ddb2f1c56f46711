"""Would the planner have chosen the right plan? Regret and order where somebody measured many plans of one
job.

Runs compete when measurer, model, machine size, batch, sequence and precision agree
(``Observation.workload``); runs of one and the same plan are averaged first, since their difference is noise
no ranking can know. Regret: time of the plan the forecast puts first over the time of the fastest, minus
one. Order: Kendall's tau-b over pairs whose measured times differ by more than ``NOISE``.

Source: M. G. Kendall, The treatment of ties in ranking problems, Biometrika 33 (1945).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hesuan.planner.calibrate.observation import Observation

FEWEST_PLANS = 3
NOISE = 0.01
"""Measured times closer than this are no order to be got right [share]."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """One workload with several measured plans."""

    workload: str
    origin: str
    plans: int
    regret: float
    tau: float
    pairs: int


def rankings(observations: Sequence[Observation]) -> tuple[Ranking, ...]:
    """Every workload that has at least ``FEWEST_PLANS`` different measured plans, most plans first."""
    groups: dict[str, dict[str, list[Observation]]] = defaultdict(lambda: defaultdict(list))
    for one in observations:
        groups[one.workload][one.plan].append(one)
    found = [_ranking(name, plans) for name, plans in groups.items() if len(plans) >= FEWEST_PLANS]
    return tuple(sorted(found, key=lambda r: (-r.plans, r.workload)))


def _ranking(name: str, plans: dict[str, list[Observation]]) -> Ranking:
    measured = np.array([np.mean([o.observed_s for o in rows]) for rows in plans.values()])
    forecast = np.array([np.mean([o.predicted_s for o in rows]) for rows in plans.values()])
    chosen = int(np.argmin(forecast))
    tau, pairs = kendall_tau(measured, forecast)
    origin = next(iter(plans.values()))[0].origin
    return Ranking(name, origin, len(plans), float(measured[chosen] / measured.min() - 1), tau, pairs)


def kendall_tau(measured: np.ndarray, forecast: np.ndarray) -> tuple[float, int]:
    """Agreement of order in -1…1, and over how many pairs; 1.0 where no pair differs."""
    agree = pairs = 0
    for i, j in combinations(range(len(measured)), 2):
        if abs(measured[i] - measured[j]) <= NOISE * min(measured[i], measured[j]):
            continue
        pairs += 1
        agree += int(np.sign(measured[i] - measured[j]) * np.sign(forecast[i] - forecast[j]))
    return (agree / pairs if pairs else 1.0), pairs
