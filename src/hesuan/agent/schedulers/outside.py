"""A scheduler outside, held to the contract: what every engine needs around its five questions.

What this agent knows of a run is in the run's directory, each file written in one step:

::

    spec.json     what to run                                          before anything is asked
    asked.json    when, and how many times, the scheduler was asked    before each time
    cancel        the user has asked for the end
    job.json      the scheduler's id of the job                        as soon as it is known
    final.json    how it ended, and its usage                          the last word

An answer that was lost is made good by looking: the job is there, or after ``visible_within_s`` it is not.
The end is told when the scheduler's own books are complete, and from then on it is read from ``final.json``:
what the books say later changes nothing, and is a matter of reconciliation.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hesuan.agent import durable
from hesuan.agent.meters.kernel import boot_id
from hesuan.agent.schedulers.contract import (
    NO_BOOKS,
    Booked,
    Books,
    Observation,
    RunSpec,
    RunState,
    Untold,
    Usage,
    each_once,
)
from hesuan.agent.schedulers.engine import Account, Engine, Remembering, Seen, asked_at
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.schedulers.rundir import (
    RunDirectory,
    end_as_lost,
    final_observation,
    output_digest,
    self_reported,
)
from hesuan.errors import Refused, Unavailable, declare
from hesuan.wire.attempts import attempts
from hesuan.wire.messages import format_at, parse_at

NO_ANSWER = declare(
    "agent.engine_silent",
    en="The engine gave no answer for run {run}; whether it has the job is not known yet.",
    zh="引擎未就运行 {run} 作出答复；尚不知其是否已接收该作业。",
)
GONE = "The engine no longer lists the job and gives no account of its end."
NOT_ON_THE_BOOKS = "The job is over; the engine's books do not say yet how it ended."
BEFORE_THE_START = "Cancelled before it was given to the engine."
_DAWN = datetime.min.replace(tzinfo=UTC)
NOT_OURS = "It was cancelled at the centre, neither by the user nor for its time limit."


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def uptime() -> tuple[str, float]:
    """Which start of this machine we live in, and how long ago it was [s]; it goes on while it sleeps."""
    return boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME)


class OutsideScheduler:
    """The contract over an engine; see ``contract`` for its promises.

    Args:
        engine: The scheduler outside.
        root: Where run directories are, seen under the same path by the machines that run the jobs.
        clock: The time; tests have their own.
        uptime: Which start of the machine this is, and the seconds since it, which nobody sets.
    """

    def __init__(
        self,
        engine: Engine,
        root: Path,
        *,
        clock: Callable[[], datetime] = now,
        uptime: Callable[[], tuple[str, float]] = uptime,
    ) -> None:
        self.name: str = engine.name
        self.isolation: tuple[str, ...] = engine.isolation
        self.engine = engine
        self.folders = RunFolders(root)
        self._clock, self._uptime = clock, uptime

    def submit(self, spec: RunSpec) -> None:
        """Notes what is asked before it asks; after a lost answer it looks before it asks again.

        A run that is here already is not checked anew: nodes come and go, and a refusal would say of a job
        that may be there that none is.
        """
        if not self.folders.has(spec.run):
            self.engine.check(spec)
        directory = self.folders.take(spec)
        with _alone(directory):
            if _job(directory) or directory.final() or directory.cancel_requested():
                return
            times = _times_asked(directory)
            if times and self._find(directory):
                return
            if times and self._is_on_its_way(directory):
                raise Unavailable(NO_ANSWER, run=spec.run)
            self._ask(spec, directory, times + 1)

    def poll(self, run: str) -> Observation:
        """The scheduler's word until its books are complete; then ours, for ever."""
        directory = self.folders.known(run)
        if (final := directory.final()) is not None:
            return final_observation(*final)
        if not _times_asked(directory):
            return self._not_asked(directory)
        seen = self.engine.look(directory, _job(directory), fresh=False)
        if seen is None:
            return self._not_seen(directory)
        _note_job(directory, seen.job)
        if not seen.over:
            return Observation(run, seen.state, seen.at, seen.reason)
        account = self.engine.account(directory, seen.job)
        if account is None:
            return Observation(run, RunState.RUNNING, seen.at, NOT_ON_THE_BOOKS, over=True)
        _conclude(directory, account, seen)
        return self.poll(run)

    def cancel(self, run: str) -> None:
        """Leaves the request beside the run, so that it is never asked for again, and asks for its end."""
        directory = self.folders.known(run)
        with _alone(directory):
            if directory.final() is not None:
                return
            if not directory.cancel_requested():
                durable.write(directory.path / "cancel", b"")
            if not _times_asked(directory):
                return
            job = _job(directory) or self._find(directory)
            if job:
                self.engine.end(directory, job)
            elif self._is_on_its_way(directory):
                raise Unavailable(NO_ANSWER, run=run)

    def usage(self, run: str) -> Usage | None:
        """The record that was written with the last word."""
        final = self.folders.known(run).final()
        return final[0] if final else None

    def log(self, run: str, offset: int, limit: int) -> bytes:
        """The job's output."""
        directory = self.folders.known(run)
        return self.engine.log(directory, _job(directory), offset, limit)

    def output(self, run: str) -> Path:
        """The folder where the job left what it has made."""
        return self.folders.known(run).output

    def declare_lost(self, run: str, reason: str) -> None:
        """One last look, then the operator's word; whichever last word is written first stands."""
        observed, directory = self.poll(run), self.folders.known(run)
        with _alone(directory):
            if (final := directory.final()) is not None:
                observed = final_observation(*final)
            end_as_lost(directory, observed, reason)

    def booked(self, since: datetime, until: datetime) -> tuple[Booked | Untold, ...]:
        """What the engine's books say of the time, whatever this agent was told of it before.

        Of an engine that forgets: what it still shows, and beside it what was kept of each run.

        Raises:
            Refused: ``agent.no_books``.
            Unavailable: the books do not answer.
        """
        if isinstance(self.engine, Books):
            return tuple(self.engine.booked(since, until))
        if not isinstance(self.engine, Remembering):
            raise Refused(NO_BOOKS, engine=self.name)
        runs = self.folders.all()
        return (*self.engine.remembered(since, until, runs), *_kept(runs.values()))

    def _ask(self, spec: RunSpec, directory: RunDirectory, times: int) -> None:
        boot, up_s = self._uptime()
        asked = {"at": format_at(self._clock()), "times": times, "boot": boot, "up_s": up_s}
        durable.write_json(directory.path / "asked.json", asked)
        try:
            job = self.engine.ask(spec, directory)
        except TimeoutError:
            raise Unavailable(NO_ANSWER, run=spec.run) from None
        except Refused:
            self.folders.forget(spec.run)
            raise
        _note_job(directory, job)

    def _find(self, directory: RunDirectory) -> str:
        """Looks for a job whose id was lost; notes and returns it, or returns an empty text."""
        seen = self.engine.look(directory, "", fresh=True)
        if seen is not None:
            _note_job(directory, seen.job)
        return seen.job if seen else ""

    def _is_on_its_way(self, directory: RunDirectory) -> bool:
        """Whether a job that cannot be seen may still appear."""
        return self._waited_s(directory) < self.engine.visible_within_s

    def _waited_s(self, directory: RunDirectory) -> float:
        """How long ago the scheduler was asked, rather too little than too much.

        A clock that somebody has set since would say that a hidden job is not there, and it would be asked
        for again: counted is from the machine's start, which nobody sets. After another start, or on another
        machine, what is shorter stands: the clock's word, or the time since that start.
        """
        asked = durable.read_json(directory.path / "asked.json")
        if asked is None:
            return math.inf
        boot, up_s = self._uptime()
        if boot and asked.get("boot") == boot:
            return up_s - float(str(asked["up_s"]))
        waited_s = (self._clock() - parse_at(str(asked["at"]))).total_seconds()
        return min(waited_s, up_s) if waited_s >= 0 else up_s

    def _not_asked(self, directory: RunDirectory) -> Observation:
        submitted_at = str(directory.spec()["submitted_at"])
        if not directory.cancel_requested():
            return Observation(directory.run, RunState.SUBMITTED, submitted_at)
        account = Account(RunState.CANCELLED, None, None, BEFORE_THE_START, (), 0, 0, 0, self.name)
        at = format_at(self._clock())
        _conclude(directory, account, Seen("", RunState.SUBMITTED, at, over=True))
        return self.poll(directory.run)

    def _not_seen(self, directory: RunDirectory) -> Observation:
        if self._is_on_its_way(directory):
            return Observation(directory.run, RunState.SUBMITTED, format_at(asked_at(directory) or _DAWN))
        return Observation(directory.run, RunState.UNKNOWN, format_at(self._clock()), GONE)


