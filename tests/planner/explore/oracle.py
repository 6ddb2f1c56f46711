"""Brute force: nested loops over whole numbers, and the rules written a second time, one plan at a time.

It shares nothing with the search but the cost model: not the divisor tables, not the rules, not the bounds,
not the frontier. Slow on purpose.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from hesuan.planner.constants import DEFAULT
from hesuan.planner.cost import Plans, evaluate
from hesuan.planner.explore import Limits
from hesuan.planner.forecast import extra_layers
from hesuan.planner.inputs import Plan, Recompute, Schedule, Workload


@dataclass(frozen=True)
class Judged:
    """A plan that fits, with what it is compared by."""

    plan: Plan
    cards: int
    step_s: float
    slack_steps: int


def legal_plans(workload: Workload, limits: Limits) -> list[Plan]:
    """Every legal plan, in the order of the space: the order ties are broken by."""
    counts = limits.card_counts or (workload.cluster.cards,)
    return [plan for cards in sorted(set(counts), reverse=True) for plan in _on(cards, workload, limits)]


def _on(cards: int, workload: Workload, limits: Limits) -> list[Plan]:
    model, training = workload.model, workload.training
    inside = [
        1,
        *(level.size for level in workload.cluster.fabric.levels if level.size < workload.cluster.cards),
    ]
    scale_up = [level.size for level in workload.cluster.fabric.levels if level.scale_up]
    tp_max = limits.tp_max or max(8, min(64, max(inside + scale_up)))
    found = []
    for tp, pp, cp in itertools.product(range(1, cards + 1), repeat=3):
        if cards % (tp * pp * cp) or pp > limits.pp_max or cp > limits.cp_max or tp > tp_max:
            continue
        dp = cards // (tp * pp * cp)
        if model.heads % tp or (model.kv_heads % tp and tp % model.kv_heads):
            continue
        if model.hidden % tp or ((not model.experts or model.dense_layers) and model.ffn % tp):
            continue
        if pp > model.layers or training.global_batch % dp:
            continue
        if cp > 1 and (training.seq < cp * limits.cp_min_tokens or training.seq % (2 * cp)):
            continue
        found += _groups(tp, pp, cp, dp, workload=workload, limits=limits)
    return found


def _groups(tp: int, pp: int, cp: int, dp: int, *, workload: Workload, limits: Limits) -> list[Plan]:
    model, training = workload.model, workload.training
    batch = training.global_batch // dp
    found = []
    chunks = [(schedule, 1) for schedule in Schedule if schedule is not Schedule.INTERLEAVED]
    chunks += [(Schedule.INTERLEAVED, vpp) for vpp in range(2, model.layers + 4)]
    chunks.sort(key=lambda one: (list(Schedule).index(one[0]), one[1]))
    sizes = range(1, limits.micro_batch_max + 1)
    pools = (False, True) if limits.offload and workload.cluster.pool_memory_bytes else (False,)
    for ep, (schedule, vpp), micro in itertools.product(range(1, limits.ep_max + 1), chunks, sizes):
        if ep > 1 and (not model.experts or model.experts % ep or (tp * cp * dp) % ep):
            continue
        if schedule not in limits.schedules or (pp == 1 and schedule is not Schedule.ONE_F_ONE_B):
            continue
        extras = extra_layers(model) if limits.uneven else (0,)
        if all((model.layers + extra) % (pp * vpp) for extra in extras):
            continue
        if batch % micro:
            continue
        count = batch // micro
        if schedule is Schedule.INTERLEAVED and count % pp:
            continue
        if schedule is Schedule.DUALPIPE and (pp % 2 or count % 2 or count < 2 * pp):
            continue
        for zero, kind, pool in itertools.product(limits.zero, Recompute, pools):
            if kind not in limits.recompute or (zero and dp * cp == 1) or (zero == 3 and pp > 1):
                continue
            found.append(
                Plan(
                    tp=tp,
                    pp=pp,
                    cp=cp,
                    dp=dp,
                    ep=ep,
                    vpp=vpp,
                    micro_batch=micro,
                    zero=zero,
                    recompute=kind,
                    schedule=schedule,
                    offload=pool,
                    sequence_parallel=tp > 1,
                )
            )
    return found


def judged(workload: Workload, limits: Limits) -> list[Judged]:
    """Every legal plan that fits, timed."""
    plans = legal_plans(workload, limits)
    if not plans:
        return []
    parts = evaluate(workload, Plans.of(plans), DEFAULT)
    room = DEFAULT.usable_memory * workload.cluster.chip.memory_bytes * (1 - limits.memory_reserve)
    steps = np.floor((room - parts.memory.total) / limits.slack_step_bytes)
    rows = zip(plans, parts.step_s.tolist(), steps.tolist(), strict=True)
    return [Judged(plan, plan.cards, time, int(left)) for plan, time, left in rows if left >= 0]


def frontier(found: list[Judged]) -> list[Judged]:
    """Those that no other equals or beats in time, cards and slack; the first of equals; by time."""
    kept = [
        one
        for at, one in enumerate(found)
        if not any(
            other.step_s <= one.step_s
            and other.cards <= one.cards
            and other.slack_steps >= one.slack_steps
            and (_key(other) != _key(one) or before < at)
            for before, other in enumerate(found)
        )
    ]
    return sorted(kept, key=lambda one: (one.step_s, one.cards))


def _key(one: Judged) -> tuple[float, int, int]:
    return one.step_s, one.cards, one.slack_steps
