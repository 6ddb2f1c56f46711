"""The words of published tables: precision, sharding, recomputation, dates, wires, numbers in prose."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hesuan.planner.inputs import Precision, Recompute


def number(text: str) -> float | None:
    """The first number of a text, thousands separators allowed: ``"about 6000"`` 6000; None without one."""
    found = re.search(r"\d[\d,]*(?:\.\d+)?", text or "")
    return float(found[0].replace(",", "")) if found else None


def whole(text: str) -> int | None:
    """The first number of a text as a whole number; None without one."""
    value = number(text)
    return None if value is None else int(value)


def precision_of(text: str) -> tuple[Precision, str]:
    """The format of the large products; the second is a note where the text leaves it open.

    ``"bf16+fp8"`` and ``"fp8 mixed"`` are fp8: the products run in the narrower format.
    """
    lower = text.lower()
    for pattern, found in (
        (r"fp4", Precision.FP4),
        (r"int8", Precision.INT8),
        (r"fp8|float8|e4m3|hif8", Precision.FP8),
        (r"bf16|bfloat16", Precision.BF16),
        (r"fp16|float16|\bamp\b|half", Precision.FP16),
        (r"fp32|tf32", Precision.FP32),
    ):
        if re.search(pattern, lower):
            return found, ""
    return Precision.BF16, "precision not given, bf16"


@dataclass(frozen=True, slots=True)
class Sharding:
    """A ZeRO stage, over how many ranks (0: all of data parallelism), and what had to be assumed."""

    stage: int
    degree: int = 0
    note: str = ""


def sharding_of(text: str, *, pp: int = 1) -> Sharding:
    """The stage a table's words mean.

    ``fsdp`` shards weights (3) unless a pipeline keeps them (2); a *distributed optimizer* is stage 1.
    """
    lower = text.strip().lower()
    degree = 0
    if found := re.search(r"within (\d+)|degree ?(\d+)|fsdp (\d+) x", lower):
        degree = int(next(group for group in found.groups() if group))
    if re.fullmatch(r"[0-3](\.0)?", lower):
        return Sharding(int(float(lower)))
    for pattern, stage in (
        (r"full_shard|hybrid_shard|hsdp|zero-?3|stage ?3", 3),
        (r"shard_grad_op|gradient shard|zero-?2|stage ?2|fsdp-style", 2),
        (r"zero-?1|stage ?1|distributed optimizer", 1),
        (r"fsdp", 3 if pp == 1 else 2),
    ):
        if re.search(pattern, lower):
            return Sharding(stage, degree)
    if "zero" in lower or "deepspeed" in lower:
        return Sharding(2, degree, f"sharding `{text}` taken for stage 2")
    if lower in ("none", "ddp", "no"):
        return Sharding(0)
    return Sharding(1, 0, "sharding not given, optimizer states sharded")


def recompute_of(text: str, notes: str = "") -> tuple[Recompute, int | None] | None:
    """Kind, and layers of a stage where a number is given; None where the text says nothing."""
    lower = text.strip().lower()
    if lower.startswith("full"):
        found = re.search(r"block (\d+)", lower)
        return Recompute.FULL, int(found[1]) if found else None
    if lower.startswith(("selective", "minimal")):
        return Recompute.SELECTIVE, None
    if lower in ("none", "no", "false", "0", "off"):
        return Recompute.NONE, None
    if lower in ("block", "true", "on", "1"):
        return Recompute.FULL, None
    if found := re.search(r"recompute ?= ?(true|false)", notes.lower()):
        return (Recompute.FULL if found[1] == "true" else Recompute.NONE), None
    return None


_MLPERF = {"2.0": 2022.5, "2.1": 2022.85, "3.0": 2023.45, "3.1": 2023.8, "4.0": 2024.4, "4.1": 2024.8}
_MLPERF |= {"5.0": 2025.4, "5.1": 2025.8, "6.0": 2026.4}
_KNOWN_STACKS = (
    (r"sc21|2104\.04473", 2021.2),
    (r"korthikanti|2205\.05198", 2022.3),
    (r"bigscience|bloom", 2022.2),
    (r"vtrain", 2022.8),
    (r"megascale-moe", 2025.2),
    (r"megascale", 2023.8),
    (r"megatron-core r0\.8", 2024.5),
    (r"llama 3 herd", 2024.3),
    (r"llm-foundry.*h100", 2023.9),
    (r"llm-foundry", 2023.6),
    (r"internevo", 2024.0),
    (r"flagperf.*llama3", 2024.5),
    (r"flagperf", 2023.9),
    (r"modellink|mindspeed", 2024.7),
    (r"simumax", 2025.9),
    (r"maxtext.*v4", 2023.3),
    (r"maxtext.*v5e", 2023.9),
    (r"maxtext.*v5p", 2024.2),
    (r"maxtext", 2025.3),
    (r"galvatron", 2024.0),
    (r"gaudi|optimum", 2024.0),
)


def era_of(text: str) -> float | None:
    """When the software of a row was current [year]; None without a hint.

    From releases, months, known stacks, arXiv numbers, years, in this order: ``"release 26.04.01"`` 2026.29,
    ``"ngc23.09"`` 2023.71, ``"arXiv 2407.21783"`` 2024.24 (a paper describes what ran before).
    """
    lower = text.lower()
    if found := re.search(r"(?:release|ngc|nemo:?) ?(2\d)\.(\d\d)(?!\d)", lower):
        return _month(int(found[1]), int(found[2]))
    if found := re.search(r"mlperf training v(\d\.\d)", lower):
        return _MLPERF.get(found[1])
    if found := re.search(r"(?<!\d)20(2\d)[-_]?(0[1-9]|1[0-2])(?!\d)", lower):
        return _month(int(found[1]), int(found[2]))
    return _era_of_stack(lower)


def _era_of_stack(lower: str) -> float | None:
    for pattern, year in _KNOWN_STACKS:
        if re.search(pattern, lower):
            return year
    if found := re.search(r"arxiv[ :]*(\d\d)(\d\d)\.\d{4,5}", lower):
        return _month(int(found[1]), int(found[2])) - 0.3
    if found := re.search(r"(?<!\d)(20[12]\d)(?!\d)", lower):
        return float(found[1]) + 0.5
    return None


def _month(year: int, month: int) -> float:
    return 2000 + year + (min(max(month, 1), 12) - 0.5) / 12


@dataclass(frozen=True, slots=True)
class Wires:
    """What an interconnect's description says of one card: GB/s one way; None where it says nothing."""

    network_gbps: float | None = None
    scale_up_gbps: float | None = None
    oversubscription: float = 1.0
    note: str = ""


