"""Communication of a step, per parallel dimension, and how much of it shows.

What hides: ``exposed = max(comm (1 - hide), comm - room)`` where ``hide`` is the share that the software
runs beside compute and ``room`` the time the card computes, or waits for its host, and no other exchange
hides behind: tensor, context, expert and data parallel traffic take from one room in this order, since a
second of compute that hides two would make a faster chip slower. What hides still takes multiprocessors and
bandwidth: ``contention`` of the hidden time comes back. Times [s], arrays [plan]; "micro" is one micro-batch
through all layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hesuan.planner.cost.arrays import Array, Plans
from hesuan.planner.cost.collective import all_reduce_s, all_to_all_s, scatter_s, send_s
from hesuan.planner.cost.compute import WIDE_BYTES, Cell, Micro
from hesuan.planner.cost.load import Load
from hesuan.planner.cost.pipeline import DUALPIPE, Pipe
from hesuan.planner.cost.weights import Held
from hesuan.planner.inputs import Precision

NARROW_GRADIENTS_FROM = 2024.0
"""Era from which stacks reduce gradients in 16 bits although they add them up in 32."""
DEDUPLICATED_FROM = 2025.0
"""Era from which a routed token crosses into a domain once (DeepEP, HybridEP)."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One kind of traffic: what of it shows, contention included, and the room that the rest took [s]."""

    shown: Array
    hidden: Array


def exposed(load: Load, comm: Array, hide: Array | float, room: Array) -> Exchange:
    """Splits ``comm``: what shows is never more than all of it, what hides never more than ``room``."""
    shown = np.maximum(comm * (1.0 - hide), comm - np.maximum(room, 0.0))
    hidden = comm - shown
    return Exchange(shown + load.c.contention * hidden, hidden)


def tensor_s(load: Load, plans: Plans, cell: Cell, room: Array, again: Array) -> Exchange:
    """Tensor parallelism of one micro: after each split pair of products the partial sums meet.

    All-reduce, or all-gather and reduce-scatter of the same volume, once forward and once backward for
    attention and for the MLP, and once more for recomputed layers (share ``again``).
    """
    model, c = load.work.model, load.c
    shared = bool(model.shared_experts or model.shared_ffn)
    pairs = model.attending + model.dense_mlp_layers + model.ssm_layers
    folded = np.where((plans.expert_tp > 1) | shared, 1.0, 0.0) * model.moe_layers
    payload = WIDE_BYTES * model.hidden * cell.tokens
    once = all_reduce_s(load, payload, cell.tp, np.ones_like(cell.tp))
    comm = (pairs + folded) * (2.0 + again) * once
    base = c.tp_overlap if load.era >= c.overlap_era else 0.0
    hide = np.where(plans.overlap_tp > 0, c.tp_overlap_asked, base)
    return exposed(load, comm, hide, room)


def context_s(
    load: Load, cell: Cell, cp: Array, *, micro: Micro, wait: Array, room: Array, again: Array
) -> Exchange:
    """Context parallelism of one micro: keys and values pass round, forward, and with gradients backward;
    only attention hides them, and ``wait`` for the host."""
    model, c = load.work.model, load.c
    width = 2.0 * model.head_dim * np.maximum(model.kv_heads / cell.tp, 1.0)
    if model.mla is not None:
        width = model.heads * float(model.mla.nope + model.mla.rope + model.mla.value) / cell.tp
    payload = WIDE_BYTES * width * cell.tokens * cp
    comm = model.attending * (3.0 + again) * scatter_s(load, payload, cp, cell.tp)
    attention = micro.attention * (1.0 + 2.5 / c.attention_backward)
    return exposed(load, comm, c.cp_overlap, np.minimum(attention + wait, room))


