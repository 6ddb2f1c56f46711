"""What an agent answers to a ``report`` command: itself, at this moment, in one message.

It never waits for the scheduler: of a run that cannot be asked for now it says so (null) and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hesuan import __version__
from hesuan.agent import draining
from hesuan.agent.schedulers.contract import RunState, Scheduler
from hesuan.agent.schedulers.rundir import utc_now
from hesuan.agent.spool import KnownRun, Spool
from hesuan.errors import NotFound, Unavailable
from hesuan.wire.canonical import Json, digest

MOST_RUNS = 1000
"""Runs told one by one; of more, only how many there are."""


def body(
    command: str,
    *,
    spool: Spool,
    scheduler: Scheduler,
    inventory: Mapping[str, Json],
    skew: timedelta,
    cores: int,
) -> dict[str, Json]:
    """The body of the ``report`` message.

    Args:
        command: Id of the command that asked for it.
        spool, scheduler, inventory: The agent's.
        skew: The hub's clock less ours.
        cores: Of this site.
    """
    open_runs = [known for known in spool.runs() if not known.settled]
    runs = [_run(known, scheduler) for known in open_runs[:MOST_RUNS]]
    running = {run["run"] for run in runs if run["observed"] == RunState.RUNNING}
    held = sum(_cores(known) for known in open_runs if known.run in running)
    return {
        "command": command,
        "at": utc_now(),
        "version": __version__,
        "inventory": digest(dict(inventory)),
        "waiting_messages": spool.waiting_count(),
        "open_commands": len(spool.open_commands()) - 1,
        "open_runs": len(open_runs),
        "runs": list(runs),
        "cores": cores,
        "cores_held": held,
        "drain": draining.standing(spool),
        "skew_ms": round(skew / timedelta(milliseconds=1)),
    }


def _cores(known: KnownRun) -> int:
    """What was ordered; what the scheduler sets aside may be more."""
    cores = known.order.get("cores")
    return cores if isinstance(cores, int) else 0


def _run(known: KnownRun, scheduler: Scheduler) -> dict[str, Any]:
    observed: str | None
    try:
        observed = scheduler.poll(known.run).state.value
    except NotFound:
        observed = RunState.UNKNOWN.value
    except Unavailable:
        observed = None
    return {"run": known.run, "told": known.state.value, "observed": observed}
