"""What a verification comes to, and the exit code that says so."""

from __future__ import annotations

from enum import IntEnum


class Result(IntEnum):
    """What a verdict comes to; the exit code."""

    SOUND = 0
    UNREADABLE = 1
    """Nothing was verified: unreadable, unreachable, stale, or not witnessed as the policy demands."""
    TAMPERED = 2
