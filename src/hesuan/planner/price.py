"""Price: what a training costs, and how many useful tokens a yuan buys.

Money is integers of fen and exact fractions. Physical quantities (seconds, watt-hours) are rounded *up* to
whole units first, by :func:`held_card_s` and :func:`hesuan.planner.energy.energy`; what follows is exact, and
each line is rounded once, half up, to whole fen. A missing price makes no money: nothing is guessed here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from hesuan.money import RoundingMode, format_yuan, round_fen
from hesuan.planner.energy import Energy
from hesuan.units import SECONDS_PER_HOUR

LINE_ROUNDING: RoundingMode = "half_up"
"""Each line of the bill, once, to one fen."""
FEN_PER_YUAN = 100


@dataclass(frozen=True, slots=True)
class Money:
    """The bill of a run (or of any stretch of it) in fen, and what it buys."""

    card_s: int
    """Card-seconds held, spares included, started seconds counted whole."""
    cards_fen: int
    power_fen: int
    """Zero where the price of power is not asked for, as when the card-hour includes it."""
    tokens: int
    """Tokens learnt from and kept."""

    @property
    def total_fen(self) -> int:
        return self.cards_fen + self.power_fen

    @property
    def tokens_per_yuan(self) -> int | None:
        """Useful tokens for each yuan, rounded down; None where nothing is paid."""
        return self.tokens * FEN_PER_YUAN // self.total_fen if self.total_fen else None

    @property
    def fen_per_million_tokens(self) -> int | None:
        if self.tokens == 0:
            return None
        amount = Fraction(self.total_fen * 1_000_000, self.tokens)
        return round_fen(amount, quantum_fen=1, mode=LINE_ROUNDING)

    def __str__(self) -> str:
        parts = f"{format_yuan(self.cards_fen)} cards, {format_yuan(self.power_fen)} power"
        return f"{format_yuan(self.total_fen)} ({parts})"


def held_card_s(cards: int, wall_s: float) -> int:
    """Card-seconds of ``cards`` held for a forecast time; a started second counts whole."""
    assert cards >= 0 and wall_s >= 0
    return cards * math.ceil(wall_s)


def cards_fen(card_s: int, fen_per_card_hour: int) -> int:
    """``card_s × fen/card-hour ÷ 3600``, half up [fen]."""
    amount = Fraction(card_s * fen_per_card_hour, SECONDS_PER_HOUR)
    return round_fen(amount, quantum_fen=1, mode=LINE_ROUNDING)


def power_fen(watt_hours: int, fen_per_kwh: int) -> int:
    """``Wh × fen/kWh ÷ 1000``, half up [fen]. The watt-hours are the building's, so PUE is in them."""
    return round_fen(Fraction(watt_hours * fen_per_kwh, 1000), quantum_fen=1, mode=LINE_ROUNDING)


def bill(
    *,
    cards: int,
    wall_s: float,
    tokens: int,
    fen_per_card_hour: int,
    energy: Energy | None = None,
    fen_per_kwh: int | None = None,
) -> Money:
    """The money of one run.

    Args:
        cards: Cards paid for: those that train and the spares.
        wall_s: From start to end, failures included [s].
        tokens: Useful tokens in that time.
        energy: Of the same cards and time; with ``fen_per_kwh`` it becomes a line of its own.
    """
    card_s = held_card_s(cards, wall_s)
    power = power_fen(energy.watt_hours, fen_per_kwh) if energy and fen_per_kwh is not None else 0
    return Money(
        card_s=card_s, cards_fen=cards_fen(card_s, fen_per_card_hour), power_fen=power, tokens=tokens
    )
