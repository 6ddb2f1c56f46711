"""What a forecast says: frozen, in SI units, with an interval and with what was only assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hesuan.figures import Figure, Kind
from hesuan.planner.calibration import CalibratedBy
from hesuan.planner.inputs import Plan, Workload
from hesuan.planner.notebook import bars, card, figures, listing
from hesuan.planner.operation import Operation

GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Forecast:
    """One plan on one workload. Times [s], memory [byte], rates per second; the interval covers 80 %."""

    workload: Workload
    plan: Plan
    step_s: float
    low_s: float
    high_s: float
    parts: Mapping[str, float]
    """Part of the step by name (``compute_s``, ``tp_s``, ...) [s]; they sum to ``step_s``."""
    memory: Mapping[str, float]
    """Fullest card's memory by cause [byte]."""
    memory_kept_bytes: float
    """What a monitor of the card would read with room to spare: the need, and what an allocator keeps
    [byte]."""
    memory_limit_bytes: float
    """What a process may allocate on the card."""
    mfu: float
    """Model FLOPs (causal attention halved, nothing recomputed) over time and vendor peak in the asked
    precision."""
    mfu_full_attention: float
    """The same with the masked half of attention counted, as many papers do."""
    achievable_share: float
    """The same FLOPs over the best matrix-product rate the chip has shown (or is assumed to reach)."""
    operation: Operation
    """Failures, energy and money of the run."""
    assumed: tuple[Figure, ...]
    """Figures nobody has shown, on which this rests."""
    kind: Kind = Kind.ESTIMATED
    calibration: CalibratedBy | None = None
    """Whose runs moved it; None for the catalogue and the universal constants alone."""

    @property
    def memory_bytes(self) -> float:
        """Memory of the fullest card [byte]."""
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        """Whether the fullest card's memory suffices."""
        return self.memory_bytes <= self.memory_limit_bytes

    @property
    def is_tight(self) -> bool:
        """Whether it fits with less room than an allocator likes: fragments may stop it where the need would
        not."""
        return self.fits and self.memory_kept_bytes > self.memory_limit_bytes

    @property
    def run_factors(self) -> tuple[float, float]:
        """80 % interval of the whole run's time, money and energy as factors of the forecast.

        The step's and the goodput's are independent: their logarithms add as squares.
        """
        kept = self.operation.goodput
        quicker = math.hypot(math.log(self.step_s / self.low_s), math.log(kept.high / kept.share))
        slower = math.hypot(math.log(self.high_s / self.step_s), math.log(kept.share / kept.low))
        return math.exp(-quicker), math.exp(slower)

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all cards, failures left aside [token/s]."""
        return self.workload.training.tokens_per_step / self.step_s

    @property
    def tokens_per_s_per_card(self) -> float:
        """Tokens of one card [token/s]."""
        return self.tokens_per_s / self.plan.cards

    @property
    def binding(self) -> str:
        """What takes most of the step beside compute, by part name; ``memory`` where it does not fit."""
        if not self.fits:
            return "memory"
        rest = {name: value for name, value in self.parts.items() if name != "compute_s"}
        return max(rest, key=lambda name: rest[name])

    def _repr_html_(self) -> str:
        rows = [
            ("step", f"{self.step_s:.4g} s", f"80 %: {self.low_s:.4g} to {self.high_s:.4g} s"),
            ("tokens", f"{self.tokens_per_s:,.0f} token/s", f"{self.tokens_per_s_per_card:,.0f} per card"),
            ("MFU", f"{100 * self.mfu:.1f} %", f"{100 * self.achievable_share:.1f} % of achievable"),
            (
                "memory",
                f"{self.memory_bytes / GIB:.1f} GiB",
                f"of {self.memory_limit_bytes / GIB:.1f} GiB{', tight' * self.is_tight}",
            ),
            ("goodput", f"{100 * self.operation.goodput.share:.1f} %", ""),
        ]
        shown = [
            (name.removesuffix("_s"), value, f"{value:.4g} s")
            for name, value in self.parts.items()
            if value > 0
        ]
        held = [(name, value, f"{value / GIB:.2f} GiB") for name, value in self.memory.items()]
        if self.calibration:
            rows.append(("calibrated", self.calibration.file, f"{self.calibration.rows} runs"))
        lines = [f"{f.source}: {f.value:g} {f.unit}" for f in self.assumed]
        title = f"{self.workload.model.name} on {self.plan.cards} × {self.workload.cluster.chip.name}"
        return card(title, figures(rows), bars(shown), bars(held), listing("assumed", lines))
