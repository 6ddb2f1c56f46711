"""A log's sums payer by payer: what was settled on a claim, what was paid of it, and demanded back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hesuan.errors import Code
from hesuan.money import format_yuan
from hesuan.wire.reading import shown
from hesuan.wire.sum_faults import DEMANDED_ABOVE, FLOAT_BELOW, PAID_ABOVE

Key = tuple[str, str]
"""A claim and a payer."""
Tell = Callable[..., None]


class Payouts:
    """Takes the leaves that name a payer, and those of floats."""

    def __init__(self, fault: Tell) -> None:
        self.settled_fen: Counter[Key] = Counter()
        self.paid_fen: Counter[Key] = Counter()
        self.demanded_fen: Counter[Key] = Counter()
        self.recovered_fen: Counter[Key] = Counter()
        """Returned, set off, or written off."""
        self.floats_fen: Counter[str] = Counter()
        self._fault = fault

    def settle(self, leaf: dict[str, Any]) -> None:
        """Captured money became payable."""
        self.settled_fen[_key(leaf)] += leaf.get("a", 0)

    def refund(self, index: int, leaf: dict[str, Any]) -> None:
        """What was payable goes back to its voucher."""
        self.settled_fen[_key(leaf)] -= leaf.get("a", 0)
        self._paid_within(index, leaf)

    def pay(self, index: int, leaf: dict[str, Any]) -> None:
        """What was payable is paid."""
        self.paid_fen[_key(leaf)] += leaf.get("a", 0)
        self._paid_within(index, leaf)

    def clawback(self, index: int, leaf: dict[str, Any]) -> None:
        """What was paid is demanded back, came back, or is given up."""
        key, amount = _key(leaf), leaf.get("a", 0)
        if leaf.get("what") == "due":
            self.demanded_fen[key] += amount
            total, limit = self.demanded_fen[key], self.paid_fen[key]
        else:
            self.recovered_fen[key] += amount
            total, limit = self.recovered_fen[key], self.demanded_fen[key]
        if total > limit:
            self._tell(DEMANDED_ABOVE, index, leaf, total, limit, what=shown(leaf.get("what", "–")))

    def float_(self, index: int, leaf: dict[str, Any]) -> None:
        """Money ahead of claims, out or back."""
        centre, amount = leaf.get("c", ""), leaf.get("a", 0)
        out = leaf.get("what") == "float"
        before = self.floats_fen[centre]
        self.floats_fen[centre] += amount if out else -amount
        if self.floats_fen[centre] < 0:
            figures = {"total": format_yuan(amount), "limit": format_yuan(before)}
            self._fault(FLOAT_BELOW, leaf=index, kind=leaf["k"], centre=shown(centre), **figures)

    def _paid_within(self, index: int, leaf: dict[str, Any]) -> None:
        key = _key(leaf)
        total, limit = self.paid_fen[key], self.settled_fen[key]
        if total > limit:
            self._tell(PAID_ABOVE, index, leaf, total, limit)

    def _tell(
        self, code: Code, index: int, leaf: dict[str, Any], total: int, limit: int, **more: object
    ) -> None:
        matter, payer = _key(leaf)
        figures = {"total": format_yuan(total), "limit": format_yuan(limit)}
        self._fault(
            code, leaf=index, kind=leaf["k"], payer=shown(payer), matter=shown(matter), **figures, **more
        )


def _key(leaf: dict[str, Any]) -> Key:
    return leaf.get("m", ""), leaf.get("payer", "")
