"""What one micro-batch costs on one card: the list of a layer's operations, forward and backward.

A matrix product of ``m x k`` by ``k x n`` at the achieved rate ``R`` [FLOP/s] takes::

    max( 2 (m n + w) (k + k0) / R,   2 (m k + k n + m n) / B )

``w`` counts the outputs lost to the last part-filled wave of tiles (tiles x multiprocessors / 2), ``k0``
the inner length a tile's prologue and epilogue take: a smooth form of tile and wave quantisation. Backward
has two products with the roles exchanged: ``m x k`` over ``n`` for the input, ``n x k`` over ``m`` for the
weight. Below 16 bits each input is quantised first, by bytes.

Attention by blocks (Dao 2022, arXiv 2205.14135) skips the masked half and keeps no score; backward runs
five products where forward runs two. Written-out attention computes all scores and moves each of them
through memory. Norms, residuals, activations, rotations, permutations and the loss go by bytes. All times:
[plan], seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hesuan.planner.cost.arrays import Array
from hesuan.planner.cost.load import Load
from hesuan.planner.inputs import Model

WIDE_BYTES = 2.0
GROUP_STREAMS = 4.0
"""Products of a group that fill one another's last wave: a library runs them on so many streams."""
HIDDEN_BYTES = 10.0
"""Norm (read, write) and residual (read two, write) of one half layer, per hidden element, 16 bits."""
ROTATE_BYTES = 4.0
SSM_CONV_BYTES = 12.0
"""Convolution, gate and norm of a state-space layer, per inner element, 16 bits."""
BACKWARD_BYTES = 1.5
"""Memory-bound backward over forward: a norm reads two and writes one, a residual only passes on."""


@dataclass(frozen=True, slots=True)
class Micro:
    """One micro-batch through *all* layers on one (tensor, context) rank [s], pipeline not yet divided."""

    forward: Array
    backward: Array
    attention: Array
    """Core of attention within ``forward``."""
    head: Array
    """Vocabulary head and loss, forward and backward."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The sizes a layer's operations depend on, as float64 arrays [plan]."""

    tokens: Array
    """Tokens of one micro-batch on one card outside tensor parallel: ``b s / cp``."""
    tp: Array
    spread: Array
    """Cards that share norms and residuals: ``tp`` with sequence parallelism, else 1."""
    ep: Array
    expert_tp: Array


def micro_batch(load: Load, cell: Cell) -> Micro:
    """All layers of the model, for one micro-batch."""
    model = load.work.model
    more = 1.0 + model.mtp_layers / model.layers
    core_f, core_b = attention_core(load, cell)
    att_f, att_b = attention_products(load, cell)
    mlp_f, mlp_b = dense_mlp(load, cell, float(model.ffn))
    parts = [
        (model.attending, att_f, att_b),
        (model.dense_mlp_layers, mlp_f, mlp_b),
        (model.attending + model.with_mlp + model.ssm_layers, *_half_layer(load, cell)),
    ]
    if model.moe_layers:
        parts.append((model.moe_layers, *experts(load, cell)))
    if model.ssm_layers:
        parts.append((model.ssm_layers, *state_space(load, cell)))
    zero = np.zeros_like(cell.tokens)
    forward = sum((count * f for count, f, _ in parts if count), zero) + core_f
    backward = sum((count * b for count, _, b in parts if count), zero) + core_b
    head = vocabulary_head(load, cell) * (1.0 + model.mtp_layers)
    return Micro(forward * more, backward * more, core_f * more, head)


