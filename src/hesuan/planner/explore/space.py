"""The plan space: every legal combination of whole numbers, as a structure of arrays.

Built in stages (groups, experts, schedule, micro-batch, state): each stage crosses the rows that are still
legal with its own choices and drops what breaks a rule. So an illegal TP, PP, CP triple is refused once
and not a thousand times, and nothing is ever one object per plan. The order of the rows is lexicographic
and the same in every run; ties in a search are broken by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hesuan.planner.cost import Plans
from hesuan.planner.explore import rules
from hesuan.planner.explore.divisors import divisors
from hesuan.planner.explore.limits import Limits
from hesuan.planner.explore.rules import Columns, Rule
from hesuan.planner.inputs import Schedule, Workload

FIELDS = (
    *("cards", "tp", "pp", "cp", "dp", "ep", "vpp"),
    *("schedule", "micro_batch", "zero", "recompute", "offload"),
)


@dataclass(frozen=True, slots=True)
class Space:
    """Legal plans in columns ``[plan]`` of int32, and how many combinations each rule refused."""

    columns: Columns
    refused: Mapping[str, int]

    @property
    def size(self) -> int:
        """Number of legal plans."""
        return len(self.columns["tp"])

    def plans(self) -> Plans:
        """The same plans as the cost model takes them; sequence parallelism goes with every TP group."""
        columns = {name: column for name, column in self.columns.items() if name != "cards"}
        together = (self.columns["tp"] > 1).astype(np.int32)
        return Plans.full(self.size, sequence_parallel=together, **columns)


@dataclass(slots=True)
class _Table:
    columns: Columns
    refused: dict[str, int] = field(default_factory=dict)

    def cross(self, names: Sequence[str], choices: Sequence[Sequence[int]]) -> None:
        """Every row with every choice; a choice fills the columns ``names``."""
        rows = len(next(iter(self.columns.values())))
        self.columns = {name: np.repeat(column, len(choices)) for name, column in self.columns.items()}
        for at, name in enumerate(names):
            self.columns[name] = np.tile(np.array([c[at] for c in choices], dtype=np.int32), rows)

    def sieve(self, some: Sequence[Rule], workload: Workload, limits: Limits) -> None:
        """Drops the rows that break a rule, counting each at the first one."""
        for rule in some:
            broken = np.broadcast_to(rule.broken(self.columns, workload, limits), self.columns["tp"].shape)
            count = int(np.count_nonzero(broken))
            if count:
                self.refused[rule.name] = self.refused.get(rule.name, 0) + count
                self.columns = {name: column[~broken] for name, column in self.columns.items()}


def enumerate_plans(workload: Workload, limits: Limits) -> Space:
    """All legal plans of a workload within the limits."""
    table = _Table({"cards": np.array(sorted(card_counts(workload, limits), reverse=True), dtype=np.int32)})
    _groups(table, workload, limits)
    _experts(table, workload, limits)
    _schedule(table, workload, limits)
    sizes = [size for size in divisors(workload.training.global_batch) if size <= limits.micro_batch_max]
    table.cross(("micro_batch",), [(size,) for size in sizes])
    table.sieve(rules.BATCH, workload, limits)
    _state(table, workload, limits)
    return Space({name: table.columns[name] for name in FIELDS}, dict(table.refused))


def card_counts(workload: Workload, limits: Limits) -> tuple[int, ...]:
    """The card counts to try; at most what the cluster has."""
    whole = workload.cluster.cards
    parts = tuple(whole // part for part in (1, 2, 4, 8) if whole % part == 0)
    return tuple(sorted({cards for cards in limits.card_counts or parts if 0 < cards <= whole}))


def _groups(table: _Table, workload: Workload, limits: Limits) -> None:
    counts = [int(cards) for cards in table.columns["cards"]]
    tps = sorted({d for cards in counts for d in divisors(cards) if d <= max(workload.model.heads, 1)})
    pps = sorted({d for cards in counts for d in divisors(cards) if d <= limits.pp_max})
    cps = sorted({d for cards in counts for d in divisors(cards) if d <= limits.cp_max})
    table.cross(("tp", "pp", "cp"), [(tp, pp, cp) for tp in tps for pp in pps for cp in cps])
    table.sieve(rules.GROUPS[:1], workload, limits)
    c = table.columns
    c["dp"] = c["cards"] // (c["tp"] * c["pp"] * c["cp"])
    table.sieve(rules.GROUPS[1:], workload, limits)


def _experts(table: _Table, workload: Workload, limits: Limits) -> None:
    sizes = {d for cards in card_counts(workload, limits) for d in divisors(cards) if d <= limits.ep_max}
    table.cross(("ep",), [(ep,) for ep in (sorted(sizes) if workload.model.experts else (1,))])
    table.sieve(rules.EXPERTS, workload, limits)


def _schedule(table: _Table, workload: Workload, limits: Limits) -> None:
    plain = [name for name in limits.schedules if name is not Schedule.INTERLEAVED]
    choices = [(rules.SCHEDULES.index(name), 1) for name in plain]
    if Schedule.INTERLEAVED in limits.schedules:
        most = max(2, (workload.model.layers + max(rules.stand_ins(workload, limits))) // 2)
        choices += [(rules.INTERLEAVED, vpp) for vpp in range(2, most + 1)]
    table.cross(("schedule", "vpp"), sorted(choices))
    table.sieve(rules.SCHEDULE, workload, limits)


def _state(table: _Table, workload: Workload, limits: Limits) -> None:
    offload = (0, 1) if limits.offload and rules.has_pool(workload) else (0,)
    kinds = sorted(rules.RECOMPUTE.index(name) for name in limits.recompute)
    table.cross(
        ("zero", "recompute", "offload"),
        [(zero, kind, off) for zero in sorted(limits.zero) for kind in kinds for off in offload],
    )
    table.sieve(rules.STATE, workload, limits)
