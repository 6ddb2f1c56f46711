"""Failure rates as data: which component of which chip family breaks how often, and who says so.

The problem: one number ("MTBF 3 h") cannot be carried from one machine to another. The choice: a rate per
component and hour, so that cards, nodes, optical modules and switches are counted on the machine at hand. The
table is ``failures.toml`` beside this module, read once; ``docs/model/reliability.md`` says how each entry
was found.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any

from hesuan.figures import Figure, Kind


class Component(StrEnum):
    """What breaks, or is taken away."""

    CHIP = "chip"
    HOST = "host"
    OPTICS = "optics"
    SWITCH = "switch"
    SOFTWARE = "software"
    PLANNED = "planned"
    """Work on the machine that was announced; it follows a checkpoint, so no training is lost."""


UNPLANNED = (Component.CHIP, Component.HOST, Component.OPTICS, Component.SWITCH, Component.SOFTWARE)
HARDWARE = (Component.CHIP, Component.HOST, Component.OPTICS, Component.SWITCH)
"""These need a repair; software only a restart."""
RATE_UNIT = "1/(10^6 h)"


@dataclass(frozen=True, slots=True)
class FailureRates:
    """Interruptions per million hours of one component; ``spread`` widens the sum to an 80 % interval."""

    family: str
    rates: Mapping[Component, Figure]
    spread: float

    def assumed(self) -> tuple[Figure, ...]:
        """The rates nobody has shown."""
        return tuple(rate for rate in self.rates.values() if rate.kind is Kind.ASSUMED)


@dataclass(frozen=True, slots=True)
class FabricParts:
    """Optical modules per card, cards per switch, share of optics failures that stop nothing."""

    name: str
    optics_per_card: Figure
    cards_per_switch: Figure
    tolerated: Figure


def rates_of(chip: str) -> FailureRates:
    """The family whose chip names begin ``chip``'s words; an unknown chip gets ``other``, assumed and wide.

    The longest matching name wins: ``"GB200 (NVL72)"`` is of gb200, though ``B200`` is in it too.
    """
    best = max(
        (
            (len(name), family)
            for family, entry in _table()["families"].items()
            for name in entry["chips"]
            if name.casefold() in chip.casefold()
        ),
        default=(0, "other"),
    )
    return family_rates(best[1])


def rates_of_design(kin: str) -> FailureRates:
    """The family of a chip's design (``Chip.kin``); a design without data gets ``other``, assumed and wide.

    A forecast asks by design and never by name: the same chip under another name breaks as often.
    """
    families = _table()["families"]
    return family_rates(next((family for family in families if kin in families[family]["kin"]), "other"))


@functools.cache
def family_rates(family: str) -> FailureRates:
    """A family by its name in ``failures.toml``; what it lacks is taken from the family it is ``like``."""
    entry = _table()["families"][family]
    base = family_rates(entry["like"]).rates if "like" in entry else {}
    stands_in = {part: _stands_in(rate, family) for part, rate in base.items()}
    own = {part: _figure(entry[part], RATE_UNIT) for part in Component if part in entry}
    return FailureRates(family=family, rates={**stands_in, **own}, spread=entry["spread"])


@functools.cache
def fabric_parts(name: str) -> FabricParts:
    """``node``, ``copper``, ``optical`` or ``torus``."""
    entry = _table()["fabrics"][name]
    return FabricParts(
        name=name,
        optics_per_card=_figure(entry["optics_per_card"], "modules/card"),
        cards_per_switch=_figure(entry["cards_per_switch"], "cards"),
        tolerated=_figure(entry["tolerated"], "share"),
    )


def _stands_in(rate: Figure, family: str) -> Figure:
    source = f"taken over for {family}: {rate.source}"
    return Figure(value=rate.value, unit=rate.unit, kind=Kind.ASSUMED, source=source)


def _figure(entry: Mapping[str, Any], unit: str) -> Figure:
    return Figure(value=float(entry["value"]), unit=unit, kind=Kind(entry["kind"]), source=entry["source"])


@functools.cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("failures.toml").read_text("utf-8"))
