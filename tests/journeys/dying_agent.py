"""Runs ``hesuan`` as usual, but ends itself with ``kill -9`` at the N-th moment at which something lasts.

    python -m tests.journeys.dying_agent N agent run …

Moments: before a file is synced, before and after it gets its name, before and after a commit of the spool.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any


def arm(number: int) -> None:
    """Puts the kill in place; every moment is one, whichever it is."""
    from hesuan.agent.spool import Change, Spool

    moments, transaction = count(1), Spool.transaction

    def moment() -> None:
        if next(moments) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def between(act: Callable[..., Any]) -> Callable[..., Any]:
        def deadly(*args: Any) -> Any:
            moment()
            result = act(*args)
            moment()
            return result

        return deadly

    @contextmanager
    def deadly(spool: Spool) -> Iterator[Change]:
        with transaction(spool) as change:
            yield change
            moment()
        moment()

    vars(os)["fsync"] = between(os.fsync)
    vars(os)["rename"] = between(os.rename)
    Path.rename = between(Path.rename)  # type: ignore[method-assign]
    Spool.transaction = deadly  # type: ignore[method-assign]


def main() -> int:
    from hesuan.cli.main import main as hesuan

    arm(int(sys.argv[1]))
    return hesuan(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
