"""A workload as plain numbers: what every plan of one search has in common, computed once.

Rates are achieved rates: the chip's measured matrix-product rate (else the universal share of its peak)
times what a stream of products keeps, times the software era. Everything SI: FLOP/s, byte/s, s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hesuan.planner.constants import Constants
from hesuan.planner.inputs import UNBOUNDED, Chip, Precision, Shape, Training, Workload

NARROW = (Precision.FP8, Precision.INT8, Precision.FP4, Precision.INT4)
REFERENCE_PEAK = 312e12
"""The peak at which ``Constants.wave_elements`` is given: A100 [FLOP/s]."""
REFERENCE_MATMUL = 271e12
"""The rate at which ``Constants.attention_head`` is given: A100 [FLOP/s]."""
REFERENCE_DENSITY = 0.78e12
"""16-bit peak over board power of the A100 [FLOP/s/W]."""
UNFUSED_BEFORE = 2023.0


@dataclass(frozen=True, slots=True)
class Hop:
    """One level of the fabric as a collective meets it."""

    size: float
    """Cards in one domain."""
    bytes_per_s: float
    """Achieved, one card, one way."""
    latency_s: float
    """Start-up of one step."""
    wires: float
    """Wires of one card where every pair has its own; 0 where there is a switch or a torus."""
    torus: bool


@dataclass(frozen=True, slots=True)
class Load:
    """Numbers of one workload under one set of constants."""

    work: Workload
    c: Constants
    rate: float
    """Large matrix products of the layers [FLOP/s]."""
    wide_rate: float
    """Matrix products kept in 16 bits: head, router, scores [FLOP/s]."""
    attention_rate: float
    """Products inside flash attention, before softmax and sequence [FLOP/s]."""
    softmax_head: float
    """Head size at which softmax takes as long as the products [element]."""
    memory_rate: float
    """Bytes per second of memory-bound kernels."""
    wave: float
    """Output elements lost to part-filled waves."""
    k_start: float
    """Inner length a tile's prologue and epilogue take [element]."""
    cast_bytes: float
    """Bytes to quantise one input element; 0 in 16 bits."""
    elementwise: float
    launch_s: float
    """Host time of one kernel [s]."""
    gap_s: float
    """Idle time between two kernels [s]."""
    moe_host_s: float
    """Host time of one expert layer beyond its kernels [s]."""
    hops: tuple[Hop, ...]
    era: float
    expert_rate: float
    """Speed of expert layers against dense ones of the same sizes: their software is younger."""

    @classmethod
    def of(cls, work: Workload, c: Constants) -> Load:
        """Reads a workload once."""
        chip, training = work.cluster.chip, work.training
        if training.precision in (Precision.FP4, Precision.INT4) and work.model.ssm_layers:
            training = replace(training, precision=Precision.FP8)  # hybrid recipes keep most in 8 bits
        cool = era_factor(training.era, c) * c.scale
        era = cool * power_factor(chip, c)
        whole = chip.fixed_clock
        best = chip.achievable(Precision.BF16, c.whole_program_share if whole else c.matmul_share)
        wide = (c.whole_program_share if whole else c.gemm_share) * era * best
        narrow = is_narrow(chip, training.precision)
        rate = narrow_rate(chip, training.precision, c) * era if narrow else wide
        four = training.precision in (Precision.FP4, Precision.INT4)
        if narrow and four:
            rate = 1.0 / ((1 - c.fp4_wide_share) / rate + c.fp4_wide_share / wide)
        cast = (c.cast_bytes_fp4 if four else c.cast_bytes) if narrow else 0.0
        peak = chip.peak(Precision.BF16)
        return cls(
            work=work,
            c=c,
            rate=rate,
            wide_rate=wide,
            attention_rate=c.attention_share * cool * best,
            softmax_head=softmax_head(best, training.era, c),
            memory_rate=c.memory_share * chip.memory_bandwidth_bytes_per_s * c.scale,
            wave=0.0 if whole else c.wave_elements * math.sqrt(peak / REFERENCE_PEAK),
            k_start=c.k_start * math.sqrt(peak / REFERENCE_PEAK),
            cast_bytes=cast,
            elementwise=passes_over_memory(training, c),
            gap_s=0.0 if whole else c.kernel_gap_s,
            launch_s=0.0
            if whole
            else c.kernel_host_s * (c.graph_share if training.era >= c.graph_era else 1.0),
            moe_host_s=0.0
            if whole
            else c.moe_host_s * (c.graph_share if training.era >= c.moe_graph_era else 1.0),
            hops=tuple(hops(work, c)),
            era=training.era,
            expert_rate=expert_growth(training.era, c),
        )


