"""What a search may try: its borders, each with the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass

from hesuan.planner.inputs import Recompute, Schedule

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """Borders of the plan space. The defaults hold nearly every published plan (``docs/model/search.md``).

    Attributes:
        card_counts: Card counts to try; ``None`` tries the whole cluster, its half, quarter and eighth, so
            that the frontier can trade time for money.
        tp_max: Largest tensor-parallel group; ``None`` is the largest domain inside the cluster, at most 64.
        pp_max: Most pipeline stages.
        ep_max: Largest expert-parallel group (320 is CloudMatrix384's one expert per die).
        cp_max: Largest context-parallel group.
        cp_min_tokens: Tokens each rank keeps at least when a sequence is cut [token].
        micro_batch_max: Largest micro-batch; every divisor of the global batch up to it is tried [sequence].
        zero: ZeRO stages to try.
        recompute: Kinds of recomputation to try.
        schedules: Pipeline schedules to try.
        offload: Whether the optimizer's state may lie in pooled or host memory where there is any.
        uneven: Whether embedding and head may count as layers so that stages come out whole.
        memory_reserve: Share of the card's memory that no plan may use (fragmentation, other processes).
        deadline_s, money_max_fen: Refuse plans whose work takes longer, or whose card-hours cost more.
        top: How many plans to return in order of time.
        shortlist: How many of the fastest plans are ranked again for each unsure figure.
        slack_step_bytes: Memory slack is compared in steps of this size, so that the frontier stays readable.
    """

    card_counts: tuple[int, ...] | None = None
    tp_max: int | None = None
    pp_max: int = 64
    ep_max: int = 320
    cp_max: int = 64
    cp_min_tokens: int = 4096
    micro_batch_max: int = 64
    zero: tuple[int, ...] = (0, 1, 2, 3)
    recompute: tuple[Recompute, ...] = tuple(Recompute)
    schedules: tuple[Schedule, ...] = tuple(Schedule)
    offload: bool = True
    uneven: bool = True
    memory_reserve: float = 0.0
    deadline_s: float | None = None
    money_max_fen: int | None = None
    top: int = 10
    shortlist: int = 512
    slack_step_bytes: int = GIB