def product(
    load: Load,
    m: Array,
    n: Array | float,
    k: Array | float,
    *,
    groups: Array | float = 1.0,
    wide: bool = False,
) -> tuple[Array, Array]:
    """``groups`` products of ``m x k`` by ``k x n`` in one launch: forward and backward [s]."""
    rate = load.wide_rate if wide else load.rate
    w, k0 = load.wave * np.maximum(1.0, groups / GROUP_STREAMS), load.k_start
    m_all = groups * m
    weights = groups * (n * k if isinstance(n, float) and isinstance(k, float) else np.multiply(n, k))
    moved = WIDE_BYTES / load.memory_rate * (m_all * (n + k) + weights)
    forward = np.maximum(2.0 / rate * (m_all * n + w) * (k + k0), moved)
    into = np.maximum(2.0 / rate * (m_all * k + w) * (n + k0), moved)
    summed = 2.0 * load.work.training.grad_bytes / load.memory_rate * weights
    onto = np.maximum(2.0 / rate * (weights + w) * (m + k0), moved + summed)
    if load.work.training.lora:
        onto = np.zeros_like(onto)
    if load.cast_bytes and not wide:
        cast = load.cast_bytes / load.memory_rate * m_all
        return forward + cast * k, into + onto + cast * n
    return forward, into + onto


def _both(*costs: tuple[Array, Array]) -> tuple[Array, Array]:
    """Sums forward and backward times."""
    forward, backward = costs[0]
    for more_forward, more_backward in costs[1:]:
        forward = forward + more_forward
        backward = backward + more_backward
    return forward, backward


def _moved(load: Load, size: Array) -> tuple[Array, Array]:
    """Memory-bound work that moves ``size`` bytes forward [s]."""
    forward = load.elementwise / load.memory_rate * size
    return forward, BACKWARD_BYTES * forward


def _half_layer(load: Load, cell: Cell) -> tuple[Array, Array]:
    """Norm and residual around attention or around the MLP."""
    return _moved(load, HIDDEN_BYTES * load.work.model.hidden * cell.tokens / cell.spread)


def attention_products(load: Load, cell: Cell) -> tuple[Array, Array]:
    """Projections before and after the core, rotation included."""
    model, tokens, tp = load.work.model, cell.tokens, cell.tp
    hidden = float(model.hidden)
    if model.mla is not None:
        return _latent_products(load, cell)
    query = model.heads * model.head_dim / tp
    keys = 2.0 * model.head_dim * np.maximum(model.kv_heads / tp, 1.0)
    rotated = _moved(load, ROTATE_BYTES * tokens * (query + keys))
    return _both(product(load, tokens, query + keys, hidden), product(load, tokens, hidden, query), rotated)


def _latent_products(load: Load, cell: Cell) -> tuple[Array, Array]:
    """Multi-head latent attention: the low-rank chain; the compressions are not split by tensor parallel."""
    model, tokens, tp = load.work.model, cell.tokens, cell.tp
    m = model.mla
    assert m is not None
    hidden, heads = float(model.hidden), model.heads / tp
    own = tokens / cell.spread
    query = heads * float(m.nope + m.rope)
    costs = [
        product(load, own, float(m.kv_lora + m.rope), hidden),
        product(load, tokens, heads * float(m.nope + m.value), float(m.kv_lora)),
        product(load, tokens, hidden, heads * float(m.value)),
        _moved(load, ROTATE_BYTES * (tokens * 2.0 * query + own * (m.kv_lora + m.q_lora))),
    ]
    if m.q_lora:
        costs += [
            product(load, own, float(m.q_lora), hidden),
            product(load, tokens, query, float(m.q_lora)),
        ]
    else:
        costs.append(product(load, tokens, query, hidden))
    return _both(*costs)


def attention_core(load: Load, cell: Cell) -> tuple[Array, Array]:
    """Scores, softmax and weighted values of all attention layers together."""
    model, training, c = load.work.model, load.work.training, load.c
    zero = np.zeros_like(cell.tokens)
    if not model.attending:
        return zero, zero
    causal = training.flash_attention
    per_token = model.attention_flops_per_token(training.seq, causal=causal) / (
        1.0 + model.mtp_layers / model.layers
    )
    flops = per_token * cell.tokens / cell.tp
    if not causal:
        scores = model.attending * model.heads * float(training.seq) * cell.tokens / cell.tp
        moved = c.plain_attention_bytes / load.memory_rate * scores
        aligned = 1.0 if model.head_dim % 8 == 0 else c.odd_head_share
        forward = flops / (aligned * c.plain_attention_share / c.gemm_share * load.wide_rate) + moved
        return forward, 2.0 * forward
    head = float(_head_size(model))
    rate = load.attention_rate * head / (head + load.softmax_head)
    forward = flops / rate * (1.0 + c.attention_start / training.seq)
    return forward, 2.5 / c.attention_backward * forward


