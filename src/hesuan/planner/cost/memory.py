"""What the fullest card holds, by cause [byte].

Weights, gradients, optimizer (``P`` weights of the card, ``z`` cards share)::

    ZeRO 0    2 P,      g P,      12 P             (16-bit weight; gradient of g bytes; master, two moments)
    ZeRO 1    2 P,      g P,      12 P / z
    ZeRO 2    2 P,      g P / z,  12 P / z
    ZeRO 3    4 P / z + 2 (two layers gathered),  g P / z,  8 P / z   (the 32-bit shard is the weight)

Activations by Korthikanti et al. 2022 (arXiv 2205.05198), generalised: per token of one layer, 16 bits::

    shared by sequence parallelism    norm inputs and outputs   2 * 2h + 2 * 2h, dropout masks 2h before 2023
    shared by tensor parallelism      query, keys, values, core's output, MLP's inner values, scores unless
    recomputed experts                           routed copies: input, inner values, output

which is their ``s b h (34 + 5 a s / h) / t`` for a GPT with tensor and sequence parallelism. Full
recomputation keeps a layer's input and one whole layer. A stage holds as many micro-batches as its schedule
keeps alive. The first and the last stage are compared (embedding and most micro-batches; head and logits)
and the fuller one is reported.
"""

from __future__ import annotations

import numpy as np

from hesuan.planner.constants import Constants
from hesuan.planner.cost.arrays import EVERY_LAYER, Array, Memory, Plans
from hesuan.planner.cost.compute import Cell
from hesuan.planner.cost.load import UNFUSED_BEFORE, Load
from hesuan.planner.cost.pipeline import Pipe
from hesuan.planner.cost.weights import Held

STATE_BYTES = 12.0
MASTER_BYTES = 4.0
WEIGHT_BYTES = 2.0
FULL, SELECTIVE = 2, 1


def memory(load: Load, plans: Plans, cell: Cell, pipe: Pipe, held: Held) -> Memory:
    """Memory of the fullest card of each plan."""
    model, c = load.work.model, load.c
    layer = (model.attending * attention_bytes(load, plans, cell) + mlp_bytes(load, cell)) / model.layers
    sharded = plans.zero >= 3
    if load.work.training.flash_attention:
        layer = np.where(sharded & (plans.recompute == SELECTIVE), c.selective_share_sharded * layer, layer)
    share = recomputed_share(plans, pipe)
    kept = WEIGHT_BYTES * model.hidden * cell.tokens / cell.spread
    stage = pipe.layers * (layer * (1.0 - share) + kept * share)
    working = np.where(share > 0.0, layer, 0.0)
    logits = np.where(sharded, c.logit_bytes_sharded, c.logit_bytes) * cell.tokens * model.vocab / cell.tp
    lone = plans.pp == 1
    first = pipe.alive_first * stage + working + np.where(lone, logits, 0.0)
    last = pipe.alive_last * stage + working + logits
    heads = 1.0 if model.tied else 2.0
    tables = np.where(lone, heads, 1.0) * held.table
    static_layers = _states(load, plans, held, pipe, tables)
    activations = np.maximum(first, last)
    return _with_workspace(c, static_layers, activations)


def _with_workspace(c: Constants, states: tuple[Array, Array, Array], activations: Array) -> Memory:
    weights, grads, optimizer = states
    lost = c.fragmentation * (weights + grads + optimizer + activations)
    return Memory(weights, grads, optimizer, activations, c.reserve_bytes + lost)


def _states(load: Load, plans: Plans, held: Held, pipe: Pipe, tables: Array) -> tuple[Array, Array, Array]:
    """Weights, gradients and optimizer states [byte]."""
    training = load.work.training
    dense = held.dense * pipe.copies + tables
    expert = held.expert * pipe.copies
    own = dense + expert
    split = dense / held.dense_split + expert / held.expert_split
    gathered = 2.0 * WEIGHT_BYTES * (held.dense + held.expert) / pipe.layers
    trained = 0.01 if training.lora else 1.0
    three = plans.zero >= 3
    weights = np.where(three, MASTER_BYTES * split + gathered, WEIGHT_BYTES * own)
    grads = trained * training.grad_bytes * np.where(plans.zero >= 2, split, own)
    states = np.where(
        three, (STATE_BYTES - MASTER_BYTES) * split, STATE_BYTES * np.where(plans.zero >= 1, split, own)
    )
    return weights, grads, trained * np.where(plans.offload > 0, 0.0, states / pipe.copies)


def recomputed_share(plans: Plans, pipe: Pipe) -> Array:
    """Share of a stage's layers that full recomputation covers; 0 elsewhere."""
    some = np.where(plans.recompute_layers == EVERY_LAYER, pipe.layers, plans.recompute_layers)
    share: Array = np.where(plans.recompute == FULL, np.minimum(some / pipe.layers, 1.0), 0.0)
    return share


def attention_bytes(load: Load, plans: Plans, cell: Cell) -> Array:
    """Activations of the attention half of one layer, one micro-batch [byte]."""
    model, training = load.work.model, load.work.training
    own = cell.tokens / cell.spread
    mask = 1.0 if training.era < UNFUSED_BEFORE else 0.0
    hidden = own * model.hidden * (2.0 * WEIGHT_BYTES + mask)
    m = model.mla
    if m is not None:
        per_head = 2.0 * (m.nope + m.rope) + 2.0 * m.value
        inner = WEIGHT_BYTES * (model.heads * per_head * cell.tokens / cell.tp)
        return hidden + inner + 2.0 * WEIGHT_BYTES * own * (m.q_lora + m.kv_lora + m.rope)
    width = 2.0 * model.heads * model.head_dim / cell.tp
    width = width + 2.0 * model.head_dim * np.maximum(model.kv_heads / cell.tp, 1.0)
    scores = 0.0 if training.flash_attention else 5.0 * model.heads * float(training.seq)
    stored = np.where(plans.recompute == SELECTIVE, 0.0, scores / cell.tp)
    return hidden + cell.tokens * (WEIGHT_BYTES * width + stored)


def mlp_bytes(load: Load, cell: Cell) -> Array:
    """Activations of the MLP halves (or experts, or state space) of *all* layers, one micro-batch [byte]."""
    model, training = load.work.model, load.work.training
    own = cell.tokens / cell.spread
    mask = 1.0 if training.era < UNFUSED_BEFORE else 0.0
    half = own * model.hidden * (2.0 * WEIGHT_BYTES + mask)
    total = model.with_mlp * half
    values = WEIGHT_BYTES * model.mlp_matrices
    total = total + model.dense_mlp_layers * values * model.ffn * cell.tokens / cell.tp
    if model.moe_layers:
        inner = float(model.expert_hidden or model.hidden)
        routed = model.top_k * training.imbalance * cell.tokens / cell.tp
        shared = float(model.shared_ffn or model.shared_experts * model.expert_ffn)
        each = routed * (2.0 * WEIGHT_BYTES * inner + values * model.expert_ffn)
        total = total + model.moe_layers * (each + values * shared * cell.tokens / cell.tp)
    if model.ssm_layers:
        total = total + model.ssm_layers * (
            half + 6.0 * WEIGHT_BYTES * model.ssm_inner * cell.tokens / cell.tp
        )
    return total
