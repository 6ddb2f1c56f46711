"""The stretch of time over which a cap or a budget counts, named so that its counter can be found again."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

LIFETIME = "lifetime"
_ROLLING = re.compile(r"rolling\(P([0-9]+)([DMY])\)")


@dataclass(frozen=True, slots=True)
class Window:
    """From one day to another, both included; ``None`` where it does not begin or end."""

    name: str
    """``2026``, ``FY2026``, ``2026Q2``, ``call:c-7``, ``lifetime``, ``rolling(P3Y):2026-11-21``."""
    begin: date | None
    end: date | None

    def holds(self, day: date) -> bool:
        """Whether a day lies inside."""
        return (self.begin is None or self.begin <= day) and (self.end is None or day <= self.end)


@lru_cache(maxsize=4096)
def window_of(rule: str, on: date, *, fiscal_year_start: tuple[int, int] = (1, 1), call: str = "") -> Window:
    """The window a day falls into.

    Args:
        rule: ``calendar_year``, ``fiscal_year``, ``quarter``, ``call``, ``lifetime`` or ``rolling(P3Y)``.
        on: The day, in the programme's own calendar.
        fiscal_year_start: Month and day; a fiscal year is named by the calendar year it begins in.
        call: Which call the request belongs to, where the rule counts by call.
    """
    match rule:
        case "calendar_year":
            return Window(str(on.year), date(on.year, 1, 1), date(on.year, 12, 31))
        case "fiscal_year":
            return _fiscal_year(on, *fiscal_year_start)
        case "quarter":
            quarter = (on.month - 1) // 3
            begin = date(on.year, 3 * quarter + 1, 1)
            return Window(f"{on.year}Q{quarter + 1}", begin, months_later(begin, 3) - timedelta(days=1))
        case "call":
            return Window(f"call:{call}", None, None)
        case "lifetime":
            return Window(LIFETIME, None, None)
    rolling = _ROLLING.fullmatch(rule)
    assert rolling is not None, f"the schema reads no window {rule}"
    begin = later(on, -int(rolling[1]), rolling[2]) + timedelta(days=1)
    return Window(f"{rule}:{on}", begin, on)


def _fiscal_year(on: date, month: int, day: int) -> Window:
    begins = date(on.year, month, day)
    begin = begins if begins <= on else date(on.year - 1, month, day)
    return Window(f"FY{begin.year}", begin, date(begin.year + 1, month, day) - timedelta(days=1))


def later(day: date, count: int, unit: str) -> date:
    """So many days (``D``), months (``M``) or years (``Y``) later; earlier where negative."""
    if unit == "D":
        return day + timedelta(days=count)
    return months_later(day, count * (12 if unit == "Y" else 1))


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
