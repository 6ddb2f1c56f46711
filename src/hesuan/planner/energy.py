"""Energy: what a card draws, from its rated power and from what it does.

A chip that multiplies matrices draws about its rated power, one that waits about a quarter; between them
stands communication. The rest of a node (hosts, switches, fans) is a share of the rated power, and the
building a factor (PUE). All four levels are assumed: vendors print the rated power only. One check stands
behind them: FlagPerf measured 364.7 W on an Ascend 910B in a long matrix product, about its rated power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hesuan.figures import Figure, Kind

JOULE_PER_WATT_HOUR = 3600


@dataclass(frozen=True, slots=True)
class PowerProfile:
    """Draw as shares of the chip's rated power, and the building's factor."""

    compute_share: float = 0.95
    communication_share: float = 0.55
    idle_share: float = 0.25
    node_share: float = 0.35
    """Host, switches and fans per card, drawn whatever the chip does."""
    pue: float = 1.3
    """Energy of the building ÷ energy of the machines."""

    def __post_init__(self) -> None:
        assert 0 <= self.idle_share <= self.communication_share <= self.compute_share <= 1
        assert self.node_share >= 0 and self.pue >= 1

    def assumed(self, node_w: float = 0.0) -> tuple[Figure, ...]:
        """What a forecast of energy rests on; ``node_w``: the rest of the node where the cluster says it."""
        shares = {
            "draw in compute": self.compute_share,
            "draw in communication": self.communication_share,
            "draw when idle": self.idle_share,
        }
        rated = tuple(
            Figure(value, "share of rated power", Kind.ASSUMED, name) for name, value in shares.items()
        )
        rest = Figure(self.node_share, "share of rated power", Kind.ASSUMED, "rest of the node")
        if node_w:
            rest = Figure(node_w, "W", Kind.ASSUMED, "rest of the node for each card")
        return (*rated, rest, Figure(self.pue, "1", Kind.ASSUMED, "PUE"))


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy at the building's meter."""

    card_w: float
    """One card's share of it, averaged over the run [W]."""
    watt_hours: int
    """All cards, whole run, rounded up [Wh]; an integer because money follows."""

    @property
    def kwh(self) -> float:
        return self.watt_hours / 1000


def card_power_w(
    tdp_w: float,
    *,
    compute_share: float,
    communication_share: float,
    profile: PowerProfile,
    node_w: float | None = None,
) -> float:
    """Mean draw at the meter for each card [W]; the shares are of wall time, the rest of it is idle.

    ``P = (tdp × (c·compute + m·communication + i·(1 - compute - communication)) + node) × PUE``; ``node_w``
    is the rest of the node per card where it is known, else ``node_share`` of the rated power.
    """
    idle = 1.0 - compute_share - communication_share
    assert min(compute_share, communication_share, idle) >= -1e-9
    chip = (
        profile.compute_share * compute_share
        + profile.communication_share * communication_share
        + profile.idle_share * max(0.0, idle)
    )
    rest_w = profile.node_share * tdp_w if node_w is None else node_w
    return (tdp_w * chip + rest_w) * profile.pue


def energy(card_w: float, *, cards: int, wall_s: float) -> Energy:
    """``cards`` at ``card_w`` for ``wall_s``."""
    return Energy(card_w=card_w, watt_hours=math.ceil(card_w * cards * wall_s / JOULE_PER_WATT_HOUR))
