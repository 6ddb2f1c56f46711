"""What the engine says of our runs, turned into messages, each fact of a run told once.

For one run the order is: its states as they are first seen, its log as far as it goes, its final state and
its usage together. State, message and the note of what was told are one transaction, so that a restart goes
on exactly behind what is on disk.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass

from hesuan.agent.counting import Meter
from hesuan.agent.schedulers.contract import Observation, RunState, Scheduler
from hesuan.agent.schedulers.rundir import utc_now
from hesuan.agent.spool import Change, KnownRun, Spool
from hesuan.errors import NotFound, Unavailable
from hesuan.wire.canonical import Json

LOG_PIECE_BYTES = 16 << 10
LOG_PIECES_AT_ONCE = 8


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
    """Puts one state of a run, once."""
    change.put("run_state", state_body(observed), once=f"state:{observed.run}:{observed.state}:{observed.at}")


def printable(data: bytes, *, last: bool) -> tuple[str, int]:
    """Text of a piece of a log, and how many of its bytes it covers.

    A character cut at the end is left for the next piece; what is no UTF-8, and U+0000, which a database may
    not hold, becomes U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(data, final=last).replace("\0", "\ufffd")
    return text, len(data) - len(decoder.getstate()[0])


@dataclass(slots=True)
class Observer:
    """Looks at every run that is not told to its end."""

    spool: Spool
    scheduler: Scheduler
    tell: Callable[[str], None]
    meter: Meter

    def look(self) -> int:
        """Looks once at all open runs; returns how many of them are under way."""
        runs = [known for known in self.spool.runs() if not known.settled]
        for known in runs:
            try:
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
        if observed.state not in (RunState.SUBMITTED, RunState.UNKNOWN) and not self._tell_log(
            known, ended=observed.state.final
        ):
            return
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

    def _tell_log(self, known: KnownRun, *, ended: bool) -> bool:
        """Puts new pieces of the log; whether the whole of it is told, so that an end may be.

        A full spool leaves the log where it is; a run's end does not wait for that.
        """
        offset = known.log_offset
        for _ in range(LOG_PIECES_AT_ONCE):
            if self.spool.is_full():
                return True
            data = self.scheduler.log(known.run, offset, LOG_PIECE_BYTES)
            text, length = printable(data, last=ended and len(data) < LOG_PIECE_BYTES)
            if not length:
                return True
            with self.spool.transaction() as change:
                body: dict[str, Json] = {"run": known.run, "offset": offset, "text": text}
                change.put("log", body, once=f"log:{known.run}:{offset}")
                offset += length
                change.set_log_offset(known.run, offset)
        return not ended
