"""Money: integers of the smallest unit (fen of CNY), ratios as exact fractions. Never a float.

Amounts enter as decimal strings (``"1200.00"``) and leave as such; between, they are ``int`` fen.
Rounding is part of a rule, so it is always named: the quantum in fen and the mode.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from hesuan.errors import InputFault, declare

MAX_FEN = 2**63 - 1
"""Largest amount a database column holds [fen]."""

RoundingMode = Literal["floor", "ceil", "half_up", "half_even"]

NOT_AN_AMOUNT = declare(
    "money.not_an_amount",
    en="`{text}` is not an amount of money. Write digits with at most two decimals, such as 1200.00.",
    zh="“{text}”不是金额。请写数字，至多两位小数，如 1200.00。",
)
NOT_A_RATIO = declare(
    "money.not_a_ratio",
    en="`{text}` is not a ratio. Write two whole numbers with a stroke between, such as 20/100.",
    zh="“{text}”不是比率。请写两个整数，中间用斜线，如 20/100。",
)

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,2}))?")
_RATIO = re.compile(r"(0|[1-9][0-9]{0,8})/([1-9][0-9]{0,8})")


def parse_yuan(text: object, *, where: str = "") -> int:
    """``"1200.5"`` → 120050 [fen].

    Signs, exponents, separators, full-width digits, floats and amounts above ``MAX_FEN`` are refused.

    Raises:
        InputFault: ``money.not_an_amount``.
    """
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputFault(NOT_AN_AMOUNT, where=where, text=text)
    fen = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))
    if fen > MAX_FEN:
        raise InputFault(NOT_AN_AMOUNT, where=where, text=text)
    return fen


def format_yuan(fen: int) -> str:
    """120050 [fen] → ``"¥1,200.50"``."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), 100)
    return f"{sign}¥{yuan:,}.{rest:02d}"


def decimal_yuan(fen: int) -> str:
    """120050 [fen] → ``"1200.50"``, the form that :func:`parse_yuan` reads and documents carry."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), 100)
    return f"{sign}{yuan}.{rest:02d}"


def parse_ratio(text: object, *, where: str = "") -> Fraction:
    """``"20/100"`` → ``Fraction(1, 5)``.

    Raises:
        InputFault: ``money.not_a_ratio``.
    """
    match = _RATIO.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputFault(NOT_A_RATIO, where=where, text=text)
    return Fraction(int(match[1]), int(match[2]))


def round_fen(amount: Fraction, *, quantum_fen: int, mode: RoundingMode) -> int:
    """Rounds a non-negative exact amount [fen] to a multiple of ``quantum_fen``."""
    assert amount >= 0 and quantum_fen > 0
    steps = amount / quantum_fen
    floor = steps.numerator // steps.denominator
    rest = steps - floor
    match mode:
        case "floor":
            up = False
        case "ceil":
            up = rest > 0
        case "half_up":
            up = rest >= Fraction(1, 2)
        case "half_even":
            up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and floor % 2 == 1)
    return (floor + up) * quantum_fen
