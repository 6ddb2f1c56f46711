"""The universal numbers of the cost model: one set for all chips, fabrics and models.

What a chip or fabric is known to do stands in the catalogue. What stands here is what no vendor publishes:
which share of a rate survives in a training step. Defaults are physical estimates; the calibrate room fits
them on published rows and writes what it found, with its residuals, into ``docs/model/accuracy.md``. A
cluster of its own gets a copy with other numbers by ``dataclasses.replace``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from hesuan.figures import Kind
from hesuan.planner.calibration import Calibration
from hesuan.planner.fitted import FITTED, LEFT_OUT, PROVENANCE


@dataclass(frozen=True, slots=True)
class Constants:
    """Shares are dimensionless, times in seconds, sizes in elements or bytes as named."""

    provenance: str = "physical estimates"
    """How these numbers came about."""

    left_out: float = 0.0
    """Step-time MAPE of rows under constants fitted without the row's family; 0 where nobody fitted."""

    # -- matrix products ----------------------------------------------------------------------------
    matmul_share: float = 0.80
    """Best matrix-product rate over peak where nobody measured it (16-bit): mean of nine measured chips."""
    matmul_share_fp8: float = 0.72
    """The same for FP8 and FP4: mean of five measured chips."""
    gemm_share: float = 0.87
    """What a stream of products inside a step keeps of the best single product (power, cache, clocks)."""
    gemm_share_fp8: float = 0.75
    """The same for FP8 and FP4 recipes."""
    power_exponent: float = 0.35
    """How far the sustained clock falls with arithmetic per watt: ``(peak / power)^-p`` beyond the A100's."""
    wave_elements: float = 0.7e6
    """Output elements lost to the last, part-filled wave of tiles, at a peak of 312 TFLOP/s; grows with its
    root."""
    k_start: float = 60.0
    """Length of the inner dimension whose time a tile's prologue and epilogue take, at a peak of 312 TFLOP/s
    [element]; grows with its root."""
    era_growth: float = 0.03
    """Compute rate gained per year of software [1/year] around ``era_zero``."""
    era_zero: float = 2024.0
    era_span: float = 3.0
    """The growth holds this many years to either side [year]."""
    expert_growth: float = 0.30
    """Further rate that expert layers gained per year around ``expert_era`` [1/year]: the kernels are
    young.
    """
    expert_era: float = 2025.7
    expert_span: float = 1.0
    """The growth holds this many years to either side [year]."""
    scale: float = 1.0
    """One factor on the whole compute rate: what one-scalar calibration of a (chip, era) moves."""

    scan_share: float = 0.12
    """Rate of a state-space scan's small products over the best rate."""

    # -- attention ---------------------------------------------------------------------------------
    attention_share: float = 0.70
    """Rate of the products inside flash attention over the best 16-bit matrix-product rate."""
    attention_backward: float = 0.80
    """Backward rate over forward rate; it runs 5 products where forward runs 2."""
    attention_start: float = 512.0
    """Sequence length at which the block pipeline runs half-filled [token]."""
    attention_head: float = 28.0
    """Head size at which softmax takes as long as the products, on an A100 [element]."""
    attention_head_growth: float = 0.8
    """Power of the matrix-product rate (over an A100's) with which it grows: exponentials got less faster."""
    attention_overlap_era: float = 2024.6
    """From here on kernels run softmax beside the products (FlashAttention-3, cuDNN 9) ..."""
    attention_overlap: float = 0.45
    """... which leaves this share of its time."""
    plain_attention_share: float = 0.45
    """Rate of the batched products of written-out attention over the best rate."""
    odd_head_share: float = 0.4
    """Rate of written-out attention whose head size is no multiple of eight: no tensor cores for these
    products.
    """
    plain_attention_bytes: float = 13.0
    """Bytes moved per score by written-out attention, forward (write, masked softmax, dropout, read)."""

    # -- memory-bound work --------------------------------------------------------------------------
    memory_share: float = 0.80
    """Achieved share of nominal memory bandwidth."""
    elementwise: float = 1.25
    """Bytes really moved by norms, residuals and activations over the least that a fused kernel moves."""
    elementwise_eager: float = 4.0
    """The same where nothing fuses at all: an eager framework without compiler or hand-written kernels
    (two pairs of runs in torchtitan, 2024-12: compiled 16 % faster)."""
    elementwise_before: float = 1.1
    """The same before 2023 (dropout's masks, bias and residual fused by hand)."""
    cast_bytes: float = 4.0
    """Bytes to quantise one input element of a product: read 2, write it in both layouts."""
    cast_bytes_fp4: float = 6.0
    """The same for FP4: with rotation, rounding and two-level scales."""
    fp4_wide_share: float = 0.15
    """Share of the products an FP4 recipe keeps in 16 bits."""
    loss_bytes: float = 36.0
    """Bytes per logit for cross entropy in 32 bits, forward and backward: widened (2 + 4), greatest (4),
    exponential (4 + 4), sum (4), share (4 + 4), gradient (4 + 2)."""
    permute_passes: float = 8.0
    """Times a routed token's vector is read or written on the card for dispatch and combine together."""

    # -- kernels and host ---------------------------------------------------------------------------
    kernel_gap_s: float = 1.5e-6
    """Idle time between two kernels on a card [s]."""
    kernel_host_s: float = 5.0e-6
    """Host time to launch one kernel; exposed only where the card is faster [s]."""
    kernels_dense: float = 60.0
    """Kernels of one dense layer, forward and backward."""
    kernels_moe: float = 110.0
    """Further kernels of one expert layer."""
    graph_era: float = 2025.5
    """From this era on a launch costs ``graph_share`` of it (captured graphs)."""
    graph_share: float = 0.4
    moe_host_s: float = 3.0e-3
    """Host time of one expert layer, forward and backward, beyond its kernels': counts of tokens are read
    back before the next launch [s]; ``graph_share`` of it from ``moe_graph_era`` on."""
    moe_graph_era: float = 2026.0
    whole_program_share: float = 0.95
    """Best product over peak, and stream over best product, where a compiler lays out the whole step
    (TPU)."""

    # -- collectives --------------------------------------------------------------------------------
    link_share: float = 0.75
    """Achieved share of nominal bandwidth inside a scale-up domain."""
    mesh_share: float = 0.55
    """The same where every pair has its own wire: the slowest wire decides."""
    net_share: float = 0.80
    """Achieved share of nominal bandwidth of a network."""
    latency_scale: float = 2.0
    """Software start-up of a collective's step over the wire's latency."""
    latency_floor_s: float = 4.0e-6
    """Least start-up of one collective step [s]."""
    message_half_bytes: float = 4.0e6
    """Message size at which a link reaches half its rate, beyond latency [byte]."""
    contention: float = 0.10
    """Compute lost while communication hides behind it, as a share of the hidden time."""

    # -- overlap: share of a compute phase that communication may hide behind -----------------------
    tp_overlap: float = 0.45
    """Tensor parallel traffic hidden by default from ``overlap_era`` on (re-gathers behind weight
    gradients)."""
    tp_overlap_asked: float = 0.75
    """The same with chunked overlap asked for."""
    overlap_era: float = 2023.5
    cp_overlap: float = 0.8
    """Ring exchange behind attention."""
    ep_overlap: float = 0.85
    """Expert exchange where two micro-batches run side by side (DualPipe, 1F1B exchange overlap)."""
    ep_overlap_base: float = 0.3
    """The same without, from ``overlap_era`` on (shared experts, streams)."""
    dp_overlap: float = 0.7
    """Gradient buckets behind the last backward, weights behind the first forward."""
    fsdp_overlap: float = 0.85
    """Weights prefetched layer by layer."""
    pp_overlap: float = 0.5
    """Sends between stages hidden by the schedule."""

    # -- step ends ----------------------------------------------------------------------------------
    optimizer_bytes: float = 34.0
    """Bytes moved per owned parameter: gradient norm, Adam in 32 bits, 16-bit copy."""
    data_s: float = 4.0e-3
    """Data loading, logging and host work of one step that nothing hides [s]."""
    jitter: float = 0.004
    """Slow-down per doubling of hosts: a synchronous step waits for the slowest card."""

    # -- the interval ------------------------------------------------------------------------------------
    interval: float = 0.18
    """Half-width of the 80 % interval of a dense model's step time, in logs."""
    interval_moe: float = 0.30
    """The same for a mixture of experts."""
    interval_per_assumed: float = 0.03
    """Added for each figure of chip or cluster that nobody has shown."""
    kind: Kind = Kind.ESTIMATED
    """What a forecast with these constants weighs: calibrated where fitted to this cluster's own runs."""

    calibration: Calibration | None = None
    """What this cluster's own runs taught, if it has been fitted."""

    # -- memory -------------------------------------------------------------------------------------
    reserve_bytes: float = 2.0e9
    """Context, libraries and communication buffers: needed beside what the framework allocates [byte]."""
    fragmentation: float = 0.1
    """Share of the activations that the allocator keeps in holes while the card has room."""
    kept_bytes: float = 2.5e9
    """What it keeps beside: part-filled segments, and buffers of groups of ranks [byte]."""
    usable_memory: float = 0.985
    """Share of the nominal memory a process may allocate."""
    logit_bytes_fused: float = 4.0
    """Bytes per logit while the loss is computed in one kernel: 16-bit logits and their gradient."""
    logit_bytes: float = 8.0
    """The same in separate kernels over a split vocabulary: 16-bit, 32-bit in place, 16-bit gradient."""
    logit_bytes_sharded: float = 14.0
    """The same by library calls where weights are sharded (ZeRO 2 and 3): 16-bit, 32-bit log-probabilities,
    and two 32-bit gradients, nothing in place."""
    selective_share_sharded: float = 0.46
    """Activations that selective recomputation leaves where weights are sharded (ZeRO 3): every other
    product and the attention."""


DEFAULT = Constants(**FITTED, left_out=LEFT_OUT, provenance=PROVENANCE)
"""What ``predict`` uses when nobody says otherwise."""

APART = ("provenance", "left_out", "interval", "interval_moe", "interval_per_assumed", "kind", "calibration")
"""Fields that move no forecast's middle."""


@lru_cache(maxsize=16)
def version(constants: Constants) -> str:
    """Twelve digits that change when any number behind a step time does; a saved fit names them."""
    values = [f"{one.name}={getattr(constants, one.name)!r}" for one in fields(Constants)]
    told = "\n".join(line for line in values if line.partition("=")[0] not in APART)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def calibrated(constants: Constants, calibration: Calibration | None) -> Constants:
    """The constants with a cluster's calibration; as they are without one."""
    return replace(constants, calibration=calibration) if calibration else constants
