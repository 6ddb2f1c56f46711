"""Decisions of the programmes room on plain values; no Django."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone


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


# --- The programme's calendar ---

PROGRAMME_TIME = timezone(timedelta(hours=8))
"""China Standard Time, without daylight saving since 1991: a programme's year ends at midnight there."""


def programme_day(at: datetime) -> date:
    """The calendar day of a moment in the programmes' own time."""
    return at.astimezone(PROGRAMME_TIME).date()


def whole_months(begin: date, end: date) -> int:
    """Whole months from one day to another; 0 where the second is before the first."""
    months = (end.year - begin.year) * 12 + end.month - begin.month - (end.day < begin.day)
    return max(0, months)


def window_of(window: str, day: date) -> str:
    """The name of the window that a day falls into: ``2026``, or ``lifetime``."""
    assert window in ("calendar_year", "lifetime"), f"the linter keeps {window} from being activated"
    return str(day.year) if window == "calendar_year" else "lifetime"


def expiry(issued_at: datetime, *, count: int, unit: str, until: date | None) -> datetime | None:
    """When a voucher ends: at the midnight that ends its last day, or never.

    Args:
        issued_at: When it is issued.
        count: So many days (``D``), months (``M``) or years (``Y``) later; 0 without.
        unit: See ``count``.
        until: The last day, where the rule names one.
    """
    if until is not None:
        last = until
    elif not count:
        return None
    elif unit == "D":
        last = programme_day(issued_at) + timedelta(days=count)
    else:
        last = _months_later(programme_day(issued_at), count * (12 if unit == "Y" else 1))
    return datetime.combine(last + timedelta(days=1), time(), tzinfo=PROGRAMME_TIME).astimezone(UTC)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + years, month + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))


# --- Voucher codes ---

CODE_ALPHABET = "34679ACDEFGHJKMNPQRTUWXY"
"""Without 0 O, 1 I L, 2 Z, 5 S, 8 B, V beside U: nothing that is mistaken for something else."""
CODE_LETTERS = 6


def new_code() -> str:
    """``HS-`` and six random letters; who draws it asks whether it is taken."""
    return "HS-" + "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LETTERS))


def best(shares: list[VoucherShare]) -> VoucherShare | None:
    """The share that pays most; of equals the first, and ``None`` where none pays anything."""
    paying = [share for share in shares if share.subsidy_fen > 0]
    return max(paying, key=lambda share: share.subsidy_fen) if paying else None
