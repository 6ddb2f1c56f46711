"""From plans to parts: one pass over a block of plans, every part in closed form.

A step of ``m`` micro-batches on the fullest of ``p`` stages::

    step = m (stage + head) + bubble + exposed(data parallel) + optimizer + ends

``stage`` is one micro-batch's compute, recomputation, launches and exposed exchange on that stage. The
parts add up to the step by construction. One plan is the same computation on arrays of length one.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.constants import DEFAULT, Constants, version
from hesuan.planner.cost import exchange
from hesuan.planner.cost.arrays import Array, Memory, Parts, Plans
from hesuan.planner.cost.calibrated import corrected
from hesuan.planner.cost.compute import Cell, Micro, micro_batch
from hesuan.planner.cost.load import Load
from hesuan.planner.cost.memory import SELECTIVE, memory, recomputed_share
from hesuan.planner.cost.pipeline import Pipe, pipe
from hesuan.planner.cost.reference import CASES
from hesuan.planner.cost.weights import Held, held
from hesuan.planner.inputs import Workload

BLOCK = 16384
"""Plans of one pass: their temporaries stay in a core's cache."""
WORTH_SORTING = 256
"""From this many plans on finding equal cells costs less than computing them."""
POOL_BYTES = 16.0
"""Bytes per parameter that cross to the pool and back when optimizer states live there: gradient, weight,
states."""


def evaluate(work: Workload, plans: Plans, constants: Constants = DEFAULT) -> Parts:
    """The parts of a step and the memory of every plan.

    Plans are taken as legal (sizes divide); a plan that does not fit is computed all the same and marked.

    Raises:
        Refused: the constants carry a calibration of another chip or of other constants.
    """
    load = Load.of(work, constants)
    if len(plans) <= BLOCK:
        parts = _block(load, plans)
    else:
        parts = _joined([_block(load, part) for part in plans.blocks(BLOCK)])
    if constants.calibration is None:
        return parts
    constants.calibration.check(work.cluster, basis(constants))
    return corrected(work, plans, parts, constants.calibration)


@lru_cache(maxsize=16)
def basis(constants: Constants) -> str:
    """Twelve digits that change with any constant behind a step time and with the formulas, as far as the
    steps of :mod:`hesuan.planner.cost.reference` show them; a saved fit names them.
    """
    plain = replace(constants, calibration=None)
    steps = [step for work, plans in CASES for step in evaluate(work, Plans.of(plans), plain).step_s]
    told = [version(plain), *(f"{step:.6g}" for step in steps)]
    return hashlib.sha256(" ".join(told).encode()).hexdigest()[:12]


def _block(load: Load, plans: Plans) -> Parts:
    training, model = load.work.training, load.work.model
    cell = cell_of(plans, training.seq)
    flow = pipe(model, training.global_batch, plans)
    own = held(model, plans, model.layers / flow.layers)
    space = memory(load, plans, cell, flow, own)
    room = load.c.usable_memory * load.work.cluster.chip.memory_bytes
    return _timed(load, plans, cell, flow, own=own, space=space, fits=space.total <= room)


def cell_of(plans: Plans, seq: int) -> Cell:
    """Sizes as floats, once."""
    tp = plans.tp.astype(np.float64)
    return Cell(
        tokens=plans.micro_batch * float(seq) / plans.cp,
        tp=tp,
        spread=np.where(plans.sequence_parallel > 0, tp, 1.0),
        ep=plans.ep.astype(np.float64),
        expert_tp=plans.expert_tp.astype(np.float64),
    )


