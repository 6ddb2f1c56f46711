"""A published row as calculon's three inputs: model, execution and system; or the reason why it has none.

calculon (Isaev et al. 2023, doi 10.1145/3581784.3607102) knows a dense GPT: as many key-value heads as heads
(or one), an MLP of two matrices, tensor, pipeline and data parallelism. Its inputs have no experts, no
context parallelism, no weights sharded over ranks, no windowed or fused attention, no vocabulary.

**Exact** rows need none of what it lacks. **Adapted** rows are made to fit, each change named:

- gated MLP or grouped heads: the width of the plain MLP at which a layer has the same weights, so the same
  FLOPs of products, ``f' = (n h f - 2 h (a - k) d) / 2 h``, rounded down to a multiple of TP;
- fused attention: its written-out attention stands in;
- gradients sharded (ZeRO-2), or states sharded over a part of the ranks: its optimizer sharding, over all.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hesuan.planner.backtest.rows import Row
from hesuan.planner.inputs import Chip, Level, Model, Precision, Recompute, Schedule

SHIPPED = {"a100-80gb-sxm": "a100_80g", "h100-80gb-sxm": "h100_80g_nvl8"}
"""Chips with a system file of calculon's own."""
TEMPLATE = {"ampere": "a100_80g"}
"""Whose curves a chip without one borrows, by kin; the H100's otherwise."""
PLENTY_GIB = 1 << 30
"""Memory is not asked about: every row ran."""
DATATYPES = {
    Precision.BF16: "float16",
    Precision.FP16: "float16",
    Precision.FP8: "float8",
}
"""Its files know float16 and, on the H100, float8; bf16 has the same size and peak as fp16."""
RECOMPUTED = {Recompute.FULL: "full", Recompute.SELECTIVE: "attn_only", Recompute.NONE: "none"}


@dataclass(frozen=True, slots=True)
class Job:
    """One row for calculon, and what had to be adapted."""

    id: str
    model: dict[str, Any]
    execution: dict[str, Any]
    systems: dict[str, dict[str, Any]]
    """System files by name: ``shipped`` (where there is one) and ``row`` (the row's chip and wires)."""
    adapted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """A row that calculon has no inputs for."""

    id: str
    reason: str


def job_of(row: Row, files: Mapping[str, dict[str, Any]]) -> Job | Inexpressible:
    """The row's inputs. ``files``: calculon's system files by name, as JSON."""
    if reason := lacking(row):
        return Inexpressible(row.id, reason)
    model, training = row.workload.model, row.workload.training
    changes = [
        (model.gated, "gated MLP"),
        (model.kv_heads != model.heads, "grouped heads"),
        (training.flash_attention, "fused attention"),
        (row.plan.zero == 2 and row.plan.dp > 1, "sharded gradients"),
        (0 < row.plan.zero_degree < row.plan.dp, "sharded over a part of the ranks"),
    ]
    chip = row.workload.cluster.chip
    systems = {"row": system_of(row, files)}
    if chip.name in SHIPPED:
        systems["shipped"] = _roomy(files[SHIPPED[chip.name]])
    return Job(
        row.id,
        model_of(row),
        execution_of(row),
        systems,
        tuple(name for is_needed, name in changes if is_needed),
    )


def lacking(row: Row) -> str:
    """What a row needs that calculon has no input for; empty where there is nothing."""
    model, plan, training = row.workload.model, row.plan, row.workload.training
    needs = (
        (row.observed_s is None, "out of memory, no step time"),
        (model.is_moe, "mixture of experts"),
        (bool(model.ssm_layers), "state-space layers"),
        (model.mla is not None, "latent attention"),
        (bool(model.window_layers), "windowed attention"),
        (bool(model.mtp_layers), "layers for further tokens"),
        (training.lora, "adapters only"),
        (plan.cp > 1, "context parallelism"),
        (plan.zero == 3 and plan.dp > 1, "weights sharded over ranks (FSDP, ZeRO-3)"),
        (plan.recompute_layers is not None, "recomputation of some layers"),
        (plan.schedule in (Schedule.ZERO_BUBBLE, Schedule.DUALPIPE), "zero-bubble schedule"),
        (training.precision not in DATATYPES, f"format {training.precision}"),
    )
    return next((name for is_needed, name in needs if is_needed), "")


