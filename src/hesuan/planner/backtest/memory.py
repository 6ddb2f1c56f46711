"""Does the memory model say what fits? Errors of published peaks, and the two mistakes that cost a night.

A run that was published as finished and is forecast out of memory is a *lost plan*; a run published as out
of memory and forecast to fit is a *crash*. Both are judged by what the job needs. The relative error of the
published peaks is judged by what the row's instrument reads of it: a framework counts what it allocated, a
card's monitor also what the allocator keeps and the context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.backtest.stack import Instrument
from hesuan.planner.constants import Constants
from hesuan.planner.cost import Memory, kept

Gib = NDArray[np.float64]
GIB = float(1 << 30)


@dataclass(frozen=True, slots=True)
class Peak:
    """Memory of one run [GiB per card]: needed, published where it was, and what a card has."""

    id: str
    origin: str
    needed_gib: float
    capacity_gib: float
    observed_gib: float | None
    ran_out: bool
    read_gib: float | None = None
    """What the row's instrument is forecast to read; None where that is the need itself."""
    judged: bool = True
    """Whether the row says enough for its fit to be judged."""

    @property
    def ratio(self) -> float:
        """Forecast over published peak; NaN without one."""
        read = self.needed_gib if self.read_gib is None else self.read_gib
        return read / self.observed_gib if self.observed_gib else float("nan")


def read_gib(memory: Memory, instrument: Instrument, capacity_gib: float, c: Constants) -> Gib:
    """What an instrument reads where a job needs ``memory`` [GiB]; [plan].

    Args:
        capacity_gib: Nominal memory of the card: no monitor reads more.
    """
    if instrument is Instrument.FRAMEWORK:
        return np.asarray((memory.total - memory.workspace) / GIB)
    return np.minimum(kept(memory, c) / GIB, capacity_gib)


@dataclass(frozen=True, slots=True)
class OriginErrors:
    """Errors of the peaks of one source."""

    origin: str
    peaks: int
    mape: float
    bias: float


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
    by_origin: tuple[OriginErrors, ...] = ()


def memory_errors(peaks: Sequence[Peak]) -> MemoryErrors:
    """Relative errors where a peak was published; feasibility for all."""
    known = [p for p in peaks if p.observed_gib]
    ratio = np.array([p.ratio for p in known])
    size = ratio.size
    finished = [p for p in peaks if not p.ran_out and p.judged]
    return MemoryErrors(
        peaks=int(size),
        mape=float(np.mean(np.abs(ratio - 1))) if size else float("nan"),
        bias=float(np.median(ratio) - 1) if size else float("nan"),
        worst_id=known[int(np.argmax(np.abs(ratio - 1)))].id if size else "",
        feasible=len(finished),
        lost_plans=tuple(p.id for p in finished if p.needed_gib > p.capacity_gib),
        out_of_memory=sum(p.ran_out for p in peaks),
        crashes=tuple(p.id for p in peaks if p.ran_out and p.needed_gib <= p.capacity_gib),
        by_origin=tuple(_origin_errors(known)),
    )


def _origin_errors(known: Sequence[Peak]) -> list[OriginErrors]:
    """Errors of each source that published peaks, the one with most of them first."""
    found: dict[str, list[float]] = {}
    for peak in known:
        found.setdefault(peak.origin, []).append(peak.ratio)
    lines = [
        OriginErrors(
            origin, len(ratios), float(np.mean(np.abs(np.array(ratios) - 1))), float(np.median(ratios) - 1)
        )
        for origin, ratios in found.items()
    ]
    return sorted(lines, key=lambda line: (-line.peaks, line.origin))
