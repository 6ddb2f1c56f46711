"""Exploring: every legal plan of a workload, what beats what and why, and offers at their own best plans."""

from __future__ import annotations

from hesuan.planner.explore.comparison import compare
from hesuan.planner.explore.limits import Limits
from hesuan.planner.explore.result import (
    AIMS,
    Binding,
    Candidate,
    Comparison,
    Lost,
    Offer,
    SearchResult,
    Swing,
)
from hesuan.planner.explore.searching import search
from hesuan.planner.explore.sweep import Cell, Job, Reason, fill, fill_all

__all__ = [
    "AIMS",
    "Binding",
    "Candidate",
    "Cell",
    "Comparison",
    "Job",
    "Limits",
    "Lost",
    "Offer",
    "Reason",
    "SearchResult",
    "Swing",
    "compare",
    "fill",
    "fill_all",
    "search",
]
