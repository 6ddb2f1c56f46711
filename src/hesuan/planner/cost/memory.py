"""What the job needs on the fullest card at its peak, by cause [byte].

Weights, gradients, optimizer (``P`` weights of the card, ``z`` cards share, ``g`` and ``s`` as asked)::

    ZeRO 0    2 P,      g P,      s P         (16-bit weight; s = 12: master copy and two moments in 32 bits)
    ZeRO 1    2 P,      g P,      s P / z
    ZeRO 2    2 P,      g P / z,  s P / z     (under a pipeline g P: summed whole over the micro-batches)
    ZeRO 3    4 P / z + gathered,  g P / z,  (s - 4) P / z   (the 32-bit shard is the weight)

Gathered are two layers, and embedding and head for the whole step: they belong to the outermost group.

Activations by Korthikanti et al. 2022 (arXiv 2205.05198), generalised: per token of one layer, 16 bits::

    shared by sequence parallelism    norm inputs and outputs   2 * 2h + 2 * 2h, dropout masks 2h before 2023
    shared by tensor parallelism      query, keys, values, core's output, MLP's inner values, scores unless
    recomputed experts                           routed copies: input, inner values, output

which is their ``s b h (34 + 5 a s / h) / t`` for a GPT with tensor and sequence parallelism. Full
recomputation keeps a layer's input. A stage holds as many micro-batches as its schedule keeps alive. On top
comes the larger of two moments: the loss (logits in every copy the stack makes), or the backward pass of one
layer (gradients of its activations, itself anew if recomputed, its weight gradients in 16 bits). The first
and the last stage are compared (embedding and most micro-batches; head and loss) and the fuller one is
reported.

What the allocator keeps beyond the need is not here: it gives blocks back when the card is full. A monitor
sees it, though; see :func:`kept`.
"""

from __future__ import annotations

import numpy as np

from hesuan.planner.constants import Constants
from hesuan.planner.cost.arrays import EVERY_LAYER, Array, Memory, Plans
from hesuan.planner.cost.compute import Cell
from hesuan.planner.cost.load import UNFUSED_BEFORE, Load
from hesuan.planner.cost.pipeline import Pipe
from hesuan.planner.cost.weights import Held
from hesuan.planner.inputs import Model, Training

MASTER_BYTES = 4.0
WEIGHT_BYTES = 2.0
FULL, SELECTIVE, NONE = 2, 1, 0


def memory(load: Load, plans: Plans, cell: Cell, pipe: Pipe, held: Held) -> Memory:
    """Memory needed on the fullest card of each plan."""
    layer = _layer_bytes(load, plans, cell)
    share = recomputed_share(plans, pipe)
    whole = plans.zero < 3
    inputs = WEIGHT_BYTES * load.work.model.hidden * cell.tokens
    stage = pipe.layers * (layer * (1.0 - share) + inputs / cell.spread * share)
    backward = layer * np.where(share > 0.0, 2.0, 1.0) - _scores_bytes(load, plans, cell)
    backward += np.where(whole, WEIGHT_BYTES * (held.dense + held.expert) / pipe.layers, 0.0)
    loss = _loss_bytes(load, plans, cell) + np.where(whole, WEIGHT_BYTES * held.table, 0.0)
    last = np.maximum(backward, loss)
    lone = plans.pp == 1
    first = pipe.alive_first * stage + np.where(lone, last, backward)
    received = np.where((plans.zero >= 2) & ~lone, 2.0 * pipe.alive_first * inputs, 0.0)
    activations = np.maximum(first, pipe.alive_last * stage + last) + received
    tables = np.where(lone & (not load.work.model.tied), 2.0, 1.0) * held.table
    weights, grads, optimizer = _states(load, plans, held, pipe, tables)
    return Memory(weights, grads, optimizer, activations, np.full_like(activations, load.c.reserve_bytes))


def kept(needed: Memory, c: Constants) -> Array:
    """What a monitor of the card reads where a job needs ``needed`` [byte]; [plan].

    Weights and states lie where they were put; what comes and goes leaves holes, a share ``fragmentation`` of
    the activations, and ``kept_bytes`` of part-filled segments and of buffers of the groups of ranks. Both
    shrink when the card is full, and nothing here says how much room it has.
    """
    return needed.total + c.fragmentation * needed.activations + c.kept_bytes


