"""Lower bounds of the step time, and the exact memory that is asked first.

The bound of a plan is its kernels and its bubble, without any communication, optimizer or launch::

    bound = (m + i) l / L (F + B + R) + m H e

with m micro-batches, i the schedule's idle count, l layers of the fullest stage, L all layers; F, B, H
forward, backward and head of one micro-batch, R the layers recomputed, e 1 where the head comes on top of
a stage.

Every part that is left out is at least zero, so the bound is never above the step time; a calibration
multiplies it by the least it can multiply the step by. The kernels depend
on few columns (micro-batch, CP, TP, EP), so they are computed once for each distinct cell and handed out
to the plans.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hesuan.planner.constants import Constants
from hesuan.planner.cost import Load, Plans
from hesuan.planner.cost.calibrated import least_factor
from hesuan.planner.cost.compute import micro_batch
from hesuan.planner.cost.kernel import BLOCK, cell_of
from hesuan.planner.cost.memory import memory, recomputed_share
from hesuan.planner.cost.pipeline import pipe
from hesuan.planner.cost.weights import held
from hesuan.planner.explore.limits import Limits
from hesuan.planner.inputs import Workload

Floats = npt.NDArray[np.float64]
Bound = Callable[[Workload, Plans, Constants], Floats]

ROUNDING = 1.0 - 1e-9
"""Sums in another order differ in the last digits; the bound gives way by more than that."""


def lower_bound(workload: Workload, plans: Plans, constants: Constants) -> Floats:
    """Kernels and bubble alone [s]; [plan]."""
    keys = (plans.micro_batch, plans.cp, plans.tp, plans.ep, plans.sequence_parallel, plans.expert_tp)
    first, back = distinct(keys)
    load = Load.of(workload, constants)
    one = micro_batch(load, cell_of(plans.take(first), workload.training.seq))
    flow = pipe(workload.model, workload.training.global_batch, plans)
    again = recomputed_share(plans, flow) * one.forward[back]
    stage = (flow.layers / workload.model.layers) * ((one.forward + one.backward)[back] + again)
    head = flow.even * flow.micro_batches * one.head[back]
    plain = (flow.micro_batches + flow.idle) * stage + head
    return np.asarray(ROUNDING * plain * least_factor(workload, plans, constants), dtype=np.float64)


def memory_bytes(workload: Workload, plans: Plans, constants: Constants) -> Floats:
    """Bytes on the fullest card, all causes [byte]; [plan]. The same memory that ``evaluate`` reports."""
    load = Load.of(workload, constants)
    blocks = [_memory_block(load, block) for block in plans.blocks(BLOCK)]
    return np.concatenate(blocks) if blocks else np.empty(0)


def _memory_block(load: Load, plans: Plans) -> Floats:
    model, training = load.work.model, load.work.training
    flow = pipe(model, training.global_batch, plans)
    own = held(model, plans, model.layers / flow.layers)
    return memory(load, plans, cell_of(plans, training.seq), flow, own).total


def usable_bytes(workload: Workload, constants: Constants, limits: Limits) -> float:
    """What a plan may take on one card [byte]."""
    room = constants.usable_memory * workload.cluster.chip.memory_bytes
    return float(room * (1.0 - limits.memory_reserve))


def distinct(columns: tuple[npt.NDArray[np.int32], ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First row of each distinct tuple, and for every row the number of its tuple."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        key = key * (int(column.max(initial=0)) + 1) + column
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    return first, back
