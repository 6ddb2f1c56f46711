"""Reliability: failures by component over the fabric, spares, checkpoints, and the goodput they leave."""

from __future__ import annotations

from hesuan.planner.reliability.checkpoint import Storage
from hesuan.planner.reliability.cluster import goodput_on, hardware_of
from hesuan.planner.reliability.goodput import CheckpointPlan, Goodput, Recovery, goodput
from hesuan.planner.reliability.rates import (
    Component,
    FabricParts,
    FailureRates,
    fabric_parts,
    rates_of,
    rates_of_design,
)
from hesuan.planner.reliability.topology import Hardware, blast_radius_cards, interruption_rates

__all__ = [
    "CheckpointPlan",
    "Component",
    "FabricParts",
    "FailureRates",
    "Goodput",
    "Hardware",
    "Recovery",
    "Storage",
    "blast_radius_cards",
    "fabric_parts",
    "goodput",
    "goodput_on",
    "hardware_of",
    "interruption_rates",
    "rates_of",
    "rates_of_design",
]