def _timed(
    load: Load, plans: Plans, cell: Cell, flow: Pipe, *, own: Held, space: Memory, fits: NDArray[np.bool_]
) -> Parts:
    model = load.work.model
    micro = distinct_micro_batch(load, plans, cell)
    full = recomputed_share(plans, flow)
    again = full * micro.forward + np.where(plans.recompute == SELECTIVE, micro.attention, 0.0)
    part = flow.layers / model.layers
    count = flow.micro_batches
    core = micro.forward + micro.backward
    launch = launches(load, plans, core + again)
    room = core + launch
    tensor = exchange.tensor_s(load, plans, cell, room, full)
    room = room - tensor.hidden
    cp = plans.cp.astype(np.float64)
    context = exchange.context_s(load, cell, cp, micro=micro, wait=launch, room=room, again=full)
    room = room - context.hidden
    expert = exchange.expert_s(load, plans, cell, room, full)
    free = part * (room - expert.hidden + again)
    shown = tensor.shown + context.shown + expert.shown
    stage = part * (core + again + launch + shown)
    head = np.where(flow.even > 0, micro.head, np.maximum(0.0, micro.head - stage / flow.layers))
    times = count * part
    compute = times * core + count * head
    replica = exchange.replica_s(load, plans, cell, flow, held=own, stage=free)
    pairs = exchange.stage_s(load, plans, cell, flow)
    bubble = flow.idle * stage
    optimizer = optimizer_s(load, plans, own)
    busy = count * (stage + head) + bubble + replica + pairs + optimizer
    return Parts(
        compute_s=compute,
        tp_s=times * tensor.shown,
        cp_s=times * context.shown,
        ep_s=times * expert.shown,
        pp_s=pairs,
        dp_s=replica,
        bubble_s=bubble,
        recompute_s=times * again,
        optimizer_s=optimizer,
        data_s=ends_s(load, plans, busy),
        launch_s=times * launch,
        memory=space,
        feasible=fits,
    )


def distinct_micro_batch(load: Load, plans: Plans, cell: Cell) -> Micro:
    """``micro_batch`` once for each distinct cell of the block: many plans differ only in what lies outside
    it."""
    if len(plans) < WORTH_SORTING:
        return micro_batch(load, cell)
    key = plans.tp.astype(np.int64)
    for column, bits in ((plans.cp, 12), (plans.ep, 12), (plans.micro_batch, 14), (plans.expert_tp, 8)):
        key = (key << bits) | column
    key = (key << 1) | plans.sequence_parallel
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    if 2 * len(first) > len(plans):
        return micro_batch(load, cell)
    few = Cell(*(getattr(cell, field.name)[first] for field in fields(Cell)))
    micro = micro_batch(load, few)
    return Micro(*(getattr(micro, field.name)[place] for field in fields(Micro)))


def launches(load: Load, plans: Plans, busy: Array) -> Array:
    """Gaps between kernels, and the host where it cannot launch as fast as the card computes, for one micro
    [s]."""
    model, c = load.work.model, load.c
    kernels = c.kernels_dense * model.layers + c.kernels_moe * model.moe_layers
    again = np.where(plans.recompute > SELECTIVE, 4.0 / 3.0, 1.0)
    host = again * (kernels * load.launch_s + model.moe_layers * load.moe_host_s)
    return np.maximum(again * kernels * load.gap_s, host - busy)


def optimizer_s(load: Load, plans: Plans, own: Held) -> Array:
    """The optimizer by bytes, its states split where ZeRO splits them [s]."""
    work, c = load.work, load.c
    tables = own.table * np.where(plans.pp == 1, 2.0, 1.0)
    dense = own.dense + tables
    split = np.where(
        plans.zero >= 1, dense / own.dense_split + own.expert / own.expert_split, dense + own.expert
    )
    split = split * (0.01 if work.training.lora else 1.0)
    pool = work.cluster.pool_bandwidth_bytes_per_s
    away = POOL_BYTES * split / pool if pool > 0 else np.full_like(split, np.inf)
    moved: Array = c.optimizer_bytes * split / load.memory_rate
    return np.where(plans.offload > 0, moved + away, moved)


def ends_s(load: Load, plans: Plans, busy: Array) -> Array:
    """Data, logging, the norm's all-reduce, and waiting for the slowest card [s]."""
    c = load.c
    cards = np.maximum(plans.cards.astype(np.float64), 1.0)
    hosts = np.maximum(cards / load.work.cluster.cards_per_host, 1.0)
    start = 2.0 * np.log2(cards) * load.hops[-1].latency_s
    return c.data_s + start + c.jitter * np.log2(hosts) * busy


def _joined(blocks: list[Parts]) -> Parts:
    times = {name: np.concatenate([getattr(b, name) for b in blocks]) for name in Parts.TIMES}
    causes = ("weights", "grads", "optimizer", "activations", "workspace")
    space = {name: np.concatenate([getattr(b.memory, name) for b in blocks]) for name in causes}
    return Parts(**times, memory=Memory(**space), feasible=np.concatenate([b.feasible for b in blocks]))


__all__ = ["BLOCK", "Micro", "basis", "cell_of", "evaluate"]