def model_of(row: Row) -> dict[str, Any]:
    """Its model file: a plain MLP of equal weights where ours is gated or heads share keys."""
    model = row.workload.model
    return {
        "hidden": model.hidden,
        "feedforward": plain_width(model, row.plan.tp),
        "seq_size": row.workload.training.seq,
        "attn_heads": model.heads,
        "attn_size": model.head_dim,
        "num_blocks": model.layers,
    }


def plain_width(model: Model, tp: int) -> int:
    """Width of a plain MLP with which a layer of full heads has this model's weights, a multiple of TP."""
    if not model.gated and model.kv_heads == model.heads:
        return model.ffn
    weights = (3 if model.gated else 2) * model.hidden * model.ffn
    weights -= 2 * model.hidden * (model.heads - model.kv_heads) * model.head_dim
    return weights // (2 * model.hidden) // tp * tp


def execution_of(row: Row) -> dict[str, Any]:
    """Its execution file. Fusions and re-gathers as in calculon's own validation files."""
    plan, training = row.plan, row.workload.training
    domain = row.workload.cluster.fabric.scale_up_domain
    parallel = plan.tp > 1 and plan.sequence_parallel
    return {
        "num_procs": plan.cards,
        "tensor_par": plan.tp,
        "pipeline_par": plan.pp,
        "data_par": plan.dp,
        "tensor_par_net": int(plan.tp > domain),
        "pipeline_par_net": int(plan.cards > domain),
        "data_par_net": int(plan.tp * plan.dp > domain or plan.cards > domain),
        "batch_size": training.global_batch,
        "microbatch_size": plan.micro_batch,
        "datatype": DATATYPES[training.precision],
        "fused_activation": False,
        "attention_type": "multihead",
        "activation_recompute": RECOMPUTED[plan.recompute],
        "pipeline_interleaving": plan.vpp,
        "optimizer_sharding": plan.zero > 0 and plan.dp > 1,
        "tensor_par_comm_type": "rs_ag" if parallel else "ar",
        "tensor_par_overlap": "ring" if plan.overlap_tp and plan.tp > 1 else "none",
        "seq_par_ag_redo": parallel and plan.recompute is not Recompute.FULL,
        "data_par_overlap": plan.overlap_dp and plan.dp > 1,
        "weight_offload": False,
        "activations_offload": False,
        "optimizer_offload": False,
        "training": True,
    }


def system_of(row: Row, files: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A system file with the row's chip and wires and calculon's efficiency curves.

    Its vector rate is kept in the template's proportion to the matrix rate; latencies, shares of bandwidth
    and collective factors stay as shipped.
    """
    cluster = row.workload.cluster
    chip = cluster.chip
    found = _roomy(files[template_of(chip)])
    scale = chip.peak(Precision.BF16) / 1e12 / found["matrix"]["float16"]["tflops"]
    curve = found["matrix"]["float16"]["gflops_efficiency"]
    vector = found["vector"]["float16"]
    vector["tflops"] *= scale
    found["matrix"] = {
        name: {"tflops": chip.peak(one) / 1e12, "gflops_efficiency": curve} for one, name in DATATYPES.items()
    }
    found["vector"] = dict.fromkeys(found["matrix"], vector)
    found["mem1"]["GBps"] = chip.memory_bandwidth_bytes_per_s / 1e9
    inner, outer = found["networks"]
    wired, network = _levels(row)
    # Its innermost network must be filled evenly; a job smaller than the domain has a domain of its own size.
    inner |= {"size": min(wired.size, cluster.cards), "bandwidth": wired.bandwidth_bytes_per_s / 1e9}
    outer["bandwidth"] = network.bandwidth_bytes_per_s / network.oversubscription / 1e9
    return found


def template_of(chip: Chip) -> str:
    """The system file whose curves a chip borrows."""
    return SHIPPED.get(chip.name) or TEMPLATE.get(chip.kin, "h100_80g_nvl8")


def _levels(row: Row) -> tuple[Level, Level]:
    """The widest scale-up level and the network: calculon knows two."""
    levels = row.workload.cluster.fabric.levels
    inner = [level for level in levels if level.scale_up] or levels[:1]
    return inner[-1], levels[-1]


def _roomy(file: Mapping[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(dict(file))
    found["mem1"]["GiB"] = PLENTY_GIB
    return found
