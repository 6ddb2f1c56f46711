"""What measured runs teach: factors of one cluster from a handful of runs, and intervals from earlier misses.

Nothing here reads a file or calls the cost model: the rooms above turn rows into ``Observation``s first, so
that a fit is arithmetic on a few dozen numbers and can be checked by hand.
"""

from __future__ import annotations

from hesuan.planner.calibrate.conformal import (
    Intervals,
    Quantile,
    coverage,
    intervals_from,
    leave_out_coverage,
)
from hesuan.planner.calibrate.fewshot import Calibration, Prior, fit
from hesuan.planner.calibrate.observation import PARTS, Observation
from hesuan.planner.calibrate.saving import Source, saved
from hesuan.planner.calibrate.scalar import cross_validated

__all__ = [
    "PARTS",
    "Calibration",
    "Intervals",
    "Observation",
    "Prior",
    "Quantile",
    "Source",
    "coverage",
    "cross_validated",
    "fit",
    "intervals_from",
    "leave_out_coverage",
    "saved",
]
