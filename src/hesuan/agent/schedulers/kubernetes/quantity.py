"""Amounts as Kubernetes writes them: ``2``, ``1500m``, ``64Gi``, ``1e3``."""

from __future__ import annotations

import re
from decimal import Decimal

_AMOUNT = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?([numkMGTPE]|[KMGTPE]i)?")
_SCALE = {
    "": Decimal(1),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("num", start=-3)},
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}


def amount(text: object) -> Decimal:
    """The number; nothing where it is none."""
    found = _AMOUNT.fullmatch(str(text))
    if found is None:
        return Decimal(0)
    return Decimal(found[1] + (found[2] or "")) * _SCALE[found[3] or ""]
