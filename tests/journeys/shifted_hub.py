"""Runs ``hesuan`` as usual, by a clock that is some days off: how a journey walks through the public's days.

    python -m tests.journeys.shifted_hub DAYS hub serve …

Only the hub's own sense of time moves; signatures, sessions and the agent keep the machine's.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from django.utils import timezone


def shift(days: int) -> None:
    """Moves what every room of the hub takes for now."""
    told = timezone.now

    def shifted() -> datetime:
        return told() + timedelta(days=days)

    timezone.now = shifted


def main() -> int:
    from hesuan.cli.main import main as hesuan

    shift(int(sys.argv[1]))
    return hesuan(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
