"""Intervals that were right four times in five: split conformal on residuals of sources left out.

For the absolute log residuals ``r`` of a bucket (dense or MoE; chip in the catalogue or not) the half-width
is the ``ceil(0.8 (n + 1))``-th smallest, so that a further exchangeable run falls inside with probability at
least 80 %. The runs of one measurer are not exchangeable with those of another, so every measurer counts as
much as every other: the quantile is taken with weights ``1 / sqrt(runs of the origin)``. A bucket with fewer
than ``FEWEST`` runs takes the widest quantile of the larger bucket it belongs to, times ``UNSEEN``.

Source: V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005; weights: R. Foygel
Barber et al., Conformal prediction beyond exchangeability, Annals of Statistics 51 (2023).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hesuan.planner.calibrate.observation import Observation

LEVEL = 0.80
FEWEST = 8
"""Below this many runs a bucket has no quantile of its own."""
UNSEEN = 1.5
"""Widening for a bucket nobody measured; assumed."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """Half-width [log] of the 80 % interval of one bucket, and from how many runs."""

    half_width: float
    runs: int


@dataclass(frozen=True, slots=True)
class Intervals:
    """Half-widths by bucket: dense and MoE on a known chip; other chips are wider."""

    dense: Quantile
    moe: Quantile
    unknown_chip: Quantile

    def half_width(self, *, moe: bool, chip_known: bool) -> float:
        """Half-width [log]: the interval is ``[step / exp(w), step * exp(w)]``."""
        own = (self.moe if moe else self.dense).half_width
        return own if chip_known else max(own, self.unknown_chip.half_width)


def weighted_quantile(values: Sequence[float], weights: Sequence[float], level: float = LEVEL) -> float:
    """Smallest value whose weight below it, one further run of mean weight counted, reaches ``level``."""
    order = np.argsort(values)
    mass = np.cumsum(np.asarray(weights)[order])
    goal = level * (mass[-1] + mass[-1] / len(values))
    return float(np.asarray(values)[order][min(int(np.searchsorted(mass, goal - 1e-12)), len(values) - 1)])


def intervals_from(observations: Sequence[Observation]) -> Intervals:
    """Quantiles of the absolute residuals, which must come from forecasts that had not seen these runs."""
    everything = _quantile(observations, None)
    dense = _quantile([o for o in observations if not o.moe and o.chip_known], everything)
    moe = _quantile([o for o in observations if o.moe and o.chip_known], everything)
    unknown = _quantile([o for o in observations if not o.chip_known], everything)
    return Intervals(dense, moe, unknown)


def coverage(observations: Sequence[Observation], intervals: Intervals) -> float:
    """Share of the runs inside their interval."""
    inside = [
        abs(o.residual) <= intervals.half_width(moe=o.moe, chip_known=o.chip_known) for o in observations
    ]
    return float(np.mean(inside)) if inside else math.nan


def leave_out_coverage(observations: Sequence[Observation]) -> tuple[bool, ...]:
    """For each run whether the interval learnt from *other* origins covers it."""
    origins = sorted({o.origin for o in observations})
    learnt = {
        name: intervals_from([o for o in observations if o.origin != name])
        for name in origins
        if len(origins) > 1
    }
    return tuple(
        o.origin in learnt
        and abs(o.residual) <= learnt[o.origin].half_width(moe=o.moe, chip_known=o.chip_known)
        for o in observations
    )


def _quantile(observations: Sequence[Observation], wider: Quantile | None) -> Quantile:
    if len(observations) < FEWEST and wider is not None:
        return Quantile(wider.half_width * UNSEEN, len(observations))
    if not observations:
        return Quantile(math.log(2.0), 0)
    counts: dict[str, int] = defaultdict(int)
    for o in observations:
        counts[o.origin] += 1
    weights = [1.0 / math.sqrt(counts[o.origin]) for o in observations]
    return Quantile(weighted_quantile([abs(o.residual) for o in observations], weights), len(observations))
