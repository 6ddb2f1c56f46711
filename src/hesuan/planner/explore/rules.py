"""Why a combination is no plan: each rule has a name, a sentence in both languages, and a test on whole
columns.

Rules stand in the order they are asked. A combination is counted once, at the first rule it breaks, so the
counts add up to what was listed. A rule of an early stage counts *partial* plans (a TP, PP, CP triple has no
micro-batch yet): one such count stands for every plan that would have begun with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hesuan.planner.explore.limits import Limits
from hesuan.planner.forecast import extra_layers
from hesuan.planner.inputs import Recompute, Schedule, Workload

Columns = dict[str, npt.NDArray[np.int32]]

RECOMPUTE = tuple(Recompute)
SCHEDULES = tuple(Schedule)
ONE_F_ONE_B, INTERLEAVED, ZERO_BUBBLE, DUALPIPE = range(4)


@dataclass(frozen=True, slots=True)
class Rule:
    """``broken(columns, workload, limits)`` → a mask: which rows break the rule."""

    name: str
    en: str
    zh: str
    broken: Callable[[Columns, Workload, Limits], Any]


def domain_size(workload: Workload) -> int:
    """Cards of the largest domain inside the cluster."""
    cluster = workload.cluster
    inner = [level.size for level in cluster.fabric.levels if level.size < cluster.cards]
    return max([cluster.fabric.scale_up_domain, *inner])


def tp_limit(workload: Workload, limits: Limits) -> int:
    """Largest tensor-parallel group that is tried."""
    return limits.tp_max or max(8, min(64, domain_size(workload)))


def _kv_heads(c: Columns, w: Workload, _: Limits) -> Any:
    kv = max(w.model.kv_heads, 1)
    return (kv % c["tp"] != 0) & (c["tp"] % kv != 0)


def _widths(c: Columns, w: Workload, _: Limits) -> Any:
    """Experts are cut by EP, not by TP, so only the dense width must divide."""
    width = w.model.ffn if w.model.experts == 0 or w.model.dense_layers else w.model.hidden
    return (width % c["tp"] != 0) | (w.model.hidden % c["tp"] != 0)


def _short(c: Columns, w: Workload, limits: Limits) -> Any:
    return (c["cp"] > 1) & (w.training.seq < c["cp"] * limits.cp_min_tokens)


def _cut(c: Columns, w: Workload, _: Limits) -> Any:
    return (c["cp"] > 1) & (w.training.seq % (2 * c["cp"]) != 0)


def stand_ins(workload: Workload, limits: Limits) -> tuple[int, ...]:
    """Layers that embedding, head and prediction modules may stand for (``forecast.extra_layers``)."""
    return extra_layers(workload.model) if limits.uneven else (0,)


def _uneven(c: Columns, w: Workload, limits: Limits) -> Any:
    chunks = c["pp"] * c["vpp"]
    return np.all([(w.model.layers + extra) % chunks != 0 for extra in stand_ins(w, limits)], axis=0)


GROUPS = (
    Rule(
        "cards_not_divisible",
        "TP × PP × CP does not divide the number of cards",
        "TP × PP × CP 不能整除卡数",
        lambda c, *_: c["cards"] % (c["tp"] * c["pp"] * c["cp"]) != 0,
    ),
    Rule(
        "tp_beyond_domain",
        "the TP group is larger than the scale-up domain",
        "TP 组超出高带宽域",
        lambda c, w, limits: c["tp"] > tp_limit(w, limits),
    ),
    Rule(
        "heads_not_divisible",
        "TP does not divide the attention heads",
        "TP 不能整除注意力头数",
        lambda c, w, _: w.model.heads % c["tp"] != 0,
    ),
    Rule(
        "kv_heads_not_divisible",
        "TP neither divides the KV heads nor is a multiple of them",
        "TP 既不能整除 KV 头数，也不是其整数倍",
        _kv_heads,
    ),
    Rule("width_not_divisible", "TP does not divide the layer's width", "TP 不能整除层宽", _widths),
    Rule(
        "stages_above_layers",
        "more pipeline stages than layers",
        "流水级数多于层数",
        lambda c, w, _: c["pp"] > w.model.layers,
    ),
    Rule("sequence_short", "the sequence is too short for this CP", "序列过短，不适用此 CP", _short),
    Rule(
        "sequence_not_divisible",
        "2 × CP does not divide the sequence (each rank takes one early and one late piece)",
        "2 × CP 不能整除序列长度（每个 rank 取一前一后两段）",
        _cut,
    ),
    Rule(
        "batch_not_divisible",
        "DP does not divide the global batch",
        "DP 不能整除全局批",
        lambda c, w, _: w.training.global_batch % c["dp"] != 0,
    ),
)

EXPERTS = (
    Rule(
        "no_experts",
        "a dense model has no experts to spread",
        "稠密模型没有可分布的专家",
        lambda c, w, _: (c["ep"] > 1) & (w.model.experts == 0),
    ),
    Rule(
        "experts_not_divisible",
        "EP does not divide the experts",
        "EP 不能整除专家数",
        lambda c, w, _: (w.model.experts % c["ep"] != 0) & (c["ep"] > 1),
    ),
    Rule(
        "ep_beyond_stage",
        "EP does not divide the ranks of one pipeline stage (DP × CP × TP)",
        "EP 不能整除一个流水级内的 rank 数（DP × CP × TP）",
        lambda c, *_: (c["dp"] * c["cp"] * c["tp"]) % c["ep"] != 0,
    ),
)

SCHEDULE = (
    Rule(
        "schedule_without_stages",
        "a pipeline schedule needs at least two stages",
        "流水调度至少需要两级",
        lambda c, *_: (c["schedule"] != ONE_F_ONE_B) & (c["pp"] == 1),
    ),
    Rule(
        "chunks_above_layers",
        "more chunks (PP × VPP) than layers, embedding and head counted",
        "分块数（PP × VPP）多于层数（计入嵌入与输出头）",
        lambda c, w, limits: c["pp"] * c["vpp"] > w.model.layers + max(stand_ins(w, limits)),
    ),
    Rule(
        "layers_not_divisible",
        "PP × VPP divides the layers neither as they are nor with embedding and head counted as layers",
        "PP × VPP 不能整除层数，把嵌入与输出头各计一层也不能",
        _uneven,
    ),
    Rule(
        "dualpipe_odd_stages",
        "DualPipe needs an even number of stages",
        "DualPipe 要求偶数级",
        lambda c, *_: (c["schedule"] == DUALPIPE) & (c["pp"] % 2 != 0),
    ),
)

BATCH = (
    Rule(
        "micro_batch_not_divisible",
        "the micro-batch does not divide the sequences of one replica",
        "微批不能整除每个副本的序列数",
        lambda c, w, _: (w.training.global_batch // c["dp"]) % c["micro_batch"] != 0,
    ),
    Rule(
        "interleaved_micro_batches",
        "interleaving needs a multiple of PP micro-batches",
        "交错调度要求微批数为 PP 的整数倍",
        lambda c, w, _: (c["schedule"] == INTERLEAVED) & (_micro_batches(c, w) % c["pp"] != 0),
    ),
    Rule(
        "dualpipe_micro_batches",
        "DualPipe needs an even number of micro-batches, at least 2 × PP",
        "DualPipe 要求偶数个微批，且不少于 2 × PP",
        lambda c, w, _: (
            (c["schedule"] == DUALPIPE)
            & ((_micro_batches(c, w) % 2 != 0) | (_micro_batches(c, w) < 2 * c["pp"]))
        ),
    ),
)

STATE = (
    Rule(
        "zero_without_peers",
        "ZeRO shards over DP × CP, which is 1 here",
        "ZeRO 在 DP × CP 上切分，而此处为 1",
        lambda c, *_: (c["zero"] > 0) & (c["dp"] * c["cp"] == 1),
    ),
    Rule(
        "zero3_with_stages",
        "ZeRO-3 would gather every stage's weights at each micro-batch",
        "ZeRO-3 须在每个微批聚合各级权重",
        lambda c, *_: (c["zero"] == 3) & (c["pp"] > 1),
    ),
    Rule(
        "nothing_to_offload_to",
        "the cluster has no pooled memory to offload to",
        "集群没有可卸载的池化内存",
        lambda c, w, _: (c["offload"] > 0) & (not has_pool(w)),
    ),
)

ALL: Mapping[str, Rule] = {rule.name: rule for rule in (*GROUPS, *EXPERTS, *SCHEDULE, *BATCH, *STATE)}


def _micro_batches(c: Columns, w: Workload) -> npt.NDArray[np.int32]:
    """Micro-batches of one replica in a step."""
    return (w.training.global_batch // c["dp"]) // c["micro_batch"]


def has_pool(workload: Workload) -> bool:
    """Whether the cluster states memory beyond the cards' own."""
    return workload.cluster.pool_memory_bytes > 0
