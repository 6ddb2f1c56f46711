"""A sweep: every workload on every cluster, each pair searched by itself at its own best plan.

A pair is a :class:`Job`, its answer a :class:`Cell`; both are plain values that travel between processes.
Here is only the arithmetic of one cell. Who works on how many cells at once is decided above, and cannot be
seen in the answers: a cell knows nothing of the others, and the cells stand in the order of the jobs.

Whatever goes wrong with a pair is told in its own cell, so that one impossible pair in two thousand does not
cost the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hesuan.errors import Faults, HesuanError
from hesuan.planner.calibration import Calibration
from hesuan.planner.constants import DEFAULT, Constants
from hesuan.planner.explore.comparison import rates
from hesuan.planner.explore.limits import Limits
from hesuan.planner.explore.result import Candidate, Lost, SearchResult
from hesuan.planner.explore.searching import search
from hesuan.planner.inputs import Cluster, Model, Training, Workload
from hesuan.planner.reliability import goodput_on


@dataclass(frozen=True, slots=True)
class Job:
    """One pair to be searched; ``workload`` and ``offer`` are the names it is told by.

    ``calibration``: what the cluster's own runs taught; refused in its cell where it does not hold.
    """

    workload: str
    offer: str
    model: Model
    training: Training
    cluster: Cluster
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a cell has no plan: a stable word, and a sentence in both languages."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The answer to one pair.

    Attributes:
        best: The plan with the most useful work per second on all cards; None where there is ``reason``.
        tokens_per_s: Useful tokens per second, failures counted; 0 without a plan.
        tokens_per_yuan: Useful tokens for one yuan; None where no price is known.
        legal: Plans that were listed.
        calibration: File of the calibration that was asked to move the cell.
    """

    workload: str
    offer: str
    cards: int
    best: Candidate | None
    tokens_per_s: float
    tokens_per_yuan: float | None
    legal: int
    reason: Reason | None = None
    calibration: str | None = None


def fill_all(
    jobs: Sequence[Job], limits: Limits | None = None, constants: Constants = DEFAULT
) -> tuple[Cell, ...]:
    """The answers, in the order of the jobs."""
    return tuple(fill(job, limits, constants) for job in jobs)


def fill(job: Job, limits: Limits | None = None, constants: Constants = DEFAULT) -> Cell:
    """The answer to one pair, found on all cards of its cluster, failures counted; never raises an error."""
    try:
        return _searched(job, limits or Limits(), constants)
    except (HesuanError, Faults) as error:
        return without(job, _told(error))
    except Exception as error:  # a broken pair shall not cost two thousand sound ones; the cell says so
        return without(job, broken(f"{type(error).__name__}: {error}"))


def without(job: Job, reason: Reason, legal: int = 0) -> Cell:
    """A cell that has no plan."""
    return Cell(job.workload, job.offer, job.cluster.cards, None, 0.0, None, legal, reason)


def broken(problem: str) -> Reason:
    """For what is nobody's input: a fault of a program or of a machine."""
    return Reason("sweep.broken", f"was not answered: {problem}", f"没有得到答案：{problem}")


def numpy_version() -> str:
    """Which NumPy would compute the cells here; another one may differ in a last digit."""
    return np.__version__


def _searched(job: Job, limits: Limits, constants: Constants) -> Cell:
    cluster = job.cluster
    kept = goodput_on(job.model, cluster, cards=cluster.cards).share
    result = search(
        Workload(job.model, cluster, job.training),
        replace(limits, card_counts=(cluster.cards,), top=1),
        constants=constants,
        calibration=job.calibration,
        goodput=lambda _: kept,
        explain=False,
    )
    if not result.found:
        return without(job, _why(result), result.legal)
    speed, worth = rates(result)
    moved = job.calibration.file if job.calibration else None
    best = result.best["time"]
    return Cell(job.workload, job.offer, cluster.cards, best, speed, worth, result.legal, calibration=moved)


def _why(result: SearchResult) -> Reason:
    """What stands in the way: memory where any plan was legal at all, else the rule that refused most."""
    lost = next((one for one in result.losers if one.reason == "memory_exceeded"), None)
    if lost is None:
        lost = max(result.losers, key=lambda one: one.count, default=Lost("no_plan", 0, "no plan", "无方案"))
    return Reason(lost.reason, lost.en, lost.zh)


def _told(error: HesuanError | Faults) -> Reason:
    every = error.faults if isinstance(error, Faults) else (error,)
    return Reason(
        every[0].code.name,
        "; ".join(one.sentence("en") for one in every),
        "；".join(one.sentence("zh") for one in every),
    )