def wires_of(text: str, *, cards_per_node: int) -> Wires:
    """``"NVLink3 + 4x100Gb/s Omni-Path per node"`` with 8 cards a node: 6.25 GB/s per card."""
    lower = text.lower()
    if not lower:
        return Wires()
    found = re.search(r"(?:(\d+)\s*x\s*)?(\d+)\s*(?:gb/s|gbps|gbe)\b", text.replace("GB/s", "GBs").lower())
    network, note = None, ""
    if found and "gaudi" not in lower and "24x100" not in lower:
        total = int(found[1] or 1) * int(found[2])
        per_node = "per node" in lower
        network = total / 8 / (cards_per_node if per_node else 1)
        if found[1] and not per_node:
            network, note = total / 8 / cards_per_node, "several NICs taken as those of one node"
    inner = re.search(r"(\d+) GB/s (?:per \w+ )?each way", text)
    over = re.search(r"1:(\d+) oversubscribed", lower)
    return Wires(network, float(inner[1]) if inner else None, float(over[1]) if over else 1.0, note)


def memory_gib_of(text: str) -> float | None:
    """Peak memory of one card [GiB]: ``"59/80"`` 59, ``"33 GB as published"`` 30.7, ``"82.4"`` 82.4."""
    value = number(text)
    if value is None:
        return None
    return value * 1e9 / (1 << 30) if " gb" in text.lower() else value
