"""The cluster and the plan of a published row; what the row leaves out is derived or assumed, and noted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hesuan.planner.backtest.dims import Notes
from hesuan.planner.backtest.words import Sharding, Wires, number, recompute_of, sharding_of, whole, wires_of
from hesuan.planner.catalog import Match, cluster, fitted
from hesuan.planner.inputs import (
    UNBOUNDED,
    Chip,
    Cluster,
    Fabric,
    Level,
    Model,
    Plan,
    Recompute,
    Schedule,
    nearest_divisor,
)

LLAMA3_POD = 3072
"""Cards under one aggregation block of the oversubscribed network (arXiv 2407.21783, section 3.3.1)."""
LARGE_MOE = 500e9
"""Parameters beyond which experts leave an 8-card domain."""
DISTRIBUTED_OPTIMIZER = 2022.9
"""Stacks before that replicate optimizer states unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the plan of a row is read in the light of."""

    model: Model
    chip: Chip
    cards: int
    era: float
    text: str
    """Source and notes, lower case."""

    @property
    def is_tpu(self) -> bool:
        """Compiled by XLA: FSDP over a torus, no micro-batches."""
        return self.chip.kin == "tpu"


def cards_of(row: Mapping[str, str], notes: Notes) -> int:
    """Chips of the run: written, or the product of the parallel sizes, or what a note says (``8x16``)."""
    written = whole(row["n_chips"])
    if written:
        if not row["n_chips"].strip().replace(".0", "").isdigit():
            notes.assumed.append(f"{written} chips from `{row['n_chips']}`")
        return written
    sizes = [whole(row[name]) for name in ("TP", "PP", "DP", "CP")]
    if sizes[2] and any(size for size in sizes[:2]):
        product = 1
        for size in sizes:
            product *= size or 1
        notes.derived.append(f"{product} chips = TP PP DP CP")
        return product
    if found := re.search(r"(\d+) nodes x (\d+)|(\d+)x(\d+)", row["notes"]):
        one, other = [int(group) for group in found.groups() if group]
        notes.assumed.append(f"{one * other} chips from a note")
        return one * other
    notes.assumed.append("number of chips not given, 128")
    return 128


def cluster_of(row: Mapping[str, str], match: Match[Chip], cards: int, notes: Notes) -> Cluster:
    """The chip's customary cluster with the row's domain and wires."""
    if match.note:
        notes.assumed.append(match.note)
    base = cluster(match.name, cards)
    domain = whole(row["scale_up_domain"])
    node = base.cards_per_host
    wires = wires_of(row["interconnect"], cards_per_node=node)
    if wires.note:
        notes.assumed.append(wires.note)
    if not row["interconnect"]:
        notes.assumed.append("network not given, the chip's customary one")
    levels = _levels(_undone(match.name, base), domain, wires)
    if wires.oversubscription > 1:
        pod = replace(levels[-1], name="pod", size=LLAMA3_POD)
        levels = (*levels[:-1], pod, replace(levels[-1], oversubscription=wires.oversubscription))
    fabric = Fabric(base.fabric.name, tuple(sorted(levels, key=lambda level: level.size)))
    return replace(base, fabric=fitted(fabric, cards, node))


def _undone(name: str, base: Cluster) -> Fabric:
    """The fabric before it was fitted to a number of cards."""
    return cluster(name, base.fabric.levels[-1].size).fabric


def _levels(fabric: Fabric, domain: int | None, wires: Wires) -> tuple[Level, ...]:
    """The levels with the row's wires; the one that holds the row's scale-up domain ends there."""
    found: list[Level] = []
    inner = [level for level in fabric.levels if level.scale_up]
    for level in inner:
        held = found[-1].size if found else 1
        last = domain is not None and (level.size >= domain or level is inner[-1])
        size = domain if last and domain else level.size
        if size > held:
            found.append(replace(level, size=size, bandwidth_bytes_per_s=_own(wires.scale_up_gbps, level)))
    outer = next(level for level in fabric.levels if not level.scale_up)
    network = replace(outer, size=UNBOUNDED, bandwidth_bytes_per_s=_own(wires.network_gbps, outer))
    return (*found, network)


def _own(gbps: float | None, level: Level) -> float:
    """What the row says, else what the catalogue says [byte/s]."""
    return gbps * 1e9 if gbps else level.bandwidth_bytes_per_s


def plan_of(row: Mapping[str, str], context: Context, notes: Notes) -> tuple[Plan, bool]:
    """The plan of a row, and whether the row says what is recomputed."""
    cp = whole(row["CP"]) or 1
    ep = whole(row["EP"]) or _expert_ranks(row, context, notes)
    tp, pp = _tensor_and_pipeline(row, context, cp, ep, notes)
    dp = _data_ranks(row, context.cards, tp * pp * cp, notes)
    if ep > dp * cp * tp:
        notes.assumed.append(f"EP {ep} is more than {dp * cp * tp} ranks, cut")
        ep = dp * cp * tp
    sharding = sharding_of(row["zero"], pp=pp)
    if context.is_tpu and not row["zero"]:
        sharding = sharding_of("fsdp")
    elif sharding.note and context.era < DISTRIBUTED_OPTIMIZER:
        sharding = Sharding(0, 0, "sharding not given, none at that time")
    if sharding.note and dp > 1:
        notes.assumed.append(sharding.note)
    given = recompute_of(row["recompute"], row["notes"])
    if given is None and "torchtitan" in context.text:
        given = Recompute.SELECTIVE, None
        notes.assumed.append("recomputation not given, torchtitan's default")
    recompute, layers = given or _customary_recompute(context, notes)
    if recompute is Recompute.SELECTIVE and "torchtitan" in context.text:
        recompute, layers = Recompute.FULL, -(-context.model.layers // (2 * pp))
        notes.derived.append("selective in torchtitan: every other product, as half of the layers")
    batch = whole(row["global_batch"])
    micro = _micro_batch(row, context, notes, per_rank=batch / dp if batch else None, tp=tp)
    vpp, schedule = _interleaving(row, context, pp, max(1.0, (batch or 8 * pp * dp) / (dp * micro)), notes)
    plan = Plan(
        tp=tp,
        pp=pp,
        vpp=vpp,
        dp=dp,
        ep=ep,
        cp=cp,
        micro_batch=micro,
        zero=sharding.stage,
        zero_degree=min(sharding.degree, dp * cp),
        expert_tp=_expert_tp(context, tp, ep, dp * cp),
        recompute=recompute,
        recompute_layers=layers,
        schedule=schedule,
        **_overlaps(row, context, tp, vpp),
    )
    return plan, given is not None


def _tensor_and_pipeline(
    row: Mapping[str, str], context: Context, cp: int, ep: int, notes: Notes
) -> tuple[int, int]:
    tp, pp = whole(row["TP"]), whole(row["PP"])
    if context.is_tpu:
        return tp or _split_batch(row, context, notes), pp or 1
    if "fsdp" in row["zero"].lower() or "zero" in row["zero"].lower().split():
        return tp or 1, pp or 1
    if tp is None and pp in (None, 1):
        tp, pp = _fitting(context, cp, ep)
        notes.assumed.append(f"plan not given, TP {tp} PP {pp} as the smallest that fits")
    elif tp is None or pp is None:
        notes.assumed.append("TP or PP not given, 1")
    return tp or 1, pp or 1


def _split_batch(row: Mapping[str, str], context: Context, notes: Notes) -> int:
    """TP where a step has fewer sequences than there are chips."""
    batch, tp = whole(row["global_batch"]) or context.cards, 1
    while batch * tp < context.cards:
        tp *= 2
    if tp > 1:
        notes.assumed.append(f"TP {tp}: {batch} sequences on {context.cards} chips")
    return tp


def _fitting(context: Context, cp: int, ep: int) -> tuple[int, int]:
    """The smallest TP (at most 8), then PP, at which weights and their states fill half of the memory."""
    model = context.model
    routed = model.moe_layers * model.experts * model.expert_params
    states = 6.0 * (model.params - routed + routed / ep)
    tp = pp = 1
    while states / (tp * pp) > 0.5 * context.chip.memory_bytes and tp * pp * cp < context.cards:
        if tp < (1 if model.is_moe else 8) and context.cards % (tp * 2) == 0:
            tp *= 2
        elif context.cards % (tp * pp * 2) == 0 and pp < 32:
            pp *= 2
        else:
            break
    return tp, pp


def _expert_ranks(row: Mapping[str, str], context: Context, notes: Notes) -> int:
    """Not given: experts stay inside the scale-up domain unless the model is too large for that."""
    if not context.model.is_moe:
        return 1
    domain = whole(row["scale_up_domain"]) or 8
    wanted = 64 if context.model.params > LARGE_MOE else min(64, domain)
    ep = nearest_divisor(context.model.experts, min(wanted, context.cards))
    notes.assumed.append(f"EP not given, {ep}")
    return ep


def _data_ranks(row: Mapping[str, str], cards: int, others: int, notes: Notes) -> int:
    written = whole(row["DP"])
    if cards % others == 0:
        if written != cards // others:
            notes.derived.append(f"DP {cards // others} = chips / (TP PP CP)")
        return cards // others
    notes.assumed.append(f"{cards} chips are not divisible by TP PP CP = {others}")
    return written or max(1, cards // others)


def _micro_batch(
    row: Mapping[str, str], context: Context, notes: Notes, *, per_rank: float | None, tp: int
) -> int:
    """Sequences of one rank and micro-batch; XLA takes the whole local batch at once."""
    written = whole(row["microbatch"])
    if context.is_tpu:
        if per_rank:
            return max(1, int(per_rank))
        return max(1, (written or _tokens_worth(row, notes)) * tp)
    if written:
        return written
    if (local := re.search(r"torchtitan.*local batch (\d+)", context.text)) and (stages := whole(row["PP"])):
        notes.derived.append(
            f"micro-batch {int(local[1])} / {stages}: as many as stages, torchtitan's default"
        )
        return max(1, int(local[1]) // stages)
    if row["zero"].lower().startswith("fsdp") and not row["PP"].strip("01 ") and not per_rank:
        return _tokens_worth(row, notes)
    notes.assumed.append("micro-batch not given, 1")
    return 1


def _tokens_worth(row: Mapping[str, str], notes: Notes) -> int:
    """Sequences that make 8192 tokens on one chip."""
    notes.assumed.append("batch of one chip not given, 8192 tokens")
    return max(1, 8192 // (whole(row["seq"]) or 2048))


def _interleaving(
    row: Mapping[str, str], context: Context, pp: int, micro_batches: float, notes: Notes
) -> tuple[int, Schedule]:
    """Stages of one card; unwritten ones follow from bubbles nobody accepts since interleaving."""
    text = row["VPP"].lower()
    if "dualpipe" in text:
        return 1, Schedule.DUALPIPE
    if pp == 1:
        return 1, Schedule.ONE_F_ONE_B
    if "zero-bubble" in context.text or "zero bubble" in context.text:
        return whole(text) or 1, Schedule.ZERO_BUBBLE
    vpp = whole(text)
    if vpp is None and "interleaved" in context.text:
        notes.assumed.append("interleaved, VPP not given, 2")
        return 2, Schedule.INTERLEAVED
    if vpp is None:
        deep = context.model.layers / pp
        tight = micro_batches < 16 * pp and context.era >= 2021.5
        wanted = max(1, round(deep / 2)) if tight and deep >= 4 and "1f1b" not in context.text else 1
        vpp = wanted
        if wanted > 1 and context.model.layers % pp == 0:
            divisors = [d for d in range(2, int(deep) + 1) if int(deep) % d == 0]
            vpp = min(divisors, key=lambda divisor: abs(divisor - wanted))
        notes.assumed.append(f"VPP not given, {vpp}")
    return vpp, Schedule.INTERLEAVED if vpp > 1 else Schedule.ONE_F_ONE_B


def _customary_recompute(context: Context, notes: Notes) -> tuple[Recompute, int | None]:
    """What is not written: all of it under XLA, attention's core in old stacks, else nothing."""
    if context.is_tpu:
        notes.assumed.append("recomputation not given, full")
        return Recompute.FULL, None
    return Recompute.SELECTIVE if context.era < DISTRIBUTED_OPTIMIZER else Recompute.NONE, None


