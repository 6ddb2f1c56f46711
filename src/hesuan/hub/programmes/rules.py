"""Decisions of the programmes room on plain values; no Django."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction
from typing import Any

from hesuan.policy import windows
from hesuan.policy.programme import Budget, Programme


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
    counted: tuple[tuple[str, int], ...] = ()
    """Account of a limit that counts what is redeemed → what this counts there [fen]."""
    limits: tuple[tuple[str, str, str], ...] = ()
    """Of each of these accounts: the account, the id of its rule, what it counts."""

    @property
    def copay_fen(self) -> int:
        """What the holder pays of the charge."""
        return self.charge_fen - self.subsidy_fen


LINE_KIND = "compute"
"""The kind of what is sold where a centre says nothing else."""
KIND_WORDS = {"compute": ("general computing", "通用算力"), "ai_compute": ("AI computing", "智能算力")}
"""The kinds of line that are sold here, as people read them."""


def kind_words(kind: str) -> tuple[str, str]:
    """A kind of line as people read it, in English and in Chinese; what is not sold here by its name."""
    if kind not in KIND_WORDS:
        return f"`{kind}`", f"“{kind}”"
    en, zh = KIND_WORDS[kind]
    return f"{en} (`{kind}`)", f"{zh}（{kind}）"


@dataclass(frozen=True, slots=True)
class Item:
    """What is bought, as the quote says it: the kind of the line, and the card where it is known."""

    kind: str = LINE_KIND
    card: str = ""
    """Its name in the planner's catalogue; empty: not said."""
    origin: str = ""
    """Country of the card's maker (``CN``); empty: not known."""

    @classmethod
    def of_quote(cls, document: Mapping[str, Any]) -> Item:
        """What a quote document binds; one made before lines had a kind sold computing."""
        line = document.get("line") or {}
        return cls(line.get("kind", LINE_KIND), line.get("card") or "", line.get("origin") or "")


COMPUTING = Item()
"""General computing, of which nothing more is known."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The vouchers that pay a charge, in the order in which they are used up, and why these."""

    shares: tuple[VoucherShare, ...]
    reasons: tuple[TraceLine, ...]

    @property
    def subsidy_fen(self) -> int:
        """What they pay together."""
        return sum(share.subsidy_fen for share in self.shares)


@dataclass(frozen=True, slots=True)
class Use:
    """An order's claim on one voucher: the ledger's hold, and the most it takes [fen]."""

    hold_id: str
    voucher_id: str
    most_fen: int


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


def window_of(window: str, day: date, *, fiscal_year_start: tuple[int, int] = (1, 1)) -> str:
    """The name of the window that a day falls into: ``2026``, ``FY2026``, ``2026Q3`` or ``lifetime``."""
    return windows.window_of(window, day, fiscal_year_start=fiscal_year_start).name


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
    else:
        last = windows.later(programme_day(issued_at), count, unit)
    return datetime.combine(last + timedelta(days=1), time(), tzinfo=PROGRAMME_TIME).astimezone(UTC)


# --- Voucher codes ---

CODE_ALPHABET = "34679ACDEFGHJKMNPQRTUWXY"
"""Without 0 O, 1 I L, 2 Z, 5 S, 8 B, V beside U: nothing that is mistaken for something else."""
CODE_LETTERS = 6


def new_code() -> str:
    """``HS-`` and six random letters; who draws it asks whether it is taken."""
    return "HS-" + "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LETTERS))


# --- Budgets and counters ---

FUNDED_WINDOWS = ("calendar_year", "fiscal_year", "quarter", "lifetime")


def funding_budget(document: Programme) -> Budget | None:
    """The budget whose money the programme's ledger holds, window after window; all others are counters.

    It is the first that binds every issue alike: without a key, a condition or a share of another's, and with
    windows that follow one another. Without one the money comes straight from the appropriation.
    """
    return next((one for one in document.budgets if _funds(one)), None)


def _funds(budget: Budget) -> bool:
    apart = budget.key is not None or budget.share_of is not None or budget.when is not None
    return (
        not apart
        and budget.counts in ("issued", "both")
        and budget.window in FUNDED_WINDOWS
        and isinstance(budget.limit_fen, int)
    )


def rolled_off(entries: Iterable[tuple[date, int]], *, begin: date, standing_fen: int) -> int:
    """What a rolling counter gives back before it is asked: everything counted before its window [fen].

    Each amount counts from the day it was counted on and leaves when that day does. Nobody has to be there on
    the day: whoever asks next gives back what has left since, so the counter is right whenever it is read.

    Args:
        entries: Day and amount of all that was counted; what was given back is negative, on the day of what
            it takes back.
        begin: First day of the window.
        standing_fen: What stands on the counter now [fen].
    """
    inside = sum(fen for day, fen in entries if day >= begin)
    return max(0, standing_fen - inside)


def given_back(counted_fen: int, face_fen: int, *, before_fen: int, returned_fen: int) -> int:
    """What a counter gets back when a part of a voucher is returned [fen].

    Most counters counted the whole face, and get back what is returned. One that counted a part of it (a cap
    for some lines only) gets back the same share, rounded down in all, so that never too much is given back.

    Args:
        counted_fen: What the voucher counted there when it was issued.
        face_fen: The voucher's face.
        before_fen: What of the face was returned earlier.
        returned_fen: What is returned now.
    """
    return part(counted_fen, face_fen, before_fen=before_fen, now_fen=returned_fen)


def part(whole_fen: int, of_fen: int, *, before_fen: int, now_fen: int) -> int:
    """The share of a whole that falls on one stretch of an amount, so that all make the whole [fen].

    Args:
        whole_fen: What is divided.
        of_fen: The amount it is divided along.
        before_fen: Where the stretch begins.
        now_fen: How long it is.
    """
    if not of_fen:
        return 0
    return whole_fen * (before_fen + now_fen) // of_fen - whole_fen * before_fen // of_fen


def split(funding: Sequence[tuple[str, Fraction]], fen: int) -> tuple[PayerShare, ...]:
    """An amount among its payers as the engine does it: each part floored, the rest the first payer's."""
    parts = [fen * share.numerator // share.denominator for _, share in funding]
    if parts:
        parts[0] += fen - sum(parts)
    return tuple(PayerShare(payer, one) for (payer, _), one in zip(funding, parts, strict=True))