def _layer_bytes(load: Load, plans: Plans, cell: Cell) -> Array:
    """Activations of a mean layer, one micro-batch [byte].

    Stacks that shard weights and compile (PyTorch) compute the norms' outputs anew instead of keeping them.
    """
    model, training = load.work.model, load.work.training
    layer: Array = (
        model.attending * attention_bytes(load, plans, cell) + mlp_bytes(load, cell)
    ) / model.layers
    if training.flash_attention:
        some = (plans.zero >= 3) & (plans.recompute == SELECTIVE)
        layer = np.where(some, load.c.selective_share_sharded * layer, layer)
    if training.compiled:
        norms = 2.0 * WEIGHT_BYTES * model.hidden * cell.tokens / cell.spread
        layer = layer - np.where((plans.zero >= 3) & (plans.recompute != SELECTIVE), norms, 0.0)
    else:
        layer = layer + np.where(plans.recompute == NONE, eager_bytes(load, cell), 0.0)
    return layer


def _scores_bytes(load: Load, plans: Plans, cell: Cell) -> Array:
    """Written-out scores of a mean layer: their gradient takes their place."""
    model, training = load.work.model, load.work.training
    width = 0.0 if training.flash_attention else scores_width(model, training)
    share = model.attending / model.layers
    scores: Array = np.where(plans.recompute == SELECTIVE, 0.0, share * width * cell.tokens / cell.tp)
    return scores


def _loss_bytes(load: Load, plans: Plans, cell: Cell) -> Array:
    """Logits of one micro-batch in all copies that cross entropy holds at once [byte]."""
    c = load.c
    logits: Array = cell.tokens * load.work.model.vocab / cell.tp
    if load.work.training.fused_loss:
        return c.logit_bytes_fused * logits
    return np.where(plans.zero >= 2, c.logit_bytes_sharded, c.logit_bytes) * logits


def _states(load: Load, plans: Plans, held: Held, pipe: Pipe, tables: Array) -> tuple[Array, Array, Array]:
    """Weights, gradients and optimizer states [byte]."""
    training = load.work.training
    dense = held.dense * pipe.copies + tables
    expert = held.expert * pipe.copies
    own = dense + expert
    split = dense / held.dense_split + expert / held.expert_split
    gathered = WEIGHT_BYTES * (2.0 * (held.dense + held.expert) / pipe.layers + tables)
    trained = 0.01 if training.lora else 1.0
    three = plans.zero >= 3
    weights = np.where(three, MASTER_BYTES * split + gathered, WEIGHT_BYTES * own)
    shared = three | ((plans.zero == 2) & (plans.pp == 1))
    grads = trained * training.grad_bytes * np.where(shared, split, own)
    state = training.state_bytes
    states = np.where(
        three, max(state - MASTER_BYTES, 0.0) * split, state * np.where(plans.zero >= 1, split, own)
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
        # Values stay a view of the up-projection's output, so the keys' part stays with them.
        per_head = 2.0 * (m.nope + m.rope) + (m.nope + m.value) + m.value
        inner = WEIGHT_BYTES * (model.heads * per_head * cell.tokens / cell.tp)
        return hidden + inner + 2.0 * WEIGHT_BYTES * own * (m.q_lora + m.kv_lora + m.rope)
    width = 2.0 * model.heads * model.head_dim / cell.tp
    width = width + 2.0 * model.head_dim * np.maximum(model.kv_heads / cell.tp, 1.0)
    scores = 0.0 if training.flash_attention else scores_width(model, training)
    stored = np.where(plans.recompute == SELECTIVE, 0.0, scores / cell.tp)
    return hidden + cell.tokens * (WEIGHT_BYTES * width + stored)


def scores_width(model: Model, training: Training) -> float:
    """Bytes of one token's scores, all heads: 16-bit before and after dropout, and its mask."""
    return 5.0 * model.heads * float(training.seq)


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


def eager_bytes(load: Load, cell: Cell) -> Array:
    """What a layer of single kernels keeps beside a fused one, one micro-batch [byte].

    Each norm its input in 32 bits and the normalised values (``6 h``), the rotation its rotated halves of
    query and keys, a gated MLP the activated gate.
    """
    model = load.work.model
    norms = 2.0 * 6.0 * model.hidden * cell.tokens / cell.spread
    turned = WEIGHT_BYTES * model.head_dim * (model.heads + model.kv_heads) * cell.tokens / cell.tp
    gate = WEIGHT_BYTES * (model.mlp_matrices - 2.0) * model.ffn * cell.tokens / cell.tp
    total: Array = norms + turned + gate
    return total
