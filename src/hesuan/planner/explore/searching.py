"""The search: list, weigh, bound, time, choose. Memory first, then the rows in order of their bound.

A row is cut only when even its bound is slower than the ``top``-th best *and* some evaluated plan beats it
with that bound in time, cards and memory slack at once; so neither the ranking nor the frontier can lose a
member. The ranking is by (step time, place in the space): the same in every run, with any block size, with
or without bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hesuan.planner.calibration import Calibration
from hesuan.planner.constants import DEFAULT, Constants, calibrated
from hesuan.planner.cost import Parts, Plans, basis, evaluate
from hesuan.planner.explore import whatif
from hesuan.planner.explore.bounds import Bound, lower_bound, memory_bytes, usable_bytes
from hesuan.planner.explore.candidates import Maker, Measured, work_seconds, work_tokens
from hesuan.planner.explore.frontier import Archive, frontier
from hesuan.planner.explore.limits import Limits
from hesuan.planner.explore.losers import losers
from hesuan.planner.explore.result import AIMS, Candidate, SearchResult
from hesuan.planner.explore.space import Space, card_counts, enumerate_plans
from hesuan.planner.inputs import Workload

Progress = Callable[[int, int], None]
Goodput = Callable[[int], float]
Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

FIRST_BLOCK = 2048
"""Rows timed before the first cut."""
BLOCK = 16384
"""Rows timed at once: the temporaries of a block stay in the second-level cache."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What is known of every legal plan before any is timed."""

    space: Space
    plans: Plans
    slack: Floats
    steps: npt.NDArray[np.int64]
    cards: npt.NDArray[np.int64]
    share: Floats


@dataclass(frozen=True, slots=True)
class _Queue:
    """Rows that fit, in order of their bound."""

    rows: Rows
    bound_s: Floats


def search(
    workload: Workload,
    limits: Limits | None = None,
    *,
    top: int | None = None,
    constants: Constants = DEFAULT,
    calibration: Calibration | None = None,
    goodput: Goodput | None = None,
    progress: Progress | None = None,
    bound: Bound | None = lower_bound,
    explain: bool = True,
) -> SearchResult:
    """Every legal plan of a workload, the best by each aim, and why the others lost.

    Args:
        workload: Model, cluster and training.
        limits: Borders of the space; the defaults when left out.
        top: How many of the fastest to return; ``limits.top`` when left out.
        constants: Numbers of the cost model.
        calibration: What this cluster's own runs taught; refused where it is another chip's.
        goodput: Useful share of the wall time on so many cards; failures are left aside when left out.
        progress: Called as ``progress(done, total)`` in plans, from this thread.
        bound: Lower bound of the step time; ``None`` times every plan that fits.
        explain: Also ask what binds and what the unsure figures would change.
    """
    limits = limits or Limits()
    limits = replace(limits, top=top) if top else limits
    constants = calibrated(constants, calibration)
    if constants.calibration:
        constants.calibration.check(workload.cluster, basis(constants))
    known = _survey(workload, limits, constants, goodput)
    fits = np.flatnonzero(known.slack >= 0)
    bound_s = np.zeros(len(fits))
    if bound is not None:
        bound_s = bound(workload, known.plans.take(fits), constants) / known.share[fits]
    order = np.argsort(bound_s, kind="stable")
    queue = _Queue(fits[order], bound_s[order])
    archive = Archive()
    measured = _time(workload, known, queue, archive, limits=limits, constants=constants, progress=progress)
    chosen = _choose(workload, known, measured, archive, limits)
    what = whatif.Question(workload, constants, limits, known.plans, known.slack, measured)
    told = whatif.answers(what) if explain and chosen.top else ((), ())
    return SearchResult(
        workload=workload,
        limits=limits,
        work_tokens=work_tokens(workload),
        legal=known.space.size,
        evaluated=len(measured.rows),
        cut_by_bound=len(fits) - len(measured.rows),
        memory_refused=known.space.size - len(fits),
        top=chosen.top,
        frontier=chosen.frontier,
        best=chosen.best,
        losers=losers(known.space, known.plans, known.slack, measured, chosen.beyond),
        binding=told[0],
        sensitivity=told[1],
        calibration=constants.calibration.used_on(workload) if constants.calibration else None,
    )


def _survey(workload: Workload, limits: Limits, constants: Constants, goodput: Goodput | None) -> _Field:
    """Lists the space and weighs every plan: exact memory, goodput by cards."""
    space = enumerate_plans(workload, limits)
    plans = space.plans()
    cards = space.columns["cards"].astype(np.int64)
    share = np.ones(space.size)
    for count in card_counts(workload, limits) if goodput else ():
        share[cards == count] = goodput(count) if goodput else 1.0
    slack = usable_bytes(workload, constants, limits) - memory_bytes(workload, plans, constants)
    steps = np.floor(slack / limits.slack_step_bytes).astype(np.int64)
    return _Field(space, plans, slack, steps, cards, share)


