"""Which parts a training of N cards stands on, how often one of them stops it, and what goes with it.

A training stops when any of its parts stops: rates add. What differs is how many cards leave for the repair
(the blast radius): a chip takes its node, an optical module one card, a switch the cards below it, and
announced work on a supernode takes the whole domain, because its fabric is one machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hesuan.planner.reliability.rates import UNPLANNED, Component, FabricParts, FailureRates

PER_MILLION_HOURS = 1.0 / (1e6 * 3600)
"""Turns a rate of the table into 1/s."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the fabric's levels say about failures: cards per node, cards per scale-up domain, parts per
    card."""

    cards_per_node: int
    cards_per_domain: int
    parts: FabricParts
    cards_per_package: int = 1
    """2 where the software sees dies as cards: a package fails as one."""

    def nodes(self, cards: int) -> int:
        return math.ceil(cards / self.cards_per_node)


def component_counts(hardware: Hardware, cards: int) -> Mapping[Component, float]:
    """How many of each part a training on ``cards`` stands on; optics only as far as they stop it."""
    nodes = hardware.nodes(cards)
    parts = hardware.parts
    stopping_optics = parts.optics_per_card.value * (1 - parts.tolerated.value)
    return {
        Component.CHIP: cards / hardware.cards_per_package,
        Component.HOST: nodes,
        Component.OPTICS: cards * stopping_optics,
        Component.SWITCH: cards / hardware.cards_per_package / parts.cards_per_switch.value,
        Component.SOFTWARE: nodes,
        Component.PLANNED: nodes,
    }


def interruption_rates(rates: FailureRates, hardware: Hardware, cards: int) -> Mapping[Component, float]:
    """Interruptions of a training on ``cards``, by cause [1/s]: count × rate per component."""
    counts = component_counts(hardware, cards)
    return {part: counts[part] * rate.value * PER_MILLION_HOURS for part, rate in rates.rates.items()}


def unplanned_rate(by_cause: Mapping[Component, float]) -> float:
    """Unexpected interruptions [1/s]."""
    return sum(by_cause[part] for part in UNPLANNED)


def blast_radius_cards(part: Component, hardware: Hardware) -> int:
    """Cards that leave service while one failed part is mended; software needs a restart, no repair."""
    match part:
        case Component.SOFTWARE:
            return 0
        case Component.OPTICS:
            return hardware.cards_per_package
        case Component.CHIP | Component.HOST:
            return hardware.cards_per_node
        case Component.SWITCH:
            below = hardware.parts.cards_per_switch.value * hardware.cards_per_package
            return max(hardware.cards_per_node, math.ceil(below))
        case Component.PLANNED:
            return max(hardware.cards_per_node, hardware.cards_per_domain)
