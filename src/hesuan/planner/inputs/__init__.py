"""The planner's inputs: frozen, checked when made, every fault of one object together."""

from __future__ import annotations

from hesuan.planner.inputs.checking import Checker, nearest_divisor
from hesuan.planner.inputs.machine import UNBOUNDED, Chip, Cluster, Fabric, Level, Precision, Shape
from hesuan.planner.inputs.model import Mla, Model
from hesuan.planner.inputs.plan import Plan, Recompute, Schedule, Training, Workload

__all__ = [
    "UNBOUNDED",
    "Checker",
    "Chip",
    "Cluster",
    "Fabric",
    "Level",
    "Mla",
    "Model",
    "Plan",
    "Precision",
    "Recompute",
    "Schedule",
    "Shape",
    "Training",
    "Workload",
    "nearest_divisor",
]
