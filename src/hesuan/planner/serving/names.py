"""Names of published rows, resolved by the catalogue: the one place of this room that reads data files."""

from __future__ import annotations

from hesuan.planner.catalog import cluster, resolve_chip, resolve_model
from hesuan.planner.inputs import Model
from hesuan.planner.serving.rows import Names, Resolved

PACKAGES = {"ascend-910c": ("cloudmatrix384", 2)}
"""Chips whose dies are ranks of their own: the cluster of dies, and dies in a package."""
CARDS = 9216
"""Large enough that no fabric level is cut short."""


def machine(text: str) -> Resolved:
    """The chip a row names, on the fabric it is sold with."""
    match = resolve_chip(text)
    name, ranks = PACKAGES.get(match.value.name, (match.value.name, 1))
    return Resolved(cluster(name, CARDS), ranks, match.note)


def model(text: str) -> tuple[Model, str]:
    """The model a row names, or the nearest relative with a note."""
    match = resolve_model(text)
    return match.value, match.note


NAMES = Names(machine, model)
