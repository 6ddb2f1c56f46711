"""The error table: one frozen report, which text, JSON and picture only print."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from hesuan.planner.backtest.errors import Errors, by, errors_of
from hesuan.planner.backtest.fewrows import AfterFive, after_five
from hesuan.planner.backtest.memory import MemoryErrors, Peak, memory_errors
from hesuan.planner.backtest.ranking import Ranking, rankings
from hesuan.planner.calibrate.conformal import Intervals, intervals_from, leave_out_coverage
from hesuan.planner.calibrate.observation import Observation
from hesuan.planner.calibrate.scalar import cross_validated

WORST = 15
BREAKDOWNS = ("chip", "kind", "tier", "metric", "source")


@dataclass(frozen=True, slots=True)
class Unscored:
    """A row that could not be forecast, and why."""

    id: str
    reason: str
    reason_zh: str = ""
    """The same in Chinese; empty where it stands in one language only."""


@dataclass(frozen=True, slots=True)
class Worst:
    """One run far off, so that a reader can look it up."""

    id: str
    model: str
    chip: str
    plan: str
    observed_s: float
    predicted_s: float


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Errors under one kind of calibration, dense and MoE apart; coverage of the 80 % interval where there
    is one.
    """

    dense: Errors
    moe: Errors
    everything: Errors
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the back-test says. ``by`` holds errors without calibration per breakdown and group."""

    rows: int
    unscored: tuple[Unscored, ...]
    plain: Calibrated
    one_scalar: Calibrated
    one_scalar_stranger: Calibrated
    five_rows: Calibrated
    by: dict[str, dict[str, Errors]]
    memory: MemoryErrors
    rankings: tuple[Ranking, ...]
    intervals: Intervals
    worst: tuple[Worst, ...]

    def json(self) -> str:
        """The report as JSON; numbers that do not exist are null."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, indent=1, sort_keys=True)


def report_of(
    observations: Sequence[Observation],
    unscored: Sequence[Unscored] = (),
    ran_out: Sequence[Peak] = (),
    peaks: Sequence[Peak] = (),
) -> Report:
    """Scores forecasts that are already made: with no calibration, one scalar, five rows."""
    family, stranger = (cross_validated(observations, by=key) for key in ("family", "origin"))
    covered = _published_coverage(observations)
    return Report(
        rows=len(observations) + len(unscored) + len(ran_out),
        unscored=tuple(unscored),
        plain=_calibrated(observations, None, covered),
        one_scalar=_calibrated(observations, family, None),
        one_scalar_stranger=_calibrated(observations, stranger, None),
        five_rows=_five(after_five(observations)),
        by={name: by(_KEYS[name], observations) for name in BREAKDOWNS},
        memory=memory_errors([*peaks, *ran_out]),
        rankings=rankings(observations),
        intervals=intervals_from(observations),
        worst=_worst(observations),
    )


_KEYS = {
    "chip": lambda o: o.chip_family,
    "kind": lambda o: o.kind,
    "tier": lambda o: o.tier,
    "metric": lambda o: o.metric,
    "source": lambda o: f"{o.origin} · {o.chip_family}",
}


def _published_coverage(observations: Sequence[Observation]) -> float:
    """Share of runs inside the interval the forecast printed; else inside one learnt from other origins."""
    printed = [o.interval_s[0] <= o.observed_s <= o.interval_s[1] for o in observations if o.interval_s]
    inside = printed or list(leave_out_coverage(observations))
    return float(np.mean(inside)) if inside else math.nan


def _calibrated(
    observations: Sequence[Observation], shifts: Sequence[float] | None, coverage: float | None
) -> Calibrated:
    def part(*, moe: bool) -> Errors:
        kept = [i for i, o in enumerate(observations) if o.moe == moe]
        return errors_of(
            [observations[i] for i in kept], None if shifts is None else [shifts[i] for i in kept]
        )

    return Calibrated(part(moe=False), part(moe=True), errors_of(observations, shifts), coverage)


def _five(found: Sequence[AfterFive]) -> Calibrated:
    def part(rows: Sequence[AfterFive]) -> Errors:
        if not rows:
            return errors_of(())
        error = np.array([r.error for r in rows])
        worst = int(np.argmax(error))
        return Errors(
            len(rows),
            float(error.mean()),
            float(np.median(error)),
            float(np.quantile(error, 0.9)),
            math.nan,
            float(error[worst]),
            rows[worst].observation.id,
        )

    return Calibrated(
        part([r for r in found if not r.observation.moe]),
        part([r for r in found if r.observation.moe]),
        part(found),
        float(np.mean([r.covered for r in found])) if found else None,
    )


def _worst(observations: Sequence[Observation]) -> tuple[Worst, ...]:
    ordered = sorted(observations, key=lambda o: (-abs(o.residual), o.id))[:WORST]
    return tuple(Worst(o.id, o.workload, o.chip, o.plan, o.observed_s, o.predicted_s) for o in ordered)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
