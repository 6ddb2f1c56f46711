"""Decisions of the programmes room on plain values; no Django."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PayerShare:
    """What one payer pays of a subsidy [fen]."""

    payer: str
    fen: int


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One step of a decision as people read it; ``citing`` is the rule's ``file:line``."""

    step: str
    citing: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class VoucherShare:
    """What one voucher pays of a charge, under the version it was issued under."""

    voucher_id: str
    code: str
    programme_id: str
    version_id: str
    version: int
    version_digest: str
    charge_fen: int
    subsidy_fen: int
    """At most the charge, and at most what the voucher has left (or what was held of it)."""
    shares: tuple[PayerShare, ...]
    """Sum to the subsidy."""
    trace: tuple[TraceLine, ...]

    @property
    def copay_fen(self) -> int:
        """What the holder pays of the charge."""
        return self.charge_fen - self.subsidy_fen
