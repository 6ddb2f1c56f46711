"""Step time from what a source reported, by the source's own definition.

Sources count FLOPs in ways that differ by up to 40 %: with or without the recomputed forward, with the
whole attention square or the causal half, 6 N with or without the table. The row's notes say which; here
each definition is inverted, so that every error is one of step time.

Tokens/s per chip ``v``: ``step = T / (v n)``; rate per chip ``r``: ``step = f T / (r n)``; MFU ``u``:
``r = u peak``; with ``T`` tokens of one step, ``n`` chips, ``f`` FLOPs of one token as the source counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from hesuan.planner.inputs import Model, Plan, Precision, Recompute, Workload

SANE_MFU = 0.75
"""No published training is above this by model FLOPs with causal attention; a row above it is flagged."""


class Counting(StrEnum):
    """How a source counts the FLOPs of one token."""

    MODEL = "model"
    """Three forwards, whole attention square."""
    CAUSAL = "causal"
    """Three forwards, half the square."""
    PALM = "palm"
    """``6 N + 12 L a d s`` (Chowdhery et al. 2022, appendix B)."""
    HARDWARE = "hardware"
    """With the recomputed forward: four forwards under full recomputation."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One reported figure: its metric, value, and how it was counted."""

    metric: str
    value: float
    counting: Counting
    peak_flops: float
    chips_per_unit: float = 1.0
    """Chips in what the source calls one: 2 where dies are counted and packages reported."""


def counting_of(notes: str, *, era: float) -> Counting:
    """The definition a row's notes name; where they name none, the whole square before 2025."""
    lower = notes.lower()
    if re.search(r"hardware|4x fwd|hfu\b(?!.*mfu)|counts? (the )?recompute", lower) and "mfu" not in lower:
        return Counting.HARDWARE
    if "palm" in lower or "6n+12" in lower or re.search(r"mfu [\d.]+%, hfu", lower):
        return Counting.PALM
    if "causal" in lower and "not causal" not in lower and "predate" not in lower:
        return Counting.CAUSAL
    return Counting.CAUSAL if era >= 2025.3 else Counting.MODEL


def peak_of(notes: str, default: float) -> float:
    """The peak a share refers to [FLOP/s]: ``"of 312 TF"``, ``"/ 918 TF"``; else the chip's."""
    found = re.search(r"(?:of|vs|/)\s*(\d+(?:\.\d+)?)\s*TF\b", notes)
    return float(found[1]) * 1e12 if found else default


def flops_per_token(model: Model, seq: int, counting: Counting, recompute: Recompute) -> float:
    """FLOPs of one token by a source's definition [FLOP]."""
    if counting is Counting.CAUSAL:
        return model.flops_per_token(seq)
    if counting is Counting.PALM:
        table = 0 if model.tied else model.vocab * model.hidden
        weights = model.active_params - table - model.positions * model.hidden
        return 6.0 * weights + 3 * model.attention_flops_per_token(seq, causal=False)
    forward = model.forward_flops_per_token(seq, causal=False)
    if counting is Counting.HARDWARE and recompute is Recompute.FULL:
        head = 2.0 * model.vocab * model.hidden
        return 4.0 * forward - head
    return 3.0 * forward


def step_s(reported: Reported, workload: Workload, plan: Plan) -> float:
    """Observed step time [s]."""
    tokens = workload.training.tokens_per_step
    cards = workload.cluster.cards
    if reported.metric == "step_s":
        return reported.value
    if reported.metric == "tokens_per_s_per_chip":
        return tokens / (reported.value * cards / reported.chips_per_unit)
    rate = reported.value * (1e12 if reported.metric == "tflops_per_chip" else reported.peak_flops)
    cost = flops_per_token(workload.model, workload.training.seq, reported.counting, plan.recompute)
    return cost * tokens / (rate * cards / reported.chips_per_unit)


def implied_mfu(observed_s: float, workload: Workload) -> float:
    """Model FLOPs (causal attention, nothing recomputed) over the peak of the format used."""
    training, cluster = workload.training, workload.cluster
    work = workload.model.flops_per_token(training.seq) * training.tokens_per_step
    return work / (observed_s * cluster.cards * cluster.chip.peak(training.precision))


def bf16_peak(workload: Workload) -> float:
    """What a share of peak refers to unless the source says otherwise [FLOP/s]."""
    return workload.cluster.chip.peak(Precision.BF16)
