"""What is served, by which instances, under which latency bounds. Frozen; checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hesuan.planner.inputs import Checker, Cluster, Model, Precision


class Phase(StrEnum):
    """Which part of serving is asked about."""

    AGGREGATED = "agg"
    """One kind of instance does both; a new prompt's prefill delays the steps of running requests."""
    DISAGGREGATED = "disagg"
    """Prefill and decode run on instances of their own; the cache travels between them."""
    PREFILL = "prefill"
    """Prefill alone, prompts never run out."""
    DECODE = "decode"
    """Decode alone at a steady batch."""


class ExpertBalance(StrEnum):
    """How evenly tokens fall on expert ranks, where it is said in a word and not as a number."""

    NATURAL = "natural"
    """As published servings show it (constants.py): experts placed by use, some ranks still busier."""
    BALANCED = "balanced"
    """Every rank gets the same number of tokens: what publications call perfect EPLB."""


class Engine(StrEnum):
    """Serving software; what it costs per kernel, step and request differs (constants.py)."""

    TRTLLM = "trtllm"
    VLLM = "vllm"
    SGLANG = "sglang"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Equal instances. One instance has ``tp * dp * pp`` cards.

    Attention is sharded ``tp`` ways and replicated ``dp`` times over different requests (attention-DP); the
    experts of an instance lie on ``ep`` ranks, each expert cut ``moe_tp`` ways: ``ep * moe_tp = tp * dp``.
    """

    tp: int = 1
    dp: int = 1
    pp: int = 1
    ep: int = 1
    instances: float = 1
    """How many instances; a fraction stands for a share of one."""

    def __post_init__(self) -> None:
        check = Checker("pool")
        check.positive(self, ("tp", "dp", "pp", "ep", "instances"))
        if self.ep > 0 and self.tp * self.dp > 0:
            check.divides("ep", self.ep, of="tp * dp", whole=self.tp * self.dp)
        check.done()

    @property
    def cards_per_instance(self) -> int:
        """Ranks of one instance."""
        return self.tp * self.dp * self.pp

    @property
    def cards(self) -> float:
        """Ranks of all instances."""
        return self.cards_per_instance * self.instances

    @property
    def moe_tp(self) -> int:
        """How many ways one expert is cut."""
        return max(1, self.tp * self.dp // self.ep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The demand and the numbers' formats; ``concurrency`` counts requests of the whole deployment."""

    phase: Phase
    isl: float
    """Tokens of a prompt."""
    osl: float
    """Tokens of an answer."""
    concurrency: float
    """Requests in the system at any time (closed loop); for PREFILL unused."""
    precision: Precision = Precision.FP8
    """Format of the large products and their weights (of the experts alone where that is 4 bits)."""
    kv_bytes: float = 1.0
    """Bytes of one element in the cache."""
    engine: Engine = Engine.OTHER
    era: float = 2025.5
    """Year of the software stack with a fraction."""
    accepted: float = 1.0
    """Tokens a request gains in one step; above 1 with multi-token prediction or a draft."""
    drafted: int = 0
    """Tokens guessed ahead and verified together with the next one."""
    tokens_per_rank: float = 16384
    """Tokens of one prefill batch on one attention rank (PREFILL)."""
    cache_hit: float = 0.0
    """Share of the prompt found in a prefix cache."""
    two_batch_overlap: bool = False
    """Expert communication of one half batch hides behind the other half's compute."""
    expert_balance: ExpertBalance | float = ExpertBalance.NATURAL
    """Tokens of the busiest expert rank over the mean as a number of at least 1, or a word for it."""

    def __post_init__(self) -> None:
        check = Checker("serving")
        check.positive(self, ("isl", "osl", "kv_bytes", "tokens_per_rank"))
        check.within(self, "concurrency", 1e-3, 1e9)
        check.within(self, "accepted", 1.0, 1.0 + self.drafted)
        check.within(self, "cache_hit", 0.0, 0.999)
        check.within(self, "era", 2019.0, 2040.0)
        if not isinstance(self.expert_balance, ExpertBalance):
            check.within(self, "expert_balance", 1.0, 1000.0)
        check.done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Latency bounds; None is no bound."""

    ttft_s: float | None = None
    tpot_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A model on a cluster, laid out. ``prefill`` is needed for DISAGGREGATED and PREFILL."""

    model: Model
    cluster: Cluster
    decode: Pool
    prefill: Pool | None = None

    @property
    def cards(self) -> float:
        """All cards of both pools."""
        return self.decode.cards + (self.prefill.cards if self.prefill else 0.0)