def expert_s(load: Load, plans: Plans, cell: Cell, room: Array, again: Array) -> Exchange:
    """Expert parallelism of one micro: dispatch and combine, forward and backward."""
    model, training, c = load.work.model, load.work.training, load.c
    if not model.moe_layers:
        return Exchange(np.zeros_like(cell.tokens), np.zeros_like(cell.tokens))
    inner = float(model.expert_hidden or model.hidden)
    payload = WIDE_BYTES * inner * model.top_k * training.imbalance * cell.tokens / cell.tp
    copies = float(model.top_k) if load.era >= DEDUPLICATED_FROM else 1.0
    once = all_to_all_s(load, payload, cell.ep, cell.expert_tp, copies)
    comm = model.moe_layers * (4.0 + 2.0 * again) * once
    asked = (plans.overlap_ep > 0) | (plans.schedule == DUALPIPE)
    base = c.ep_overlap_base if load.era >= c.overlap_era else 0.0
    hide = np.where(asked, c.ep_overlap, base)
    return exposed(load, comm, hide, room)


def stage_s(load: Load, plans: Plans, cell: Cell, pipe: Pipe) -> Array:
    """Sends between stages in one *step*: activations forward, gradients backward, for every chunk.

    Each card of a tensor group sends its share and the receivers gather it (Narayanan et al. 2021, section
    4.1).
    """
    c = load.c
    p = plans.pp.astype(np.float64)
    payload = WIDE_BYTES * load.work.model.hidden * cell.tokens / cell.tp
    stride = (plans.tp * plans.cp * plans.dp).astype(np.float64)
    once = send_s(load, payload, p, stride)
    chunks = np.maximum(plans.vpp, 1)
    hide = np.where(plans.overlap_pp > 0, c.pp_overlap, 0.0)
    total: Array = 2.0 * chunks * once * (pipe.micro_batches * (1.0 - hide) + (p - 1.0) / chunks)
    return total


def replica_s(load: Load, plans: Plans, cell: Cell, pipe: Pipe, *, held: Held, stage: Array) -> Array:
    """Data parallelism of one *step*: gradients meet, weights are gathered; ``stage``: what is left of one
    micro to hide behind [s]."""
    c, training = load.c, load.work.training
    tables = held.table * np.where(plans.pp == 1, 2.0, 1.0)
    dense = _group_s(
        load,
        plans,
        held.dense + tables,
        (held.dense_ranks, held.dense_split),
        stride=cell.tp,
        micros=pipe.micro_batches,
    )
    spread = cell.ep * cell.expert_tp
    expert = _group_s(
        load,
        plans,
        held.expert,
        (held.expert_ranks, held.expert_split),
        stride=spread,
        micros=pipe.micro_batches,
    )
    comm = (dense + expert) * (0.01 if training.lora else 1.0)
    three = plans.zero >= 3
    hide = np.where(three, c.fsdp_overlap, c.dp_overlap)
    hide = np.where(plans.overlap_dp > 0, hide, 0.0)
    room = np.where(three, pipe.micro_batches * stage, stage)
    return exposed(load, comm, hide, room).shown


def reduced_bytes(load: Load) -> float:
    """Bytes of one gradient on the wire: 16 bits where products are FP16, and in every stack from 2024 on."""
    training = load.work.training
    narrow = training.precision is Precision.FP16 or load.era >= NARROW_GRADIENTS_FROM
    return min(training.grad_bytes, WIDE_BYTES) if narrow else training.grad_bytes


def _group_s(
    load: Load, plans: Plans, weights: Array, group: tuple[Array, Array], *, stride: Array, micros: Array
) -> Array:
    """Gradient and weight traffic of one kind of weights in one step [s].

    ZeRO 0: all-reduce. ZeRO 1, 2: reduce-scatter and all-gather. ZeRO 3: two gathers and a reduce-scatter per
    micro-batch. Copies beyond the split (``ranks > split``) all-reduce their shards.
    """
    ranks, split = group
    grad_bytes = reduced_bytes(load)
    inside = np.where(plans.zero >= 1, split, ranks)
    gather = scatter_s(load, WIDE_BYTES * weights, inside, stride)
    reduce = gather * (grad_bytes / WIDE_BYTES)
    across = all_reduce_s(load, grad_bytes * weights / inside, ranks / inside, stride * inside)
    whole = 2.0 * reduce
    shared = reduce + gather + across
    fully = micros * (2.0 * gather + reduce) + across
    cost: Array = np.where(plans.zero == 0, whole, np.where(plans.zero >= 3, fully, shared))
    return np.where(weights > 0.0, cost, 0.0)