def _expert_tp(context: Context, tp: int, ep: int, ranks: int) -> int:
    """Experts split by TP unless folded away (Megatron-Core parallel folding, 2025)."""
    if not context.model.is_moe or tp == 1:
        return 1
    return tp if context.era < 2025.3 and ranks % ep == 0 else 1


def _overlaps(row: Mapping[str, str], context: Context, tp: int, vpp: int) -> dict[str, bool]:
    """What hides behind computation, by notes and by the age of the stack.

    Megatron-Core's 1F1B exchange overlap (mid 2025) runs beside another micro-batch's compute and asks for
    interleaving.
    """
    text, era = context.text, context.era
    no_sp = "no sp" in text or "sequence parallel off" in text or "vtrain" in text
    no_sp = no_sp or (era < 2022.4 and not context.is_tpu)
    sequence_parallel = tp > 1 and ("sequence parallel" in text or not no_sp) and "parallel off" not in text
    if "no sp" in text:
        sequence_parallel = False
    hides_tp = (
        re.search(r"tp overlap on|async ?tp|comm overlapped", text) is not None and "vanilla" not in text
    )
    tuned = context.chip.vendor == "NVIDIA" and re.search(r"megatron-bridge|mlperf", text) is not None
    megascale = "(megascale)" in f"{row['model']} {row['source']}".lower()
    return {
        "sequence_parallel": sequence_parallel,
        "overlap_dp": era >= 2022.9 or megascale,
        "overlap_tp": hides_tp or megascale or (tuned and tp > 1),
        "overlap_ep": "dualpipe" in row["VPP"].lower()
        or "overlap_moe" in text
        or (vpp > 1 and era >= 2025.5 and context.chip.vendor == "NVIDIA"),
    }


