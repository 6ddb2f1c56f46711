"""What binds, and what an unsure figure would change: the best plans timed again in a changed workload.

Both questions rank a shortlist again (the fastest plans that fit, and the most promising of those that
just did not), not the whole space: a figure that moves by a fifth lifts no plan from far behind. The
length of the shortlist is a limit of the search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hesuan.planner.constants import Constants
from hesuan.planner.cost import Plans, evaluate
from hesuan.planner.explore.bounds import lower_bound, memory_bytes, usable_bytes
from hesuan.planner.explore.candidates import Measured
from hesuan.planner.explore.limits import Limits
from hesuan.planner.explore.result import Binding, Swing
from hesuan.planner.explore.vary import Unsure, scaled, unsure
from hesuan.planner.inputs import Plan, Workload

Floats = npt.NDArray[np.float64]

MORE = 1.10
"""A tenth more of one thing at a time."""
NEAR = 0.25
"""A plan that lacks less than this share of the card's memory may fit in a changed workload."""


@dataclass(frozen=True, slots=True)
class Question:
    """Everything a what-if needs of a finished search."""

    workload: Workload
    constants: Constants
    limits: Limits
    plans: Plans
    slack: Floats
    measured: Measured


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Shortlisted rows in the order of the space, with the time each takes; infinite where none fits."""

    rows: npt.NDArray[np.intp]
    step_s: Floats

    @property
    def best(self) -> int:
        """The fastest row; the first of a tie."""
        return int(self.rows[np.argmin(self.step_s)])

    @property
    def best_s(self) -> float:
        return float(self.step_s.min())

    def time_of(self, row: int) -> float:
        """Seconds of one row of the shortlist."""
        return float(self.step_s[np.searchsorted(self.rows, row)])


def _shortlist(question: Question) -> npt.NDArray[np.intp]:
    """The fastest that fit, and those nearest to fitting."""
    measured, length = question.measured, question.limits.shortlist
    count = min(length, len(measured.rows))
    near = np.flatnonzero(measured.step_s <= np.partition(measured.step_s, count - 1)[count - 1])
    fastest = measured.rows[near[np.lexsort((measured.rows[near], measured.step_s[near]))[:count]]]
    usable = usable_bytes(question.workload, question.constants, question.limits)
    over = np.flatnonzero((question.slack < 0) & (question.slack >= -NEAR * usable))
    bound_s = lower_bound(question.workload, question.plans.take(over), question.constants)
    nearest = over[np.lexsort((over, bound_s))[:length]]
    return np.sort(np.concatenate((fastest, nearest)))


def _rank(question: Question, workload: Workload, rows: npt.NDArray[np.intp]) -> _Ranked:
    plans = question.plans.take(rows)
    usable = usable_bytes(workload, question.constants, question.limits)
    fits = memory_bytes(workload, plans, question.constants) <= usable
    step_s = evaluate(workload, plans, question.constants).step_s
    return _Ranked(rows, np.where(fits, step_s, np.inf))


def answers(question: Question) -> tuple[tuple[Binding, ...], tuple[Swing, ...]]:
    """What binds, and what the unsure figures would change."""
    rows = _shortlist(question)
    today = _rank(question, question.workload, rows)
    return _binding(question, rows, today.best_s), _sensitivity(question, rows, today.best)


def _binding(question: Question, rows: npt.NDArray[np.intp], today: float) -> tuple[Binding, ...]:
    """How much a tenth more of each thing shortens the best step; the first is what binds most."""
    found = []
    for path, en, zh in _things(question.workload):
        changed = _rank(question, scaled(question.workload, path, MORE), rows)
        gain = 1.0 - changed.best_s / today
        facts: dict[str, float | str] = {"step_s": today, "step_with_more_s": changed.best_s}
        found.append(
            Binding(
                path,
                gain,
                f"10 % more {en} makes the best step {gain:.1%} shorter",
                f"{zh}增加 10%，最优单步缩短 {gain:.1%}",
                facts,
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.gain, one.constraint)))


def _things(workload: Workload) -> list[tuple[str, str, str]]:
    """What can be had more of: path, and its name in both languages."""
    things = [
        ("chip.rate", "compute rate", "算力"),
        ("chip.memory_bytes", "card memory", "单卡显存"),
        ("chip.memory_bandwidth_bytes_per_s", "memory bandwidth", "显存带宽"),
    ]
    for level in workload.cluster.fabric.levels:
        path = f"level.{level.name}.bandwidth_bytes_per_s"
        things.append((path, f"bandwidth of level {level.name}", f"{level.name} 层带宽"))
    return things


def _sensitivity(question: Question, rows: npt.NDArray[np.intp], winner: int) -> tuple[Swing, ...]:
    """Each unsure figure at its low and its high end; those that change the answer first."""
    swings = [_swing(question, rows, winner, one) for one in unsure(question.workload)]
    return tuple(sorted(swings, key=lambda one: (not one.changes, -_width(one), one.figure)))


def _width(swing: Swing) -> float:
    return abs(swing.step_high_s - swing.step_low_s)


def _swing(question: Question, rows: npt.NDArray[np.intp], winner: int, one: Unsure) -> Swing:
    ends = [_rank(question, scaled(question.workload, one.path, f), rows) for f in (one.low, one.high)]
    best = [end.best if np.isfinite(end.best_s) else None for end in ends]
    regret = max(end.time_of(winner) / end.best_s - 1.0 if np.isfinite(end.best_s) else 0.0 for end in ends)
    low, high = (_plan(question, row) for row in best)
    changes = any(row != winner for row in best)
    en, zh = _sentence(one, ends[0].best_s, ends[1].best_s, changes, regret)
    return Swing(
        figure=one.path,
        unit=one.figure.unit,
        low=one.figure.value * one.low,
        high=one.figure.value * one.high,
        step_low_s=ends[0].best_s,
        step_high_s=ends[1].best_s,
        plan_low=low,
        plan_high=high,
        changes=changes,
        regret=regret,
        en=en,
        zh=zh,
    )


def _plan(question: Question, row: int | None) -> Plan | None:
    return None if row is None else question.plans.plan(row)


def _sentence(one: Unsure, low_s: float, high_s: float, changes: bool, regret: float) -> tuple[str, str]:
    span_en = f"{one.path}: best step {low_s:.3g} s at its low end, {high_s:.3g} s at its high end"
    span_zh = f"{one.path}：取低值时最优单步 {low_s:.3g} 秒，取高值时 {high_s:.3g} 秒"
    if not changes:
        return f"{span_en}; the plan stays", f"{span_zh}；方案不变"
    if not np.isfinite(regret):
        return f"{span_en}; today's plan would not fit", f"{span_zh}；当前方案将放不下"
    return (
        f"{span_en}; another plan would win, keeping today's costs {regret:.1%}",
        f"{span_zh}；将由另一方案胜出，沿用当前方案损失 {regret:.1%}",
    )
