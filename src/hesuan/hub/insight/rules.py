"""Warning rules: a window of observations and thresholds in, a signal or none out. No clock, no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """How much a signal asks of its reader."""

    NOTICE = "notice"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Signal:
    """One rule's verdict on one subject, with its reason in both languages and the figures behind it."""

    rule: str
    level: Level
    subject: str
    """Id of what it speaks of."""
    label: str
    """Its name for people."""
    en: str
    zh: str
    at: datetime
    facts: dict[str, int | str] = field(default_factory=dict)