def global_batch_of(row: Mapping[str, str], plan: Plan, context: Context, notes: Notes) -> int:
    """Sequences of one step: written, else micro-batches times ranks times what is said of accumulation."""
    written = whole(row["global_batch"])
    if found := re.search(r"gbs ?= ?(\d+)[^;]*\((\d+) fits", context.text):
        notes.assumed.append(f"global batch {found[2]} instead of {written}, as a note says")
        return int(found[2])
    if written:
        return written
    if found := re.search(r"(?:grad(?:ient)? accumulation|local batch|micro_num) (\d+)", context.text):
        count = int(found[1]) * (1 if "local batch" in found[0] else plan.micro_batch)
        notes.derived.append(f"global batch {count * plan.dp} from accumulation")
        return count * plan.dp
    if context.is_tpu:
        return max(1, plan.micro_batch * plan.dp)
    count = plan.micro_batch * plan.dp * (8 * plan.pp if plan.pp > 1 else 1 if plan.zero > 1 else 4)
    notes.assumed.append(f"global batch not given, {count}")
    return count


def sequence_of(row: Mapping[str, str], model: Model, notes: Notes) -> int:
    """Tokens of one sequence."""
    written = number(row["seq"])
    if written:
        return int(written)
    value = model.positions or 4096
    notes.assumed.append(f"sequence length not given, {value}")
    return value
