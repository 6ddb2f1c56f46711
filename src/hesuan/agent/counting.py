"""What a run has used so far, told now and then while it runs: a cumulative counter, never a difference.

The usage record at the end is what is charged; the counter is there so that the hub knows of a long run
before it ends, and of one whose agent is lost. A counter above the final usage would keep a run from being
settled, so this one is careful: it counts only between looks at which the engine said RUNNING, by a clock
that nobody sets, begins late and runs slow by more than engines round and clocks differ. An agent that begins
anew cannot know what passed while it was away: it says so with a signed re-base and counts on from nought.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hesuan.agent.schedulers.rundir import utc_now
from hesuan.agent.spool import Spool
from hesuan.wire.canonical import Json

EVERY_S = 60.0
LATE_S = 5.0
"""What is left out at the beginning: engines tell whole seconds, and some of them late."""
PACE = 0.999
"""Of a second that is counted; two machines' clocks differ by less than what is left out."""
BEGAN_ANEW = "The agent began anew; what passed while it was away is in the usage at the end."


@dataclass(slots=True)
class _Count:
    begun_s: float
    told_s: float


@dataclass(slots=True)
class Meter:
    """Counters of the runs that this process has seen running."""

    every_s: float = EVERY_S
    clock: Callable[[], float] = time.monotonic
    _counts: dict[str, _Count] = field(default_factory=dict)

    def seen_running(self, spool: Spool, run: str, at_s: float) -> None:
        """Notes that a run was running, and tells its counter when that is due.

        Args:
            spool: Where messages and the last number of each counter are kept; a full one gets no more.
            run: The run.
            at_s: What the clock showed *before* the engine was asked.
        """
        count = self._counts.get(run)
        if count is None:
            self._counts[run] = _Count(at_s, at_s)
            _begin_anew(spool, run)
            return
        counter_ms = int((at_s - count.begun_s - LATE_S) * PACE * 1000)
        if at_s - count.told_s < self.every_s or counter_ms <= 0 or spool.is_full():
            return
        with spool.transaction() as change:
            seq, _ = change.meter(run)
            body: dict[str, Json] = {"run": run, "seq": seq + 1, "counter_ms": counter_ms, "at": utc_now()}
            change.put("meter", body, once=f"meter:{run}:{seq + 1}")
            change.set_meter(run, seq=seq + 1, counter_ms=counter_ms)
        count.told_s = at_s


def _begin_anew(spool: Spool, run: str) -> None:
    """Says that a counter begins at nought, where an earlier one of this agent was told."""
    with spool.transaction() as change:
        seq, before_ms = change.meter(run)
        if not seq:
            return
        body: dict[str, Json] = {
            "run": run,
            "seq": seq + 1,
            "before_ms": before_ms,
            "counter_ms": 0,
            "reason": BEGAN_ANEW,
            "at": utc_now(),
        }
        change.put("rebase", body, once=f"meter:{run}:{seq + 1}")
        change.set_meter(run, seq=seq + 1, counter_ms=0)
