"""Progress of long steps: one line on standard error, on a terminal only, gone when the step is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hesuan.cli.planning.terminal import columns_of

QUIET_S = 0.4
"""A step shorter than this shows nothing."""
BETWEEN_S = 0.1


class Progress:
    """``step(done, total)`` draws; nothing is drawn where nobody watches."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.started = self.drawn = time.monotonic()
        self.width = 0

    def step(self, done: float, total: float) -> None:
        """Shows how far it is, not more often than ten times a second."""
        now = time.monotonic()
        if not sys.stderr.isatty() or now - self.started < QUIET_S or now - self.drawn < BETWEEN_S:
            return
        self.drawn = now
        share = min(done / total, 1.0) if total else 0.0
        self._draw(
            f"{self.label} {'━' * round(24 * share):<24} {100 * share:3.0f} %  {now - self.started:.0f} s"
        )

    def _draw(self, line: str) -> None:
        self.width = max(self.width, columns_of(line))
        print(f"\r{line:<{self.width}}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Takes the line away."""
        if self.width:
            print(f"\r{' ' * self.width}\r", end="", file=sys.stderr, flush=True)


@contextmanager
def showing(label: str) -> Iterator[Progress]:
    """A progress line for the time of a block."""
    progress = Progress(label)
    try:
        yield progress
    finally:
        progress.clear()
