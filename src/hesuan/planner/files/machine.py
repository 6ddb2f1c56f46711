"""``[cluster]``: one of the catalogue by name, or a chip with levels of fabric written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hesuan.errors import InputFault
from hesuan.figures import Figure, Kind
from hesuan.money import parse_yuan
from hesuan.planner.catalog import chip as chip_named
from hesuan.planner.catalog import cluster as cluster_named
from hesuan.planner.files.fill import choice, looked_up, made_of
from hesuan.planner.inputs import UNBOUNDED, Cluster, Fabric, Level, Shape
from hesuan.toml_table import Table

GB = 1e9
PLAIN = {"cards_per_host": int, "host_w_per_card": float, "pue": float}
SCALED = {"pool_memory_gb": "pool_memory_bytes", "pool_gb_per_s": "pool_bandwidth_bytes_per_s"}
LEVEL_SOURCE = "the file"


def cluster_of(table: Table) -> Cluster | None:
    """The cluster of a file; a price that is not written is not known.

    Keys: ``name``, ``cards``; ``chip`` and ``[[cluster.levels]]`` for one that is not in the catalogue;
    ``price_yuan_per_card_hour``, ``power_price_yuan_per_kwh`` (texts); ``cards_per_host``,
    ``host_w_per_card``, ``pue``, ``pool_memory_gb``, ``pool_gb_per_s``.
    """
    prices = {
        "price_fen_per_card_hour": _price(table, "price_yuan_per_card_hour"),
        "power_price_fen_per_kwh": _price(table, "power_price_yuan_per_kwh"),
    }
    cards = table.integer("cards")
    others = _others(table)
    if "chip" in table.values or "levels" in table.values:
        return _written_out(table, cards, prices | others)
    found = looked_up(table, "name", cluster_named)
    table.asked.update(("chip", "levels"))
    table.close()
    if found is None:
        return None
    return made_of(table, _named, {"name": found.name, "cards": cards, "prices": prices, "others": others})


def _named(name: str, cards: int, prices: dict[str, int | None], others: dict[str, Any]) -> Cluster:
    return replace(cluster_named(name, max(cards, 1), **prices), cards=cards, **others)


def _written_out(table: Table, cards: int, values: dict[str, Any]) -> Cluster | None:
    name = table.text("name", "cluster")
    chip = looked_up(table, "chip", chip_named)
    levels = _levels(table)
    table.close()
    if chip is None or not levels:
        return None
    rates = {f"{level.name} bandwidth": level.bandwidth_bytes_per_s / GB for level in levels}
    figures = {key: Figure(rate, "GB/s", Kind.PUBLISHED, LEVEL_SOURCE) for key, rate in rates.items()}
    fabric = made_of(table, Fabric, {"name": name, "levels": tuple(levels)})
    whole = {"name": name, "chip": chip, "fabric": fabric, "cards": cards, "figures": figures, **values}
    return made_of(table, Cluster, whole) if fabric else None


def _levels(table: Table) -> list[Level]:
    """The levels, innermost first; ``size = 0`` holds the whole cluster."""
    found = []
    for number, values in enumerate(table.get("levels", list, "a list of tables") or []):
        if isinstance(values, dict):
            level = _level(Table(table.document, values, (*table.path, "levels")), f"level {number + 1}")
            found += [level] if level else []
    return found


def _level(table: Table, name: str) -> Level | None:
    values: dict[str, Any] = {
        "name": table.text("name", name),
        "size": table.integer("size") or UNBOUNDED,
        "bandwidth_bytes_per_s": table.number("gb_per_s") * GB,
        "latency_s": table.number("latency_us", 5.0) * 1e-6,
        "oversubscription": table.number("oversubscription", 1.0),
        "optics_per_card": table.number("optics_per_card", 0.0),
        "scale_up": bool(table.get("scale_up", bool, "true or false", False)),
    }
    values |= choice(table, "shape", Shape)
    table.close()
    return made_of(table, Level, values)


def _price(table: Table, key: str) -> int | None:
    """A price [fen] from a text; the planner guesses none."""
    text = table.text(key, "")
    if not text:
        return None
    try:
        return parse_yuan(text, where=table.where(key))
    except InputFault as fault:
        table.fault(fault)
        return None


def _others(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, kind in PLAIN.items():
        table.asked.add(key)
        if key in table.values:
            found[key] = table.integer(key) if kind is int else table.number(key)
    for key, field in SCALED.items():
        table.asked.add(key)
        if key in table.values:
            found[field] = table.number(key) * GB
    return found