def _kept(directories: Iterable[RunDirectory]) -> Iterator[Booked]:
    """The last word on each run, as it was written for the hub."""
    for one in directories:
        final = one.final()
        for attempt in attempts(final[0].body()) if final else ():
            yield Booked(one.run, attempt, kept=True)


def _conclude(directory: RunDirectory, account: Account, seen: Seen) -> None:
    """Writes the last word: state and usage in one step."""
    told = each_once(account.attempts)
    state, signal, reason = _named(account, cancelled_by_user=directory.cancel_requested())
    usage = Usage(
        run=directory.run,
        state=state.value,
        exit_status=account.exit_status,
        signal=signal,
        started_at=told[0].started_at if told else seen.at,
        ended_at=told[-1].ended_at if told else seen.at,
        wall_ms=sum(one.wall_ms for one in told),
        cpu_ms=account.cpu_ms,
        cores=account.cores or int(directory.spec()["cores"]),
        peak_memory_bytes=account.peak_memory_bytes,
        evidence=account.evidence,
        output_digest=output_digest(directory.output),
        result=self_reported(directory.output),
        accounting=told,
    )
    with _alone(directory):
        if directory.final() is None:  # the operator may have said the last word meanwhile
            durable.write_json(directory.path / "final.json", {"usage": usage.body(), "reason": reason})


def _named(account: Account, *, cancelled_by_user: bool) -> tuple[RunState, int | None, str]:
    """An end that somebody asked for is the user's only where the user asked."""
    if account.state != RunState.CANCELLED or cancelled_by_user:
        return account.state, account.signal, account.reason
    return RunState.KILLED, account.signal or 15, f"{NOT_OURS} {account.reason}".strip()


def _job(directory: RunDirectory) -> str:
    known = durable.read_json(directory.path / "job.json")
    return str(known["job"]) if known else ""


def _note_job(directory: RunDirectory, job: str) -> None:
    if not _job(directory):
        durable.write_json(directory.path / "job.json", {"job": job})


def _times_asked(directory: RunDirectory) -> int:
    asked = durable.read_json(directory.path / "asked.json")
    return int(str(asked["times"])) if asked else 0


@contextmanager
def _alone(directory: RunDirectory) -> Iterator[None]:
    """One caller at a time for one run, whichever process it is in."""
    fd = os.open(directory.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
