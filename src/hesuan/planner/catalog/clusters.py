"""Clusters and fabrics of the catalogue; a cluster nobody described follows from its chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hesuan.planner.catalog.chips import chip, chip_names, extra, figure
from hesuan.planner.catalog.data import squashed, table, unknown
from hesuan.planner.inputs import UNBOUNDED, Chip, Cluster, Fabric, Level, Shape

FILE = "clusters.toml"
NETWORK_LATENCY_S = 5e-6
"""Start-up of one message through RDMA network [s]; assumed."""
HOST_SHARE_OF_TDP = 0.6
"""Host, fabric and fans beside the chips where nobody says [share of the chips' TDP]; assumed."""
GB = 1e9


def cluster_names() -> tuple[str, ...]:
    """Every cluster of the catalogue; a chip's name is a cluster, too."""
    return tuple(table(FILE))


def cluster(
    name: str,
    cards: int | None = None,
    *,
    price_fen_per_card_hour: int | None = None,
    power_price_fen_per_kwh: int | None = None,
) -> Cluster:
    """A cluster by its name (or its chip's), with as many cards as wanted; no price is ever guessed.

    Raises:
        InputFault: ``planner.unknown_name``.
    """
    entry = _entry(name)
    unit = chip(entry["chip"])
    count = cards or int(entry.get("cards", 8))
    pool = entry.get("pool", {})
    return Cluster(
        name=entry["name"],
        chip=unit,
        fabric=fitted(fabric_of(unit, entry), count, int(entry.get("cards_per_host", 8))),
        cards=count,
        cards_per_host=int(entry.get("cards_per_host", 8)),
        price_fen_per_card_hour=price_fen_per_card_hour,
        power_price_fen_per_kwh=power_price_fen_per_kwh,
        host_w_per_card=float(entry.get("host_w", HOST_SHARE_OF_TDP * unit.tdp_w)),
        pool_memory_bytes=pool.get("gb", 128) * GB,
        pool_bandwidth_bytes_per_s=pool.get("gbps", 25) * GB,
        figures=unit.figures,
    )


def _entry(name: str) -> Mapping[str, Any]:
    by_squash = {squashed(one): one for one in table(FILE)}
    if (found := by_squash.get(squashed(name))) is not None:
        return {"name": found, **table(FILE)[found]}
    if name in chip_names():
        return default_entry(name)
    raise unknown("cluster", name, (*cluster_names(), *chip_names()))


def default_entry(chip_name: str) -> Mapping[str, Any]:
    """The first described cluster of a chip, else a bare one."""
    for name, entry in table(FILE).items():
        if entry["chip"] == chip_name:
            return {"name": name, **entry}
    return {"name": chip_name, "chip": chip_name}


def fabric_of(unit: Chip, entry: Mapping[str, Any]) -> Fabric:
    """The fabric a catalogue entry describes, or the two levels its chip's figures give."""
    if "levels" in entry:
        return Fabric(str(entry["name"]), tuple(_level(one) for one in entry["levels"]))
    domain = int(figure(unit.name, "domain") or 8)
    inner = Level(
        name="scale-up",
        size=domain,
        bandwidth_bytes_per_s=(figure(unit.name, "scale_up") or 100.0) * GB,
        latency_s=float(extra(unit.name, "latency_us")) * 1e-6,
        shape=Shape(extra(unit.name, "shape")),
        scale_up=True,
    )
    outer = Level(
        name="network",
        size=UNBOUNDED,
        bandwidth_bytes_per_s=(figure(unit.name, "nic") or 100.0) / 8 * GB,
        latency_s=NETWORK_LATENCY_S,
        optics_per_card=4.0,
    )
    return Fabric(str(entry["name"]), (inner, outer))


def _level(one: Mapping[str, Any]) -> Level:
    return Level(
        name=one["name"],
        size=int(one["size"]) or UNBOUNDED,
        bandwidth_bytes_per_s=float(one["gbps"]) * GB,
        latency_s=float(one["latency_us"]) * 1e-6,
        oversubscription=float(one.get("oversubscription", 1.0)),
        shape=Shape(one.get("shape", "switch")),
        scale_up=bool(one.get("scale_up", False)),
        optics_per_card=float(one.get("optics", 0.0)),
    )


def fitted(fabric: Fabric, cards: int, cards_per_host: int) -> Fabric:
    """The fabric as a job of ``cards`` uses it: every domain filled alike.

    A job of 256 cards takes 64 of the 72 cards of four racks, so that no group straddles racks unevenly:
    the largest multiple of a host that divides the job, if it uses at least half of the domain.
    """
    return replace(fabric, levels=tuple(_filled(level, cards, cards_per_host) for level in fabric.levels))


def _filled(level: Level, cards: int, cards_per_host: int) -> Level:
    if level.size >= cards or level.size <= cards_per_host or cards % level.size == 0:
        return level
    for size in range(level.size - level.size % cards_per_host, level.size // 2, -cards_per_host):
        if cards % size == 0:
            return replace(level, size=size)
    return level
