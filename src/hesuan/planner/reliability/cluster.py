"""What a cluster's fabric says about failures: nodes, domains, optical modules and switches for each card."""

from __future__ import annotations

from dataclasses import replace

from hesuan.figures import Figure, Kind
from hesuan.planner.inputs import Cluster, Fabric, Model, Shape
from hesuan.planner.reliability.goodput import Goodput, Recovery, goodput
from hesuan.planner.reliability.rates import FabricParts, fabric_parts, rates_of_design
from hesuan.planner.reliability.topology import Hardware

OPTICAL_DOMAIN_CARDS = 144
"""Copper reaches across one rack; a switched domain of more cards than this is joined by light."""


def hardware_of(cluster: Cluster) -> Hardware:
    """Nodes by host, the domain by the fabric's scale-up levels, parts by how the domain is joined."""
    domain = min(cluster.fabric.scale_up_domain, cluster.cards)
    return Hardware(
        cards_per_node=cluster.cards_per_host,
        cards_per_domain=max(domain, cluster.cards_per_host),
        parts=parts_of(cluster.fabric, cards_per_host=cluster.cards_per_host),
        cards_per_package=cluster.chip.per_package,
    )


def parts_of(fabric: Fabric, *, cards_per_host: int) -> FabricParts:
    """The kind of fabric from ``failures.toml``; modules counted in the fabric's levels go before the
    table's."""
    parts = fabric_parts(_kind(fabric, cards_per_host))
    counted = sum(level.optics_per_card for level in fabric.levels)
    if counted == 0:
        return parts
    source = f"counted in the levels of fabric {fabric.name}"
    figure = Figure(value=counted, unit=parts.optics_per_card.unit, kind=Kind.ASSUMED, source=source)
    return replace(parts, optics_per_card=figure)


def goodput_on(
    model: Model, cluster: Cluster, *, cards: int | None = None, recovery: Recovery | None = None
) -> Goodput:
    """Goodput of a training of ``model`` on ``cards`` of ``cluster`` (None: all of them)."""
    return goodput(
        rates_of_design(cluster.chip.kin),
        hardware_of(cluster),
        cards=cards or cluster.cards,
        parameters=model.params,
        recovery=recovery or Recovery(),
    )


def _kind(fabric: Fabric, cards_per_host: int) -> str:
    scale_up = [level for level in fabric.levels if level.scale_up]
    if any(level.shape is Shape.TORUS for level in scale_up):
        return "torus"
    if fabric.scale_up_domain > OPTICAL_DOMAIN_CARDS:
        return "optical"
    return "copper" if fabric.scale_up_domain > cards_per_host else "node"