def _time(
    workload: Workload,
    known: _Field,
    queue: _Queue,
    archive: Archive,
    *,
    limits: Limits,
    constants: Constants,
    progress: Progress | None,
) -> Measured:
    """Times the plans that fit in order of their bound, cutting what has already lost; fills the archive."""
    fastest = np.empty(0)
    kept: list[tuple[Rows, Parts]] = []
    done = 0
    while done < len(queue.rows):
        part = slice(done, done + (BLOCK if done else FIRST_BLOCK))
        rows = queue.rows[part]
        done += len(rows)
        alive = rows[
            ~_lost(known, rows, queue.bound_s[part], archive=archive, fastest=fastest, top=limits.top)
        ]
        if len(alive):
            parts = evaluate(workload, known.plans.take(alive), constants)
            wall_s = parts.step_s / known.share[alive]
            archive.add(wall_s, known.cards[alive], known.steps[alive])
            allowed = permitted(workload, limits, known.cards[alive], wall_s)
            fastest = np.sort(np.concatenate((fastest, wall_s[allowed])))[: limits.top]
            kept.append((alive, parts))
        if progress:
            progress(done, len(queue.rows))
    return Measured.joined(kept, known.share)


def _lost(
    known: _Field, rows: Rows, bound_s: Floats, *, archive: Archive, fastest: Floats, top: int
) -> npt.NDArray[np.bool_]:
    """Rows that cannot enter the ranking nor the frontier any more."""
    if len(fastest) < top:
        return np.zeros(len(rows), dtype=bool)
    beaten = archive.beats(bound_s, known.cards[rows], known.steps[rows])
    return np.asarray((bound_s > fastest[-1]) & beaten)


def permitted(
    workload: Workload, limits: Limits, cards: npt.NDArray[np.int64], wall_s: Floats
) -> npt.NDArray[np.bool_]:
    """What meets the deadline and the purse. Who is no slower on no more cards is permitted wherever I am."""
    work_s = work_seconds(workload, wall_s)
    keep = np.ones(len(wall_s), dtype=bool)
    if limits.deadline_s is not None:
        keep &= work_s <= limits.deadline_s
    price = workload.cluster.price_fen_per_card_hour
    if limits.money_max_fen is not None and price is not None:
        keep &= cards * np.ceil(work_s) * price / 3600.0 <= limits.money_max_fen
    return keep


@dataclass(frozen=True, slots=True)
class _Chosen:
    top: tuple[Candidate, ...]
    frontier: tuple[Candidate, ...]
    best: dict[str, Candidate]
    beyond: int


def _choose(
    workload: Workload, known: _Field, measured: Measured, archive: Archive, limits: Limits
) -> _Chosen:
    """Ranks what was timed: the fastest, the frontier, the best by each aim."""
    rows, wall_s = measured.rows, measured.wall_s
    allowed = permitted(workload, limits, known.cards[rows], wall_s)
    fastest = _fastest(rows, np.where(allowed, wall_s, np.inf), min(limits.top, int(allowed.sum())))
    edge = np.flatnonzero(allowed & ~archive.beats(wall_s, known.cards[rows], known.steps[rows]))
    edge = edge[np.argsort(rows[edge], kind="stable")]
    edge = edge[frontier(wall_s[edge], known.cards[rows[edge]], known.steps[rows[edge]])]
    make = Maker.of(workload, known.plans, measured, known.slack)
    front = tuple(make.candidate(int(at)) for at in edge)
    top = tuple(make.candidate(int(at)) for at in fastest)
    return _Chosen(top, front, _best(front, limits), len(rows) - int(allowed.sum()))


def _fastest(rows: Rows, wall_s: Floats, count: int) -> Rows:
    """The ``count`` fastest by (time, place in the space), sorting only those that may be among them."""
    if count == 0:
        return np.empty(0, dtype=np.intp)
    near = np.flatnonzero(wall_s <= np.partition(wall_s, count - 1)[count - 1])
    return np.asarray(near[np.lexsort((rows[near], wall_s[near]))[:count]])


def _best(front: tuple[Candidate, ...], limits: Limits) -> dict[str, Candidate]:
    """The best of the frontier by each aim; ties go to the faster plan."""
    if not front:
        return {}
    keys: dict[str, Callable[[Candidate], tuple[float, ...]]] = {
        "time": lambda one: (one.work_s,),
        "money": lambda one: (one.money_fen or 0, one.work_s),
        "cards": lambda one: (one.cards, one.work_s),
        "memory_slack": lambda one: (-(one.slack_bytes // limits.slack_step_bytes), one.work_s),
    }
    priced = front[0].money_fen is not None
    return {aim: min(front, key=keys[aim]) for aim in AIMS if aim != "money" or priced}
