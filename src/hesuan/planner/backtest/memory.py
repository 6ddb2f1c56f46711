"""Does the memory model say what fits? Errors of published peaks, and the two mistakes that cost a night.

A run that was published as finished and is forecast out of memory is a *lost plan*; a run published as out
of memory and forecast to fit is a *crash*. Both are counted beside the relative error of the published
peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hesuan.planner.calibrate.observation import Observation


@dataclass(frozen=True, slots=True)
class Peak:
    """Memory of one run [GiB per card]: forecast, published where it was, and what a card has."""

    id: str
    origin: str
    predicted_gib: float
    capacity_gib: float
    observed_gib: float | None
    ran_out: bool


@dataclass(frozen=True, slots=True)
class MemoryErrors:
    """Error of published peaks, and every run on the wrong side of the card's memory."""

    peaks: int
    mape: float
    bias: float
    worst_id: str
    feasible: int
    lost_plans: tuple[str, ...]
    out_of_memory: int
    crashes: tuple[str, ...]


def peaks_of(observations: Sequence[Observation]) -> tuple[Peak, ...]:
    """The runs whose memory was forecast; all of them were published as finished."""
    return tuple(
        Peak(
            o.id,
            o.origin,
            o.memory_predicted_gib,
            o.memory_capacity_gib,
            o.memory_observed_gib,
            ran_out=False,
        )
        for o in observations
        if o.memory_predicted_gib is not None and o.memory_capacity_gib is not None
    )


def memory_errors(peaks: Sequence[Peak]) -> MemoryErrors:
    """Relative errors where a peak was published; feasibility for all."""
    known = [p for p in peaks if p.observed_gib is not None]
    ratio = np.array([p.predicted_gib / p.observed_gib for p in known if p.observed_gib])
    size = ratio.size
    return MemoryErrors(
        peaks=int(size),
        mape=float(np.mean(np.abs(ratio - 1))) if size else float("nan"),
        bias=float(np.median(ratio) - 1) if size else float("nan"),
        worst_id=known[int(np.argmax(np.abs(ratio - 1)))].id if size else "",
        feasible=sum(not p.ran_out for p in peaks),
        lost_plans=tuple(p.id for p in peaks if not p.ran_out and p.predicted_gib > p.capacity_gib),
        out_of_memory=sum(p.ran_out for p in peaks),
        crashes=tuple(p.id for p in peaks if p.ran_out and p.predicted_gib <= p.capacity_gib),
    )
