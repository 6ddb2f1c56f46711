"""Rows become observations: every row forecast by the same ``evaluate`` a user calls, a workload at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.backtest.memory import GIB, Peak, read_gib
from hesuan.planner.backtest.rows import Row
from hesuan.planner.backtest.stack import Instrument
from hesuan.planner.calibrate.observation import FEATURES, PARTS, Observation
from hesuan.planner.constants import DEFAULT, Constants
from hesuan.planner.cost import Parts, Plans, evaluate
from hesuan.planner.cost.calibrated import GROUPS, features
from hesuan.planner.inputs import Workload

NOT_A_NAME = ("the", "nvidia", "arxiv")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows grouped so that those of one workload are evaluated at once; the fit runs on this."""

    rows: tuple[Row, ...]
    groups: tuple[tuple[Workload, Plans, NDArray[np.intp]], ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Batch:
        """Groups rows by equal workloads."""
        found: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            found.setdefault(repr(row.workload), []).append(index)
        return cls(
            tuple(rows),
            tuple(
                (rows[at[0]].workload, Plans.of(rows[i].plan for i in at), np.array(at))
                for at in found.values()
            ),
        )

    def step_s(self, constants: Constants) -> NDArray[np.float64]:
        """Forecast step times [s] in the order of the rows."""
        steps = np.empty(len(self.rows))
        for workload, plans, at in self.groups:
            steps[at] = evaluate(workload, plans, constants).step_s
        return steps


def observations_of(rows: Sequence[Row], constants: Constants = DEFAULT) -> tuple[Observation, ...]:
    """Every row with a step time beside its forecast."""
    timed = [row for row in rows if row.observed_s is not None]
    found: list[Observation | None] = [None] * len(timed)
    for workload, plans, at in Batch.of(timed).groups:
        parts = evaluate(workload, plans, constants)
        for place, index in enumerate(at):
            found[index] = _observation(timed[index], parts, place, constants)
    return tuple(one for one in found if one is not None)


def peaks_of_rows(rows: Sequence[Row], constants: Constants = DEFAULT) -> tuple[Peak, ...]:
    """Memory of every row, those included that ran out of it.

    Left out: rows whose plan was not given, and rows without a published peak that do not say what they
    recomputed: any of them fits under enough of it, so their memory tells nothing of ours. For the same
    reason a row with a peak that does not say it is scored by its peak and not by its fit.
    """
    known = [row for row in rows if row.plan_known and (row.recompute_known or row.peak_memory_gib)]
    return tuple(
        peak
        for workload, plans, at in Batch.of(known).groups
        for peak in _peaks(workload, plans, [known[i] for i in at], constants)
    )


def _peaks(workload: Workload, plans: Plans, rows: Sequence[Row], constants: Constants) -> list[Peak]:
    memory = evaluate(workload, plans, constants).memory
    nominal = workload.cluster.chip.memory_bytes / GIB
    needed, room = memory.total / GIB, constants.usable_memory * nominal
    reads = {one: read_gib(memory, one, nominal, constants) for one in Instrument}
    return [
        Peak(
            row.id,
            origin_of(row.source),
            float(needed[place]),
            room,
            row.peak_memory_gib,
            row.out_of_memory,
            float(reads[row.instrument][place]),
            row.recompute_known,
        )
        for place, row in enumerate(rows)
    ]


def origin_of(source: str) -> str:
    """Who measured: the first name in a title: ``"NVIDIA Megatron-Bridge docs"`` Megatron-Bridge."""
    words = source.replace("(", " ").replace(",", " ").split()
    return next((w for w in words if w.lower() not in NOT_A_NAME), source or "unknown").split("/")[0]


def _observation(row: Row, parts: Parts, place: int, constants: Constants) -> Observation:
    workload = row.workload
    model, training, chip = workload.model, workload.training, workload.cluster.chip
    origin, step = origin_of(row.source), float(parts.step_s[place])
    assert row.observed_s is not None
    half = constants.interval_moe if model.is_moe else constants.interval
    half += 0.0 if row.chip_known else constants.interval
    return Observation(
        id=row.id,
        source=row.source,
        origin=origin,
        family=f"{origin} · {model.name} · {chip.name}",
        workload=workload_line(row),
        plan=plan_line(row),
        chip=chip.name,
        chip_family=chip.kin or chip.name,
        chip_known=row.chip_known,
        moe=model.is_moe,
        tier=row.tier,
        metric=row.metric,
        era=training.era,
        observed_s=row.observed_s,
        predicted_s=step,
        shares=tuple(
            sum(float(getattr(parts, name)[place]) for name in GROUPS[group]) / step for group in PARTS
        ),
        features=features_of(row),
        model=model.name,
        memory_observed_gib=row.peak_memory_gib,
        memory_predicted_gib=float(parts.memory.total[place]) / GIB,
        memory_capacity_gib=constants.usable_memory * chip.memory_bytes / GIB,
        interval_s=(step * math.exp(-half), step * math.exp(half)),
    )


def workload_line(row: Row) -> str:
    """What must agree for two plans to compete: model with its shape, cards, batch, sequence, format."""
    work, m = row.workload, row.workload.model
    shape = f"{m.layers} x {m.hidden}, {m.heads} heads"
    run = f"{work.training.global_batch} x {work.training.seq} {work.training.precision}"
    cards = f"{row.plan.cards} {work.cluster.chip.name}"
    return f"{m.name} ({shape}) on {cards}, {run}, {origin_of(row.source)}"


def plan_line(row: Row) -> str:
    """The plan in one line, ones left out, so that two runs of one plan are seen to be that."""
    p = row.plan
    sizes = {"tp": p.tp, "pp": p.pp, "v": p.vpp, "dp": p.dp, "ep": p.ep, "cp": p.cp, "mb": p.micro_batch}
    line = " ".join(f"{name}{size}" for name, size in sizes.items() if size > 1 or name == "mb")
    return f"{line} z{p.zero} {p.recompute}"


def features_of(row: Row) -> tuple[float, ...]:
    """The coordinates of ``calibrate.observation.FEATURES``."""
    found = features(row.workload, Plans.of([row.plan]))
    return tuple(float(found[name][0]) for name in FEATURES)
