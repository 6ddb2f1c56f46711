"""What a plan costs: closed forms over arrays of plans, one entry a plan; no file, no clock, no
randomness."""

from __future__ import annotations

from hesuan.planner.cost.arrays import Array, Memory, Parts, Plans
from hesuan.planner.cost.kernel import basis, evaluate
from hesuan.planner.cost.load import Load
from hesuan.planner.cost.memory import kept

__all__ = ["Array", "Load", "Memory", "Parts", "Plans", "basis", "evaluate", "kept"]
