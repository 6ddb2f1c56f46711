"""The planner: work and machine in, forecast with an interval out; pure, so it runs without a hub.

Three lines to a forecast::

    from hesuan.planner import Plan, Training, cluster, model, predict
    training = Training(seq=8192, global_batch=512)
    predict(model("llama-3-70b"), cluster("hgx-h100", 1024), training, Plan(tp=4, pp=4, dp=64))

A fifth argument makes it this cluster's own: ``calibration=Calibration.load("ours.toml")``, which
``hesuan plan fit RUNS.csv --save ours.toml`` wrote.

Inputs are frozen and checked when made; results are frozen and show themselves in a notebook. How long a
*packaged application* takes on a centre's machine is another question: :mod:`hesuan.planner.application`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hesuan.planner.calibration import Calibration
from hesuan.planner.catalog import chip, cluster, model
from hesuan.planner.forecast import predict
from hesuan.planner.inputs import (
    Chip,
    Cluster,
    Fabric,
    Level,
    Mla,
    Model,
    Plan,
    Precision,
    Recompute,
    Schedule,
    Training,
    Workload,
)
from hesuan.planner.prediction import Forecast

if TYPE_CHECKING:
    from hesuan.planner.explore import Limits, SearchResult, compare, search

__all__ = [
    "Calibration",
    "Chip",
    "Cluster",
    "Fabric",
    "Forecast",
    "Level",
    "Limits",
    "Mla",
    "Model",
    "Plan",
    "Precision",
    "Recompute",
    "Schedule",
    "SearchResult",
    "Training",
    "Workload",
    "chip",
    "cluster",
    "compare",
    "model",
    "predict",
    "search",
]


def __getattr__(name: str) -> Any:
    """The search is imported when it is first asked for: a forecast shall not wait for it."""
    if name in ("Limits", "SearchResult", "compare", "search"):
        from hesuan.planner import explore

        return getattr(explore, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
