"""Movements that nothing else in a log confirms: captures without a hold, corrections outside all sums.

Each is allowed, and each is where somebody would hide something: so they are counted and told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hesuan.money import format_yuan

ERASED = "erased"
"""``what`` of a correction that moves nothing."""


class Beside:
    """Takes such leaves of one log."""

    def __init__(self) -> None:
        self.beyond_fen = 0
        """Captured on a claim that came to more than it had held."""
        self.corrections = 0
        self.corrected_fen = 0
        """Between accounts that have no name in the log."""

    def capture(self, leaf: dict[str, Any]) -> None:
        """A capture that names a claim and no hold."""
        self.beyond_fen += leaf.get("a", 0)

    def correct(self, leaf: dict[str, Any]) -> None:
        """A correction, unless it only says that private records were destroyed."""
        if leaf.get("what") != ERASED:
            self.corrections += 1
            self.corrected_fen += leaf.get("a", 0)

    def document(self) -> dict[str, int]:
        """The sums for programs."""
        return {
            "captured_without_hold_fen": self.beyond_fen,
            "corrections": self.corrections,
            "corrections_fen": self.corrected_fen,
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """The sums for people, in both languages."""
        if self.beyond_fen:
            told = format_yuan(self.beyond_fen)
            yield (
                f"Captured without a hold, where a claim came to more than it had held: {told}.",
                f"申报超过其冻结、未经冻结而扣划：{told}。",
            )
        if self.corrections:
            told = format_yuan(self.corrected_fen)
            yield (
                f"Corrections: {self.corrections}, {told}, in no sum above.",
                f"更正 {self.corrections} 笔，{told}，不计入以上合计。",
            )
