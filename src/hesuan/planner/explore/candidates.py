"""From rows of arrays to candidates: what was timed, joined, and one row of it as an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hesuan.planner.cost import Parts, Plans
from hesuan.planner.explore.result import Candidate
from hesuan.planner.inputs import Workload
from hesuan.planner.operation import total_fen
from hesuan.planner.reliability import Goodput, goodput_on

CAUSES = ("weights", "grads", "optimizer", "activations", "workspace")
UNIT_OF_WORK = 1e9
"""Tokens that money and time are told for when the training states no total."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """Timed rows, in the order they were timed. ``parts`` and ``memory``: [part or cause, row]."""

    rows: npt.NDArray[np.intp]
    step_s: Floats
    share: Floats
    """Goodput [row]; 1 where failures are left aside."""
    parts: Floats
    memory: Floats

    @classmethod
    def joined(cls, kept: Sequence[tuple[npt.NDArray[np.intp], Parts]], share: Floats) -> Measured:
        """Blocks put together; ``share``: [plan]."""
        none = np.empty(0)
        rows = [block for block, _ in kept]
        step_s = [parts.step_s for _, parts in kept]
        times = [np.stack([getattr(parts, name) for name in Parts.TIMES]) for _, parts in kept]
        memory = [np.stack([getattr(parts.memory, name) for name in CAUSES]) for _, parts in kept]
        return cls(
            np.concatenate(rows) if rows else none.astype(np.intp),
            np.concatenate(step_s) if rows else none,
            share[np.concatenate(rows)] if rows else none,
            np.concatenate(times, axis=1) if rows else np.empty((len(Parts.TIMES), 0)),
            np.concatenate(memory, axis=1) if rows else np.empty((len(CAUSES), 0)),
        )

    @property
    def wall_s(self) -> Floats:
        """Wall time of one step's useful work, failures included [s]."""
        return self.step_s / self.share


def work_tokens(workload: Workload) -> float:
    """The work that a search is told for: the training's tokens, or a thousand million."""
    return float(workload.training.tokens_total or UNIT_OF_WORK)


def work_seconds(workload: Workload, step_s: Floats) -> Floats:
    """Time of that work [s]: steps × time of one, parts of a step counted."""
    return step_s * (work_tokens(workload) / workload.training.tokens_per_step)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes objects of timed rows; what all of them share is computed once."""

    workload: Workload
    plans: Plans
    measured: Measured
    slack: Floats
    flops_per_token: float
    peak: float
    kept: dict[int, Goodput] = field(default_factory=dict)
    """What failures leave, by cards; filled as asked for."""

    @classmethod
    def of(cls, workload: Workload, plans: Plans, measured: Measured, slack: Floats) -> Maker:
        """``slack``: [plan]."""
        flops = workload.model.flops_per_token(workload.training.seq)
        peak = workload.cluster.chip.peak(workload.training.precision)
        return cls(workload, plans, measured, slack, flops, peak)

    def candidate(self, at: int) -> Candidate:
        """One timed row as an object."""
        row, measured, workload = int(self.measured.rows[at]), self.measured, self.workload
        plan, step_s, share = self.plans.plan(row), float(measured.step_s[at]), float(measured.share[at])
        tokens_per_s = workload.training.tokens_per_step / step_s
        work_s = step_s / share * (work_tokens(workload) / workload.training.tokens_per_step)
        parts = dict(zip(Parts.TIMES, measured.parts[:, at].tolist(), strict=True))
        memory = dict(zip(CAUSES, measured.memory[:, at].tolist(), strict=True))
        return Candidate(
            plan=plan,
            cards=plan.cards,
            step_s=step_s,
            work_s=work_s,
            money_fen=self._money_fen(plan.cards, parts, with_failures=share < 1.0),
            tokens_per_s=tokens_per_s,
            goodput=share,
            mfu=tokens_per_s * self.flops_per_token / (self.peak * plan.cards),
            memory_bytes=sum(memory.values()),
            slack_bytes=float(self.slack[row]),
            parts=parts,
            memory=memory,
        )

    def _money_fen(self, cards: int, parts: Mapping[str, float], *, with_failures: bool) -> int | None:
        """The bill as a forecast makes it; spares are in it where failures are counted."""
        work = self.workload
        if work.cluster.price_fen_per_card_hour is None:
            return None
        if with_failures and cards not in self.kept:
            self.kept[cards] = goodput_on(work.model, work.cluster, cards=cards)
        kept = self.kept[cards] if with_failures else None
        return total_fen(work.cluster, work.training, cards=cards, parts=parts, kept=kept)