def passes_over_memory(training: Training, c: Constants) -> float:
    """Bytes moved by elementwise work over the least, by how much of it is fused."""
    if not training.compiled:
        return c.elementwise_eager
    return c.elementwise_before if training.era < UNFUSED_BEFORE else c.elementwise


def era_factor(era: float, c: Constants) -> float:
    """``(1 + g)^(era - zero)``, held constant beyond ``era_span`` years."""
    years = min(max(era - c.era_zero, -c.era_span), c.era_span)
    return float((1.0 + c.era_growth) ** years)


def softmax_head(rate: float, era: float, c: Constants) -> float:
    """Head size at which exponentials take as long as products of ``rate`` [FLOP/s]; see ``Constants``."""
    grown = c.attention_head * (rate / REFERENCE_MATMUL) ** c.attention_head_growth
    return float(grown * (c.attention_overlap if era >= c.attention_overlap_era else 1.0))


def expert_growth(era: float, c: Constants) -> float:
    """Rate of expert layers relative to ``expert_era``: grouped products, routing and exchange are young
    kernels.
    """
    years = min(max(era - c.expert_era, -c.expert_span), c.expert_span)
    return float((1.0 + c.expert_growth) ** years)


def power_factor(chip: Chip, c: Constants) -> float:
    """``(peak / power / reference)^-p``: a GPU with more arithmetic per watt lowers its clock under load.

    16-bit dense peak over board power, against 0.78 TFLOP/s/W of the A100; at most 1. 1 where power is
    unknown. The best single product is measured in a short burst; a training step runs for minutes at the
    power limit. Only for chips whose peak is quoted at a boost clock; others are specified at the clock they
    hold.
    """
    if chip.tdp_w <= 0.0 or chip.fixed_clock:
        return 1.0
    density = chip.peak(Precision.BF16) / chip.tdp_w / REFERENCE_DENSITY
    return float(max(density, 1.0) ** -c.power_exponent)


def is_narrow(chip: Chip, precision: Precision) -> bool:
    """Whether products really run in 8 bits or fewer on this chip."""
    return chip.native(precision) in NARROW


def narrow_rate(chip: Chip, precision: Precision, c: Constants) -> float:
    """Achieved FP8 or FP4 rate before era [FLOP/s]; a measured FP8 share of the peak speaks for FP4 too."""
    native = chip.native(precision)
    share = c.matmul_share_fp8
    if Precision.FP8 in chip.matmul_flops and Precision.FP8 in chip.peak_flops:
        share = chip.matmul_flops[Precision.FP8] / chip.peak_flops[Precision.FP8]
    return c.gemm_share_fp8 * chip.matmul_flops.get(native, share * chip.peak_flops[native])


def hops(work: Workload, c: Constants) -> list[Hop]:
    """The fabric's levels with achieved bandwidth and start-up; the outermost holds everything."""
    levels = work.cluster.fabric.levels
    out = []
    for place, level in enumerate(levels):
        below = levels[place - 1].size if place else 1
        share = c.link_share if level.scale_up else c.net_share
        share = c.mesh_share if level.shape is Shape.MESH else share
        last = place == len(levels) - 1
        out.append(
            Hop(
                size=float(UNBOUNDED if last else level.size),
                bytes_per_s=share * level.bandwidth_bytes_per_s / level.oversubscription,
                latency_s=max(c.latency_floor_s, c.latency_scale * level.latency_s),
                wires=level.size / below - 1.0 if level.shape is Shape.MESH else 0.0,
                torus=level.shape is Shape.TORUS,
            )
        )
    return out