def _head_size(model: Model) -> float:
    """Mean width of the two products of one head."""
    if model.mla is None:
        return float(model.head_dim)
    return (model.mla.nope + model.mla.rope + model.mla.value) / 2.0


def dense_mlp(load: Load, cell: Cell, width: float) -> tuple[Array, Array]:
    """Up (and gate), activation, down of one MLP of ``width``."""
    model, tokens = load.work.model, cell.tokens
    zero = np.zeros_like(tokens)
    if not width:
        return zero, zero
    gates = model.mlp_matrices - 1.0
    own = width / cell.tp
    return _both(
        product(load, tokens, gates * own, float(model.hidden)),
        product(load, tokens, float(model.hidden), own),
        _moved(load, WIDE_BYTES * (gates + 1.0) * tokens * own),
    )


def experts(load: Load, cell: Cell) -> tuple[Array, Array]:
    """Router, permutation, grouped routed experts and shared experts of one layer.

    A card holds ``E / ep`` experts, split ``expert_tp`` ways; each gets ``tokens top_k ep / E`` tokens of the
    expert group, the busiest card ``imbalance`` times as many.
    """
    model, c = load.work.model, load.c
    own = cell.tokens / cell.tp
    local = model.experts / cell.ep
    routed = own * model.top_k * load.work.training.imbalance * cell.expert_tp
    each = routed / local
    inner = float(model.expert_hidden or model.hidden)
    width = model.expert_ffn / cell.expert_tp
    gates = model.mlp_matrices - 1.0
    costs = [
        product(load, each, gates * width, inner, groups=local),
        product(load, each, inner, width, groups=local),
        _moved(load, WIDE_BYTES * (gates + 1.0) * routed * width),
        _moved(load, WIDE_BYTES * c.permute_passes * inner * routed),
        product(load, own, float(model.experts), float(model.hidden), wide=True),
    ]
    if model.expert_hidden:
        costs += [
            product(load, own, inner, float(model.hidden)),
            product(load, own, float(model.hidden), inner),
        ]
    shared = float(model.shared_ffn or model.shared_experts * model.expert_ffn)
    if shared:
        costs.append(dense_mlp(load, cell, shared))
    forward, backward = _both(*costs)
    return forward / load.expert_rate, backward / load.expert_rate


def state_space(load: Load, cell: Cell) -> tuple[Array, Array]:
    """A Mamba-2 layer: projections, convolution and chunked scan (Dao, Gu 2024, arXiv 2405.21060)."""
    model, tokens, tp = load.work.model, cell.tokens, cell.tp
    hidden, inner = float(model.hidden), model.ssm_inner / tp
    into = inner * (2.0 + 2.0 * model.ssm_groups * model.ssm_state / model.ssm_inner)
    scan = 6.0 * tokens * inner * model.ssm_state / (load.c.scan_share * load.wide_rate)
    return _both(
        product(load, tokens, into, hidden),
        product(load, tokens, hidden, inner),
        _moved(load, SSM_CONV_BYTES * tokens * inner),
        (scan, 2.0 * scan),
    )


def vocabulary_head(load: Load, cell: Cell) -> Array:
    """Head and cross entropy of one micro-batch, forward and backward, in 16 bits."""
    model = load.work.model
    own = model.vocab / cell.tp
    forward, backward = product(load, cell.tokens, own, float(model.hidden), wide=True)
    return forward + backward + load.c.loss_bytes / load.memory_rate * cell.tokens * own
