"""The catalogue: chips, clusters and models by name, every figure with its kind and source."""

from __future__ import annotations

from hesuan.planner.catalog.chips import chip, chip_names, resolve_chip
from hesuan.planner.catalog.clusters import cluster, cluster_names, fabric_of, fitted
from hesuan.planner.catalog.data import Match
from hesuan.planner.catalog.models import model, model_names, resolve_model

__all__ = [
    "Match",
    "chip",
    "chip_names",
    "cluster",
    "cluster_names",
    "fabric_of",
    "fitted",
    "model",
    "model_names",
    "resolve_chip",
    "resolve_model",
]
