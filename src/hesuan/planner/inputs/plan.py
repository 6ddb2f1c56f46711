"""The training and the plan: what is to be computed, and how it is laid over the cards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hesuan.planner.inputs.checking import Checker
from hesuan.planner.inputs.machine import Cluster, Precision
from hesuan.planner.inputs.model import Model


@dataclass(frozen=True, slots=True)
class Training:
    """What is trained, independent of how it is laid out."""

    seq: int
    """Tokens of one sequence."""
    global_batch: int
    """Sequences of one step."""
    precision: Precision = Precision.BF16
    grad_bytes: float = 4.0
    """Bytes of one gradient as accumulated."""
    state_bytes: float = 12.0
    """Bytes of optimizer state per weight: 32-bit master copy and two moments 12; 16 where the optimizer
    turns its share of 16-bit gradients into 32 bits first (DeepSpeed, fp16); less where moments are
    narrower."""
    optimizer: str = "adam"
    tokens_total: float | None = None
    era: float = 2025.0
    """Year of the software stack, with a fraction: kernels and overlap improve with it."""
    imbalance: float = 1.0
    """Tokens of the busiest expert rank over the mean."""
    flash_attention: bool = True
    """False: scores are written to memory and the mask is not skipped (stacks before mid 2022)."""
    compiled: bool = True
    """False: norms, activations and rotations run as single kernels of an eager framework, each a pass over
    memory."""
    fused_loss: bool = True
    """Cross entropy in one kernel on 16-bit logits. False: separate kernels, each with a 32-bit copy."""
    lora: bool = False
    """Only small adapters are trained: no weight gradients of the frozen matrices."""

    def __post_init__(self) -> None:
        check = Checker("training")
        check.positive(self, ("seq", "global_batch", "grad_bytes", "state_bytes"))
        check.within(self, "era", 2017.0, 2040.0)
        check.within(self, "imbalance", 1.0, 1000.0)
        check.done()

    @property
    def tokens_per_step(self) -> int:
        """Tokens of one step."""
        return self.seq * self.global_batch


class Recompute(StrEnum):
    """What the backward pass computes anew."""

    NONE = "none"
    SELECTIVE = "selective"
    """The core of attention (Korthikanti et al. 2022)."""
    FULL = "full"


class Schedule(StrEnum):
    """The order of a pipeline's micro-batches."""

    ONE_F_ONE_B = "1f1b"
    INTERLEAVED = "interleaved"
    ZERO_BUBBLE = "zero_bubble"
    DUALPIPE = "dualpipe"


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of every parallel dimension; ``cards = tp * pp * cp * dp``, experts fold into ``cp * dp``."""

    tp: int = 1
    pp: int = 1
    vpp: int = 1
    """Stages of one card (interleaving)."""
    dp: int = 1
    ep: int = 1
    cp: int = 1
    micro_batch: int = 1
    """Sequences of one rank and micro-batch."""
    zero: int = 1
    """0 nothing sharded, 1 optimizer, 2 and gradients, 3 and weights."""
    zero_degree: int = 0
    """Ranks one copy is sharded over; 0 means all of data parallelism."""
    expert_tp: int = 1
    """Tensor parallelism inside one expert."""
    recompute: Recompute = Recompute.NONE
    recompute_layers: int | None = None
    """Layers recomputed on each stage; None means all of them."""
    schedule: Schedule = Schedule.ONE_F_ONE_B
    sequence_parallel: bool = True
    overlap_dp: bool = True
    overlap_tp: bool = False
    overlap_pp: bool = True
    overlap_ep: bool = False
    offload: bool = False
    """Optimizer states live in host or pooled memory."""

    def __post_init__(self) -> None:
        check = Checker("plan")
        check.positive(self, ("tp", "pp", "vpp", "dp", "ep", "cp", "micro_batch", "expert_tp"))
        check.within(self, "zero", 0, 3)
        check.not_negative(self, ("zero_degree",))
        check.done()

    @property
    def cards(self) -> int:
        """Cards the plan takes."""
        return self.tp * self.pp * self.cp * self.dp

    def micro_batches(self, global_batch: int) -> float:
        """Micro-batches of one pipeline and step; at least 1."""
        return max(1.0, global_batch / (self.dp * self.micro_batch))


@dataclass(frozen=True, slots=True)
class Workload:
    """A model to be trained on a cluster."""

    model: Model
    cluster: Cluster
    training: Training
