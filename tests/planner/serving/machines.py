"""Shared pieces of the serving tests: two machines, two models, one demand."""

from __future__ import annotations

from pathlib import Path

from hesuan.planner.catalog import cluster, model
from hesuan.planner.inputs import Cluster, Model, Precision
from hesuan.planner.serving import Phase, Serving

ROWS = Path(__file__).parent.parent / "rows" / "serving.csv"


def hopper(cards: int = 16) -> Cluster:
    return cluster("hgx-h100", cards)


def llama() -> Model:
    return model("llama-3.1-70b")


def deepseek() -> Model:
    return model("deepseek-r1")


def demand(phase: Phase = Phase.AGGREGATED, concurrency: float = 32.0, **more: object) -> Serving:
    words = {"isl": 1024.0, "osl": 1024.0, "precision": Precision.FP8} | more
    return Serving(phase=phase, concurrency=concurrency, **words)  # type: ignore[arg-type]
