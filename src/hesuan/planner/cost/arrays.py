"""Plans and their costs as structures of arrays: one array a field, one entry a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.inputs import Plan, Recompute, Schedule

Array = NDArray[np.float64]
Integers = NDArray[np.int32]

RECOMPUTE = tuple(Recompute)
"""The code of a recomputation is its place here: 0 none, 1 selective, 2 full."""
SCHEDULE = tuple(Schedule)
"""The code of a schedule is its place here: 0 1F1B, 1 interleaved, 2 zero bubble, 3 DualPipe."""
EVERY_LAYER = -1
"""``recompute_layers`` where all layers of a stage are meant."""


@dataclass(frozen=True, slots=True)
class Plans:
    """Many plans; every field is an int32 array of one length, flags are 0 or 1. Meanings as in ``Plan``."""

    tp: Integers
    pp: Integers
    vpp: Integers
    dp: Integers
    ep: Integers
    cp: Integers
    micro_batch: Integers
    zero: Integers
    zero_degree: Integers
    expert_tp: Integers
    recompute: Integers
    recompute_layers: Integers
    schedule: Integers
    sequence_parallel: Integers
    overlap_dp: Integers
    overlap_tp: Integers
    overlap_pp: Integers
    overlap_ep: Integers
    offload: Integers

    def __len__(self) -> int:
        return len(self.tp)

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> Plans:
        """Packs plan objects."""
        rows = np.array([[_code(plan, name) for name in _NAMES] for plan in plans], dtype=np.int32)
        columns = rows.reshape(-1, len(_NAMES)).T
        return cls(*(np.ascontiguousarray(column) for column in columns))

    @classmethod
    def full(cls, length: int, **columns: Integers | int) -> Plans:
        """Plans from some columns; a column left out has the default of ``Plan`` throughout."""
        default = Plan()
        return cls(
            *(
                np.broadcast_to(np.asarray(columns.get(name, _code(default, name)), np.int32), (length,))
                for name in _NAMES
            )
        )

    def take(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Plans:
        """Some of the plans."""
        return Plans(*(getattr(self, name)[rows] for name in _NAMES))

    def blocks(self, size: int) -> Iterator[Plans]:
        """The plans in runs of at most ``size``, small enough for a cache."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def plan(self, row: int) -> Plan:
        """One of them as an object."""
        values = {name: int(getattr(self, name)[row]) for name in _NAMES}
        layers = values["recompute_layers"]
        flags = {name: bool(values[name]) for name in _FLAGS}
        return Plan(
            **{
                **values,
                **flags,
                "recompute": RECOMPUTE[values["recompute"]],
                "recompute_layers": None if layers == EVERY_LAYER else layers,
                "schedule": SCHEDULE[values["schedule"]],
            }  # type: ignore[arg-type]
        )

    @property
    def cards(self) -> Integers:
        """Cards each plan takes: ``tp pp cp dp``."""
        return np.asarray(self.tp * self.pp * self.cp * self.dp, np.int32)


_NAMES = tuple(field.name for field in fields(Plans))
_FLAGS = ("sequence_parallel", "overlap_dp", "overlap_tp", "overlap_pp", "overlap_ep", "offload")


def _code(plan: Plan, name: str) -> int:
    value = getattr(plan, name)
    if name == "recompute":
        return RECOMPUTE.index(Recompute(value))
    if name == "schedule":
        return SCHEDULE.index(Schedule(value))
    if name == "recompute_layers":
        return EVERY_LAYER if value is None else int(value)
    return int(value)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on the fullest card of a plan, by cause; each array: [plan]."""

    weights: Array
    grads: Array
    optimizer: Array
    activations: Array
    workspace: Array

    @property
    def total(self) -> Array:
        """All causes together [byte]."""
        return self.weights + self.grads + self.optimizer + self.activations + self.workspace


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the time of a step goes [s] and what a card holds [byte]; each array: [plan].

    Communication is what is *exposed*: what compute hides costs nothing here but its contention.
    """

    compute_s: Array
    tp_s: Array
    cp_s: Array
    ep_s: Array
    pp_s: Array
    dp_s: Array
    bubble_s: Array
    recompute_s: Array
    optimizer_s: Array
    data_s: Array
    launch_s: Array
    memory: Memory
    feasible: NDArray[np.bool_]
    """The fullest card's memory suffices."""

    TIMES: ClassVar[tuple[str, ...]] = (
        *("compute_s", "recompute_s", "launch_s", "tp_s", "cp_s", "ep_s", "pp_s", "bubble_s"),
        *("dp_s", "optimizer_s", "data_s"),
    )

    @property
    def step_s(self) -> Array:
        """The whole step: the sum of its parts [s]."""
        total: Array = sum((getattr(self, name) for name in self.TIMES), np.zeros_like(self.compute_s))
        return total
