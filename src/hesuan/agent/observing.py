"""What the engine says of our runs, turned into messages, each fact of a run told once.

For one run the order is: its states as they are first seen, its log as far as it may go (see ``telling``),
its final state and its usage together; what is left of its log follows. State, message and the note of what
was told are one transaction, so that a restart goes on exactly behind what is on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from hesuan.agent.counting import Meter
from hesuan.agent.schedulers.contract import Observation, RunState, Scheduler
from hesuan.agent.schedulers.rundir import utc_now
from hesuan.agent.spool import Change, KnownRun, Spool
from hesuan.agent.telling import BOUND_BYTES, LogTeller
from hesuan.errors import NotFound, Unavailable
from hesuan.wire.canonical import Json
from hesuan.wire.messages import format_at, parse_at


def state_body(observed: Observation) -> dict[str, Json]:
    """The body of a ``run_state`` message."""
    return {
        "run": observed.run,
        "state": observed.state.value,
        "reason": observed.reason[:2000],
        "exit_status": observed.exit_status,
        "signal": observed.signal,
        "at": observed.at,
    }


def tell_state(change: Change, observed: Observation) -> None:
    """Puts one state of a run, once.

    The hub goes by the states' times, so one that does not end the run is never told with a time before what
    was told already: a scheduler that counts whole seconds, or whose clock is behind, would have a job begin
    before it was submitted, and the hub would show it waiting for as long as it runs. What is paid for
    follows the books' own times.
    """
    last = change.last_state_at(observed.run)
    if not observed.state.final and last and observed.at <= last:
        observed = replace(observed, at=format_at(parse_at(last) + timedelta(microseconds=1)))
    change.put("run_state", state_body(observed), once=f"state:{observed.run}:{observed.state}:{observed.at}")


@dataclass(slots=True)
class Observer:
    """Looks at every run that is not told to its end, and at what is left of the logs of the others."""

    spool: Spool
    scheduler: Scheduler
    tell: Callable[[str], None]
    meter: Meter
    log_bytes: int = BOUND_BYTES
    """So much of each run's log travels, at most."""

    def look(self) -> int:
        """Looks once at all open runs; returns how many of them are under way."""
        runs = [known for known in self.spool.runs() if not (known.settled and _is_all_told(known))]
        for known in runs:
            try:
                if known.settled:
                    self._tell_log(known, ended=True)
                else:
                    self._look_at(known)
            except Unavailable as away:
                self.tell(away.sentence("en"))
        return sum(known.state != RunState.UNKNOWN for known in runs)

    def _look_at(self, known: KnownRun) -> None:
        looked_s = self.meter.clock()
        try:
            observed = self.scheduler.poll(known.run)
        except NotFound:
            reason = "The engine has no trace of this run any more."
            observed = Observation(known.run, RunState.UNKNOWN, utc_now(), reason)
        if observed.state not in (RunState.SUBMITTED, RunState.UNKNOWN):
            self._tell_log(known, ended=observed.state.final)
        if observed.state == RunState.RUNNING and not observed.over:
            self.meter.seen_running(self.spool, known.run, looked_s)
        if not observed.state.final:
            if observed.state != known.state:
                with self.spool.transaction() as change:
                    tell_state(change, observed)
                    change.set_run(known.run, state=observed.state)
            return
        usage = self.scheduler.usage(known.run)
        with self.spool.transaction() as change:
            tell_state(change, observed)
            change.set_run(known.run, state=observed.state, usage=usage.body() if usage else None)
            if usage is not None:
                change.put("usage", usage.body(), once=f"usage:{known.run}")

    def _tell_log(self, known: KnownRun, *, ended: bool) -> None:
        """Tells of the log what may be told now; an end that is known is told nevertheless."""
        try:
            LogTeller(self.spool, self.scheduler, self.log_bytes).tell(known, ended=ended)
        except NotFound:
            # Somebody has taken the run's folder away: there is no log any more.
            with self.spool.transaction() as change:
                change.set_log_told(known.run)
        except Unavailable as away:
            self.tell(away.sentence("en"))


def _is_all_told(known: KnownRun) -> bool:
    return known.log_told or known.state == RunState.REFUSED
