"""One forward pass of one instance: decode step or prefill batch, its time by cause.

Each operator costs ``max(FLOPs / rate, bytes / bandwidth)``, plus a start-up for every kernel, plus
collectives. Operators: attention projections, core of attention, state-space layers, dense MLP, routed and
shared experts, head. Formulas with symbols: ``docs/model/serving.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from hesuan.planner.serving.cases import Array, Cases, Pools
from hesuan.planner.serving.constants import ServingConstants
from hesuan.planner.serving.fabric import all_reduce_s, all_to_all_s


@dataclass(frozen=True, slots=True)
class StepParts:
    """Time of one pass by cause [s], each ``[case]``."""

    projection_s: Array
    core_s: Array
    mlp_s: Array
    experts_s: Array
    head_s: Array
    tp_s: Array
    ep_s: Array
    """Exposed."""
    launch_s: Array
    host_s: Array

    @property
    def total_s(self) -> Array:
        """The sum."""
        return np.asarray(sum(getattr(self, f.name) for f in fields(self)))

    def scaled(self, factor: Array) -> StepParts:
        """The same pass, every part longer by ``factor``."""
        return StepParts(**{f.name: getattr(self, f.name) * factor for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Load:
    """What one attention rank group computes in a pass, each ``[case]``."""

    tokens: Array
    """New tokens."""
    requests: Array
    """Requests they belong to: rows of the head."""
    context: Array
    """Keys a new token sees, on average."""
    decoding: bool
    active: Array | float = 1.0
    """Share of the attention-DP ranks that have tokens at all."""


def forward(c: Cases, k: ServingConstants, pool: Pools, load: Load) -> StepParts:
    """One pass over all layers."""

    def products(weights: Array) -> Array:
        return _product_s(
            c, k, weights=weights, tokens=load.tokens, rate=c.linear_flops, weight_bytes=c.linear_bytes
        )

    projection = c.attending * products(c.sharded_params / pool.tp + c.whole_params)
    projection = projection + c.ssm_layers * products(c.ssm_params / pool.tp)
    mlp = c.dense_layers * products(c.dense_params / pool.tp)
    mlp = mlp + c.moe_layers * products(c.shared_params / pool.tp)
    head = _product_s(
        c,
        k,
        weights=c.head_params / pool.tp,
        tokens=load.requests,
        rate=c.core_flops,
        weight_bytes=np.full_like(c.isl, 2.0),
    )
    core = _core_s(c, k, pool, load)
    experts = _experts_s(c, k, pool, load)
    ep = _exchange_s(c, k, pool, load)
    compute = projection + core + mlp + experts
    ep = ep - np.minimum(ep * k.hidden_share, compute * k.hidden_share) * c.overlap
    return StepParts(
        projection_s=projection,
        core_s=core,
        mlp_s=mlp,
        experts_s=experts,
        head_s=head,
        tp_s=_reduce_s(c, k, pool, load),
        ep_s=ep,
        launch_s=_kernels(c) * _kernel_s(c, k),
        host_s=(k.step_s + k.row_s * load.requests) * _era(c, k),
    )


def mixed(c: Cases, k: ServingConstants, pool: Pools, decode: Load, prompts: Load) -> StepParts:
    """One pass that carries prompts beside the decoding requests: weights are streamed once for both."""
    tokens, requests = decode.tokens + prompts.tokens, decode.requests + prompts.requests
    joint = forward(c, k, pool, Load(tokens, requests, prompts.context, decoding=False))
    return replace(joint, core_s=_core_s(c, k, pool, decode) + _core_s(c, k, pool, prompts))


def _product_s(
    c: Cases, k: ServingConstants, *, weights: Array, tokens: Array, rate: Array, weight_bytes: Array
) -> Array:
    """``max(2 T W / (rate share fill(T)), W b / (bandwidth share))``, ``fill(T) = T / (T + tile)`` [s]."""
    fill = tokens / (tokens + k.tile_tokens)
    compute = 2.0 * tokens * weights / (rate * k.gemm_share * np.maximum(fill, 1e-9))
    memory = weights * weight_bytes / (c.bandwidth * k.memory_share)
    return np.asarray(np.maximum(compute, memory))


def _seen(c: Cases, context: Array) -> Array:
    """Keys seen, summed over attention layers, windows respected."""
    context = np.where(c.indexed_keys > 0, np.minimum(context, c.indexed_keys), context)
    windowed = np.minimum(np.where(c.window > 0, c.window, context), context)
    return np.asarray((c.attending - c.window_layers) * context + c.window_layers * windowed)


def _core_s(c: Cases, k: ServingConstants, pool: Pools, load: Load) -> Array:
    """Scores and weighted values; in decode the cache is streamed once for each request [s]."""
    heads = c.heads / pool.tp
    seen = _seen(c, load.context)
    plain = np.where(c.mla > 0, c.nope + c.rope + c.value, 2.0 * c.head_dim)
    if not load.decoding:
        return np.asarray(2.0 * load.tokens * heads * plain * seen / (c.core_flops * k.core_share))
    width = np.where(c.mla > 0, 2.0 * c.kv_lora + c.rope, 2.0 * c.head_dim)
    compute = 2.0 * load.tokens * heads * width * seen / (c.core_flops * k.core_share)
    memory = load.requests * seen * cache_width(c, pool) * c.kv_bytes / (c.bandwidth * k.memory_share)
    return np.asarray(np.maximum(compute, memory))


def cache_width(c: Cases, pool: Pools) -> Array:
    """Elements one token keeps in one layer's cache on one rank.

    MLA's latent is not cut by TP, grouped queries' heads down to one.
    """
    grouped = 2.0 * c.head_dim * np.maximum(c.kv_heads / pool.tp, 1.0)
    return np.asarray(np.where(c.mla > 0, c.kv_lora + c.rope, grouped))


def touched_experts(experts: Array, top_k: Array, tokens: Array, spread: float = 1.0) -> Array:
    """Expected distinct experts that ``tokens`` choices of ``top_k`` touch: ``E (1 - (1 - k/E)^T')``.

    ``T' = 1 + spread (T - 1)``: tokens choose alike, so further ones count as a share of an independent one.
    """
    share = np.where(experts > 0, top_k / np.maximum(experts, 1.0), 0.0)
    unlike = np.maximum(1.0 + spread * (tokens - 1.0), np.minimum(tokens, 1.0))
    return np.asarray(experts * (1.0 - (1.0 - np.minimum(share, 1.0 - 1e-12)) ** unlike))


def _experts_s(c: Cases, k: ServingConstants, pool: Pools, load: Load) -> Array:
    """Routed experts of one rank, the tokens of the whole instance spread over ``ep`` ranks [s]."""
    everyone = load.tokens * pool.dp * load.active
    uneven = np.where(pool.ep > 1, np.where(c.imbalance > 0, c.imbalance, k.imbalance), 1.0)
    weights = c.expert_params / np.maximum(pool.tp * pool.dp / pool.ep, 1.0)
    rows = everyone * c.top_k / pool.ep * uneven
    touched = touched_experts(c.experts, c.top_k, everyone, k.spread) / pool.ep
    each = rows / np.maximum(touched, 1e-9)
    fill = each / (each + k.expert_tile)
    rate = c.expert_flops * k.grouped_share * np.maximum(fill, 1e-9)
    compute = 2.0 * rows * weights / rate
    memory = _busiest(c, k, pool, touched) * weights * c.expert_bytes
    return np.asarray(c.moe_layers * np.maximum(compute, memory / (c.bandwidth * k.memory_share)))


def _busiest(c: Cases, k: ServingConstants, pool: Pools, touched: Array) -> Array:
    """Distinct experts of the rank that touches most: ``sqrt(2 ln ep m (1 - p))`` above the mean ``m``.

    The largest of ``ep`` binomial counts, ``p = m ep / E``; few tokens on many ranks fall unevenly.
    """
    share = touched * pool.ep / np.maximum(c.experts, 1.0)
    above = np.sqrt(2.0 * np.log(pool.ep) * touched * np.maximum(1.0 - share, 0.0))
    return np.asarray(np.minimum(touched + k.straggle * above, np.maximum(c.experts / pool.ep, touched)))


def _reduce_s(c: Cases, k: ServingConstants, pool: Pools, load: Load) -> Array:
    """All-reduces of TP: after attention, and after the MLP where its ranks share the tokens [s]."""
    payload = load.tokens * c.hidden * 2.0
    one = all_reduce_s(c, k, pool.tp, payload)
    mixing = c.attending + c.ssm_layers
    shared = np.where(pool.dp > 1, 0.0, c.moe_layers)
    return np.asarray((mixing + c.dense_layers + shared) * one)


def _exchange_s(c: Cases, k: ServingConstants, pool: Pools, load: Load) -> Array:
    """Dispatch (1 byte an element where quantized) and combine (2 bytes) of attention-DP instances [s].

    Without EP the tokens of all ``dp`` ranks are gathered before and scattered after the experts instead:
    every rank then receives all of them.
    """
    ranks = pool.tp * pool.dp
    mine = load.tokens / pool.tp
    out = c.expert_hidden * np.where(c.quantized > 0, 1.0, 2.0)
    back = c.expert_hidden * 2.0
    many = not load.decoding
    moved = all_to_all_s(c, k, ranks, out, mine, distinct=many) + all_to_all_s(
        c, k, ranks, back, mine, distinct=many
    )
    gathered = all_reduce_s(c, k, ranks, load.tokens * pool.dp * c.hidden * 2.0)
    each = np.where(pool.ep > 1, moved, gathered)
    return np.asarray(np.where(pool.dp > 1, c.moe_layers * each, 0.0))


def _kernels(c: Cases) -> Array:
    """Kernels of one pass: 6 for grouped-query attention, 9 for MLA, 4 for an MLP, 10 for experts.

    Formats below 16 bits add the quantizing of inputs: 2 for attention, 2 for the MLP. Experts of 4 bits come
    as a fused chain of 5; a sparse attention's index adds 14.
    """
    attention = np.where(c.mla > 0, 9.0, 6.0) + 2.0 * c.quantized
    dense = 4.0 + 2.0 * c.quantized
    attention = attention + np.where(c.indexed_keys > 0, 14.0, 0.0)
    expert = np.where(c.fused > 0, 5.0, 10.0 + 2.0 * c.quantized)
    return np.asarray(
        c.attending * attention + c.ssm_layers * 9.0 + c.dense_layers * dense + c.moe_layers * expert
    )


def _era(c: Cases, k: ServingConstants) -> Array:
    return np.asarray(np.exp(-k.era_gain * (c.era - 2025.5)))


def _kernel_s(c: Cases, k: ServingConstants) -> Array:
    return np.asarray(np.array(k.kernel_s())[c.engine.astype(np.intp)] * _era(c, k))
