"""What each threshold counts, and why its number is that number: to be read beside it, and disagreed with.

The words stand in ``measures.txt``. ``published``: the named source states the number. ``assumed``: one
that nobody has shown: scaled from a source, or proposed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from hesuan.figures import Kind
from hesuan.surveillance.rules import RULES
from hesuan.surveillance.thresholds import DEFAULT, Thresholds


@dataclass(frozen=True, slots=True)
class Measure:
    """One threshold: its number, its unit, and where the number is from."""

    name: str
    """As :class:`hesuan.surveillance.thresholds.Thresholds` names it."""
    rule: str
    version: str
    """Of the rule."""
    value: int
    default: int
    """Before a programme tuned it; ``kind`` and ``source`` are of this number."""
    unit: str
    """Such as ``percent``, ``permille``, ``days``, ``orders``."""
    kind: Kind
    source: str
    en: str
    """What it counts."""
    zh: str


def measures(numbers: Thresholds = DEFAULT) -> list[Measure]:
    """Every threshold of every rule, in the rules' order.

    Args:
        numbers: The thresholds in force; the defaults where nobody tuned one.
    """
    told = _told()
    return [
        Measure(name, rule.id, rule.version, value, getattr(DEFAULT, name), *told[name])
        for rule in RULES.values()
        for name, value in numbers.of(rule.id).items()
    ]


@cache
def _told() -> dict[str, tuple[str, Kind, str, str, str]]:
    """Threshold → unit, kind, source, and what it counts in both languages."""
    text = resources.files(__package__).joinpath("measures.txt").read_text("utf-8")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, unit, kind, source, en, zh = line.split(" | ")
            found[name] = (unit, Kind(kind), source, en, zh)
    return found
