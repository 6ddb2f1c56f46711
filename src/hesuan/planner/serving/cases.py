"""Deployments as a structure of arrays: one entry a case; one pass prices a plan or a hundred thousand.

A case is everything the formulas need as plain numbers; names, figures and sources stay behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.inputs import Chip, Fabric, Model, Precision
from hesuan.planner.serving.inputs import Deployment, Engine, ExpertBalance, Phase, Pool, Serving

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
LEVELS = 4
FOUR_BIT = (Precision.FP4, Precision.INT4)
INDEXED_KEYS = {"glm-5": 2048, "deepseek-v3.2": 2048}
"""Models whose attention selects keys by a small index (``index_topk`` of their configurations)."""
PHASES = tuple(Phase)
ENGINES = tuple(Engine)


@dataclass(frozen=True, slots=True)
class Pools:
    """Pool sizes, each ``[case]``."""

    tp: Array
    dp: Array
    pp: Array
    ep: Array
    instances: Array


@dataclass(frozen=True, slots=True)
class Cases:
    """All numbers of many cases, each ``[case]``; fabric levels ``[case, level]``."""

    attending: Array
    window_layers: Array
    window: Array
    ssm_layers: Array
    moe_layers: Array
    dense_layers: Array
    hidden: Array
    heads: Array
    kv_heads: Array
    head_dim: Array
    mla: Array
    kv_lora: Array
    rope: Array
    nope: Array
    value: Array
    sharded_params: Array
    """Attention weights of a layer that TP cuts."""
    whole_params: Array
    """Attention weights of a layer that every rank keeps (MLA's down-projections)."""
    dense_params: Array
    expert_params: Array
    shared_params: Array
    ssm_params: Array
    head_params: Array
    experts: Array
    top_k: Array
    expert_hidden: Array
    linear_flops: Array
    expert_flops: Array
    core_flops: Array
    bandwidth: Array
    memory: Array
    linear_bytes: Array
    """Bytes of one weight outside routed experts."""
    expert_bytes: Array
    kv_bytes: Array
    quantized: Array
    fused: Array
    """1 where experts run as one fused chain of kernels: 4-bit weights."""
    indexed_keys: Array
    """Keys a sparse attention selects for each query; 0 where it sees all."""
    engine: Array
    era: Array
    phase: Array
    isl: Array
    osl: Array
    concurrency: Array
    accepted: Array
    drafted: Array
    tokens_per_rank: Array
    cache_hit: Array
    overlap: Array
    imbalance: Array
    """Tokens of the busiest expert rank over the mean; 0 where it is as usual."""
    level_size: Array
    level_bandwidth: Array
    level_latency: Array
    level_scale_up: Array
    d_tp: Array
    d_dp: Array
    d_pp: Array
    d_ep: Array
    d_instances: Array
    p_tp: Array
    p_dp: Array
    p_pp: Array
    p_ep: Array
    p_instances: Array

    def take(self, chosen: NDArray[np.intp] | Mask) -> Cases:
        """Some of the cases."""
        return Cases(**{f.name: getattr(self, f.name)[chosen] for f in fields(Cases)})

    @property
    def decode(self) -> Pools:
        """The decoding (or only) pool."""
        return Pools(self.d_tp, self.d_dp, self.d_pp, self.d_ep, self.d_instances)

    @property
    def prefill(self) -> Pools:
        """The pool prompts are computed on."""
        return Pools(self.p_tp, self.p_dp, self.p_pp, self.p_ep, self.p_instances)


Numbers = dict[str, float | list[float]]


def case_of(deployment: Deployment, serving: Serving) -> Numbers:
    """The numbers of one case, by field name."""
    model, cluster = deployment.model, deployment.cluster
    prefill = deployment.prefill or deployment.decode
    return (
        _model_numbers(model)
        | _chip_numbers(cluster.chip, model, serving)
        | _fabric_numbers(cluster.fabric)
        | _serving_numbers(serving)
        | _pool_numbers(deployment.decode, "d_")
        | _pool_numbers(prefill, "p_")
    )


def stack(numbers: Sequence[Numbers]) -> Cases:
    """Many cases as arrays."""
    return Cases(**{f.name: np.array([n[f.name] for n in numbers], dtype=np.float64) for f in fields(Cases)})


def _model_numbers(m: Model) -> Numbers:
    mla = m.mla
    whole = m.hidden * (mla.q_lora + mla.kv_lora + mla.rope) if mla else 0
    return {
        "attending": m.attending,
        "window_layers": min(m.window_layers, m.attending) if m.window else 0,
        "window": m.window,
        "ssm_layers": m.ssm_layers,
        "moe_layers": m.moe_layers,
        "dense_layers": m.dense_mlp_layers,
        "hidden": m.hidden,
        "heads": m.heads,
        "kv_heads": m.kv_heads,
        "head_dim": m.head_dim,
        "mla": 1.0 if mla else 0.0,
        "kv_lora": mla.kv_lora if mla else 0,
        "rope": mla.rope if mla else 0,
        "nope": mla.nope if mla else 0,
        "value": mla.value if mla else 0,
        "sharded_params": m.attention_params - whole,
        "whole_params": whole,
        "dense_params": m.dense_mlp_params,
        "expert_params": m.expert_params if m.experts else 0,
        "shared_params": m.shared_params,
        "ssm_params": m.ssm_params,
        "head_params": m.vocab * m.hidden,
        "experts": m.experts,
        "top_k": m.top_k,
        "expert_hidden": m.expert_hidden or m.hidden,
    }


def formats(model: Model, serving: Serving) -> tuple[Precision, Precision]:
    """Formats of attention and of experts: published 4-bit mixtures quantize the experts only."""
    if serving.precision in FOUR_BIT and model.is_moe:
        return Precision.BF16, serving.precision
    return serving.precision, serving.precision


def _rate(chip: Chip, precision: Precision) -> float:
    """Achievable product rate; 4-bit weights on a chip without FP4 are multiplied in BF16 [FLOP/s]."""
    if precision in FOUR_BIT and precision not in chip.peak_flops:
        precision = Precision.BF16
    return chip.achievable(precision)


def _weight_bytes(precision: Precision) -> float:
    """Bytes of a weight with its scales: 4-bit formats carry one 8-bit scale for 16."""
    return 0.5625 if precision in FOUR_BIT else precision.bytes


def _chip_numbers(chip: Chip, model: Model, serving: Serving) -> Numbers:
    linear, expert = formats(model, serving)
    return {
        "linear_flops": _rate(chip, linear),
        "expert_flops": _rate(chip, expert),
        "core_flops": chip.achievable(Precision.BF16),
        "bandwidth": chip.memory_bandwidth_bytes_per_s,
        "memory": chip.memory_bytes,
        "linear_bytes": _weight_bytes(linear),
        "expert_bytes": _weight_bytes(expert),
        "kv_bytes": serving.kv_bytes,
        "fused": 1.0 if expert in FOUR_BIT else 0.0,
        "indexed_keys": INDEXED_KEYS.get(model.name, 0),
        "quantized": 0.0 if serving.precision in (Precision.BF16, Precision.FP16) else 1.0,
    }


def _fabric_numbers(fabric: Fabric) -> Numbers:
    levels = list(fabric.levels[:LEVELS])
    levels += [levels[-1]] * (LEVELS - len(levels))
    return {
        "level_size": [float(level.size) for level in levels],
        "level_bandwidth": [level.bandwidth_bytes_per_s / level.oversubscription for level in levels],
        "level_latency": [level.latency_s for level in levels],
        "level_scale_up": [float(level.scale_up) for level in levels],
    }


def _serving_numbers(s: Serving) -> Numbers:
    return {
        "engine": ENGINES.index(s.engine),
        "era": s.era,
        "phase": PHASES.index(s.phase),
        "isl": s.isl,
        "osl": s.osl,
        "concurrency": s.concurrency,
        "accepted": s.accepted,
        "drafted": s.drafted,
        "tokens_per_rank": s.tokens_per_rank,
        "cache_hit": s.cache_hit,
        "overlap": float(s.two_batch_overlap),
        "imbalance": _imbalance(s.expert_balance),
    }


def _imbalance(balance: ExpertBalance | float) -> float:
    if isinstance(balance, ExpertBalance):
        return {ExpertBalance.NATURAL: 0.0, ExpertBalance.BALANCED: 1.0}[balance]
    return balance


def _pool_numbers(pool: Pool, prefix: str) -> Numbers:
    return {
        f"{prefix}tp": pool.tp,
        f"{prefix}dp": pool.dp,
        f"{prefix}pp": pool.pp,
        f"{prefix}ep": pool.ep,
        f"{prefix}instances": pool.instances,
    }
