"""One measured run beside its forecast: all that fits, intervals and error tables look at."""

from __future__ import annotations

import math
from dataclasses import dataclass

PARTS = ("compute", "tensor", "expert", "data", "bubble", "other")
"""Groups of step-time parts that a cluster may scale for itself. The order is that of
``Observation.shares``.
"""

FEATURES = (
    "tensor_degree",
    "micro_tokens",
    "pipeline_degree",
    "model_size",
    "seq",
    "full_recompute",
    "narrow",
    "era",
    "cards",
)
"""What of a plan a residual may follow beyond the parts: logs to base 2, centred on a common plan.

``micro_tokens`` is tokens per card and micro-batch over 4,096; ``model_size`` active parameters over 2^34;
``seq`` over 4,096; ``full_recompute`` is 0 or 1; ``narrow`` 0 in 16 bits, 1 in 8, 2 in 4; ``era`` years after
2024; ``cards`` over 64. The order is that of ``Observation.features``.
"""


@dataclass(frozen=True, slots=True)
class Observation:
    """A published or own measurement and what the planner says of it.

    ``origin`` is who measured (one cluster, one code base), ``family`` which configurations belong together
    so that cross-validation never learns from a twin, ``workload`` what must agree for two plans to compete,
    ``plan`` the plan in one line. Times in seconds per optimizer step, memory in GiB per card. ``shares``
    sum to one.
    """

    id: str
    source: str
    origin: str
    family: str
    workload: str
    plan: str
    chip: str
    chip_family: str
    chip_known: bool
    moe: bool
    tier: str
    metric: str
    era: float
    observed_s: float
    predicted_s: float
    shares: tuple[float, ...]
    features: tuple[float, ...]
    memory_observed_gib: float | None = None
    memory_predicted_gib: float | None = None
    memory_capacity_gib: float | None = None
    interval_s: tuple[float, float] | None = None
    model: str = ""

    @property
    def residual(self) -> float:
        """``ln(observed / predicted)``: above zero where the run was slower than forecast."""
        return math.log(self.observed_s / self.predicted_s)

    @property
    def kind(self) -> str:
        """``moe`` or ``dense``."""
        return "moe" if self.moe else "dense"

    @property
    def cluster(self) -> str:
        """Who measured, on which chip, dense or MoE: what five calibration rows belong to."""
        return f"{self.origin} · {self.chip} · {self.kind}"
