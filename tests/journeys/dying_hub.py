"""Runs ``hesuan`` as usual, but ends itself with ``kill -9`` when it first gets to a named point.

    python -m tests.journeys.dying_hub POINT hub serve …

The points lie between two durable writes of a settlement. Nothing in the hub knows of them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

SETTLEMENT = "hesuan.hub.settlement.services"
POINTS = {
    "before the settlement's transaction": ("settle", "before"),
    "captured, settlement not written": ("_write", "before"),
    "settlement written, receipt not drafted": ("_draft", "before"),
    "all written, not committed": ("_settle", "after"),
    "committed, nobody told": ("settle", "after"),
    "signature arrived, not stored": ("attach_signature", "before"),
    "signature stored, message not marked": ("attach_signature", "after"),
}


def deadly(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    """The function with a kill before it, or after it when it did something."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if result is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def arm(point: str) -> None:
    """Puts the kill in place as soon as Django is ready, which is when the hub's rooms can be imported."""
    from hesuan.hub.config import server

    name, when = POINTS[point]
    set_up = server.set_up

    def set_up_and_arm() -> None:
        set_up()
        import hesuan.hub.worker.loop
        import hesuan.hub.worker.table  # noqa: F401 - they hold the function by name, too

        original = getattr(sys.modules[SETTLEMENT], name)
        for module in list(sys.modules.values()):
            if (
                getattr(module, "__name__", "").startswith("hesuan.hub")
                and vars(module).get(name) is original
            ):
                setattr(module, name, deadly(original, when))

    server.set_up = set_up_and_arm


def main() -> int:
    from hesuan.cli.main import main as hesuan

    arm(sys.argv[1])
    return hesuan(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
