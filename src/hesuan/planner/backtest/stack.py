"""What a row's code base does with memory, told by its name and its age.

Rows seldom say in how many bytes a gradient is summed, how cross entropy is computed, or with which
instrument memory was read. Code bases have customs, and these are read here; a person who plans a training
says the same with ``grad_bytes``, ``state_bytes``, ``fused_loss`` and ``compiled`` of ``Training``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

FUSED_LOSS_ERA = 2025.0
"""From here on stacks compute cross entropy in one kernel unless they say otherwise (Megatron-Core 0.10,
torchtitan's compiled loss)."""
FUSED_LOSS = ("cross-entropy fusion on", "llm-foundry")
"""Who did before: llm-foundry's default is FlashAttention's fused cross entropy."""
COUNTED_BY_FRAMEWORK = ("simumax", "torchtitan")
"""Sources whose column is PyTorch's own peak, with segments that grow: no context, nothing kept."""


class Instrument(StrEnum):
    """With what a published peak was read."""

    FRAMEWORK = "framework"
    """The framework's own count of what it allocated."""
    MONITOR = "monitor"
    """The card's monitor: what the allocator keeps, and the context."""


def instrument_of(row: Mapping[str, str]) -> Instrument:
    """A monitor, unless the source is known to print its framework's count."""
    source = row["source"].lower()
    return Instrument.FRAMEWORK if any(n in source for n in COUNTED_BY_FRAMEWORK) else Instrument.MONITOR


def state_bytes_of(row: Mapping[str, str]) -> tuple[float, float]:
    """Bytes of one gradient as held, and of optimizer state, per weight.

    Megatron and FSDP sum gradients in 32 bits. DeepSpeed's ZeRO keeps them in 16 and turns the owned share
    into 32 bits before the step; its BF16_Optimizer holds both a 16-bit gradient and its 32-bit sum
    (BigScience chronicles).
    """
    if "fp32 gradient accumulation" in row["precision"].lower():
        return 6.0, 12.0
    return (2.0, 16.0) if is_deepspeed(row) else (4.0, 12.0)


def is_deepspeed(row: Mapping[str, str]) -> bool:
    """Whether DeepSpeed holds gradients and states, below Megatron's layers or alone."""
    return "deepspeed" in f"{row['source']} {row['zero']}".lower()


def is_fused_loss(row: Mapping[str, str], era: float) -> bool:
    """Whether cross entropy is one kernel."""
    text = f"{row['source']} {row['notes']}".lower()
    return era >= FUSED_LOSS_ERA + _behind(text) or any(name in text for name in FUSED_LOSS)


def _behind(text: str) -> float:
    """torchtitan compiled its loss some months later: its benchmarks of December 2024 do not."""
    return 0.2 if "torchtitan" in text else 0.0


def is_sharing_optional(row: Mapping[str, str]) -> bool:
    """Whether the source's launch scripts leave sequence parallelism at its default, off."""
    return "flagperf" in row["source"].lower()


def is_eager(row: Mapping[str, str]) -> bool:
    """Whether a row's techniques leave out the compiler its siblings name, or it says so."""
    text = f"{row['source']} {row['notes']}".lower()
    if re.search(r"eager|without compile|no compile|compile off|b-deepspeed", text):
        return True
    return (
        "torchtitan" in text and re.match(r"(fsdp|hsdp|ddp)\b(?!.*compile)", row["notes"].lower()) is not None
    )
