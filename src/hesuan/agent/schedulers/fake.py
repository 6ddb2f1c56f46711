"""An engine for tests that misbehaves on command, the way real ones do.

``FakeCentre`` is the scheduler outside: it numbers its jobs itself, knows nothing of our runs but the comment
they were submitted with, and has a clock that only tests move. ``FakeScheduler`` is the adapter, written as
one for a real scheduler must be: it notes its intent before it asks, and when an answer was lost it looks for
its comment, and looks again after jobs have had time to become visible, before it asks a second time.

A command is one word for how the job ends: ``exit:3``, ``signal:9``, ``forever``; a second word is how many
seconds it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hesuan.agent.schedulers.contract import (
    RUN_CONFLICT,
    RUN_UNKNOWN,
    TOO_MANY_CORES,
    Observation,
    RunSpec,
    RunState,
    Usage,
)
from hesuan.errors import Conflict, NotFound, Refused, Unavailable, declare
from hesuan.wire.canonical import digest

NO_ANSWER = declare(
    "agent.engine_silent",
    en="The engine gave no answer for run {run}; whether it has the job is not known yet.",
    zh="引擎未就运行 {run} 作出答复；尚不知其是否已接收该作业。",
)

VISIBLE_WITHIN_S = 10
"""A job that was taken can be seen after this long; what an adapter may rely on."""
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class FakeJob:
    """One job as the outside scheduler knows it. Times in seconds of the centre's clock."""

    number: int
    comment: str
    spec: RunSpec
    submitted_s: int
    visible_s: int
    end: str
    runs_s: int
    cancelled_s: int | None = None
    forgotten: bool = False


@dataclass(slots=True)
class FakeCentre:
    """The scheduler outside, and the levers of the tests."""

    cores: int = 4
    now_s: int = 0
    jobs: list[FakeJob] = field(default_factory=list)
    lost_replies: int = 0
    lost_requests: int = 0
    delay_s: int = 0

    def lose_replies(self, count: int) -> None:
        """The next submissions are taken, and their answers lost."""
        self.lost_replies = count

    def lose_requests(self, count: int) -> None:
        """The next submissions never arrive."""
        self.lost_requests = count

    def hide_new_jobs_for(self, seconds: int) -> None:
        """Jobs submitted from now on can be seen only after a while."""
        self.delay_s = seconds

    def forget(self, comment: str) -> None:
        """The jobs of a run vanish, and nobody says how they ended."""
        for job in self.jobs:
            job.forgotten = job.forgotten or job.comment == comment

    def advance(self, seconds: int) -> None:
        """Lets time pass."""
        self.now_s += seconds

    def submit(self, spec: RunSpec) -> int:
        """Takes a job; raises TimeoutError when the request or the answer is lost."""
        if self.lost_requests:
            self.lost_requests -= 1
            raise TimeoutError
        end, *rest = spec.command
        runs_s = int(rest[0]) if rest else 1
        number = len(self.jobs) + 1
        self.jobs.append(FakeJob(number, spec.run, spec, self.now_s, self.now_s + self.delay_s, end, runs_s))
        if self.lost_replies:
            self.lost_replies -= 1
            raise TimeoutError
        return number

    def find(self, comment: str) -> FakeJob | None:
        """The job submitted with a comment, if it can be seen."""
        seen = (job for job in self.jobs if job.comment == comment and not job.forgotten)
        return next((job for job in seen if job.visible_s <= self.now_s), None)

    def state(self, job: FakeJob) -> tuple[RunState, int | None, int | None]:
        """State, exit status and signal of a job now."""
        limit_s = job.submitted_s + job.spec.time_limit_s
        ends_s = job.submitted_s + job.runs_s if job.end != "forever" else limit_s + 1
        if job.cancelled_s is not None and job.cancelled_s < min(ends_s, limit_s):
            return RunState.CANCELLED, None, 15
        if self.now_s < min(ends_s, limit_s):
            return RunState.RUNNING if self.now_s > job.submitted_s else RunState.SUBMITTED, None, None
        if limit_s < ends_s:
            return RunState.TIMEOUT, None, 15
        kind, _, number = job.end.partition(":")
        if kind == "signal":
            return RunState.KILLED, None, int(number)
        return (RunState.COMPLETED if number == "0" else RunState.FAILED), int(number), None

    def ended_s(self, job: FakeJob) -> int:
        """When a job that is over ended."""
        ends_s = job.submitted_s + job.runs_s if job.end != "forever" else 2**31
        cancelled_s = job.cancelled_s if job.cancelled_s is not None else 2**31
        return min(ends_s, job.submitted_s + job.spec.time_limit_s, cancelled_s)


@dataclass(slots=True)
class FakeJournal:
    """What the adapter has on disk: the specification and when it last asked, by run."""

    specs: dict[str, RunSpec] = field(default_factory=dict)
    asked_s: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


class FakeScheduler:
    """The adapter; a new one over the same journal and centre is the agent restarted."""

    name: str = "fake"
    isolation: tuple[str, ...] = ("Nothing is run at all.",)

    def __init__(self, centre: FakeCentre, journal: FakeJournal | None = None) -> None:
        self.centre = centre
        self.journal = journal or FakeJournal()

    def submit(self, spec: RunSpec) -> None:
        """Notes the intent, looks for the comment, asks only when nothing can be on its way."""
        if spec.cores > self.centre.cores:
            raise Refused(TOO_MANY_CORES, asked=spec.cores, available=self.centre.cores)
        known = self.journal.specs.setdefault(spec.run, spec)
        if known.document() != spec.document():
            given = digest(spec.document())
            raise Conflict(RUN_CONFLICT, run=spec.run, known=digest(known.document()), given=given)
        if spec.run in self.journal.seen or self._look(spec.run) is not None:
            return
        asked_s = self.journal.asked_s.get(spec.run)
        if asked_s is not None and self.centre.now_s < asked_s + VISIBLE_WITHIN_S:
            raise Unavailable(NO_ANSWER, run=spec.run)
        self.journal.asked_s[spec.run] = self.centre.now_s
        try:
            self.centre.submit(spec)
        except TimeoutError:
            raise Unavailable(NO_ANSWER, run=spec.run) from None
        self.journal.seen.add(spec.run)

    def poll(self, run: str) -> Observation:
        """Just taken and not visible is SUBMITTED; seen or long taken and gone is UNKNOWN."""
        asked_s = self._asked(run)
        job = self._look(run)
        if job is None and self.centre.now_s < asked_s + VISIBLE_WITHIN_S:
            return Observation(run, RunState.SUBMITTED, _at(asked_s))
        if job is None:
            reason = "The engine no longer lists the job and gives no account of its end."
            return Observation(run, RunState.UNKNOWN, _at(self.centre.now_s), reason)
        state, status, number = self.centre.state(job)
        at = self.centre.ended_s(job) if state.final else job.submitted_s
        return Observation(run, state, _at(at), "", status, number)

    def cancel(self, run: str) -> None:
        """Asks the centre; it keeps the first request."""
        self._asked(run)
        job = self._look(run)
        if job is None:
            raise Unavailable(NO_ANSWER, run=run)
        if job.cancelled_s is None:
            job.cancelled_s = self.centre.now_s

    def usage(self, run: str) -> Usage | None:
        """From the centre's own books."""
        observed = self.poll(run)
        job = self._look(run)
        if job is None or not observed.state.final:
            return None
        wall_ms = (self.centre.ended_s(job) - job.submitted_s) * 1000
        return Usage(
            run=run,
            state=observed.state.value,
            exit_status=observed.exit_status,
            signal=observed.signal,
            started_at=_at(job.submitted_s),
            ended_at=_at(self.centre.ended_s(job)),
            wall_ms=wall_ms,
            cpu_ms=wall_ms * job.spec.cores,
            cores=job.spec.cores,
            peak_memory_bytes=1 << 20,
            evidence="fake:clock",
            output_digest=digest({"files": []}),
        )

    def log(self, run: str, offset: int, limit: int) -> bytes:
        """The job's number, once it can be seen."""
        self._asked(run)
        job = self._look(run)
        text = b"" if job is None else f"job {job.number}\n".encode()
        return text[offset : offset + limit]

    def _asked(self, run: str) -> int:
        if run not in self.journal.specs:
            raise NotFound(RUN_UNKNOWN, run=run)
        return self.journal.asked_s.get(run, self.centre.now_s)

    def _look(self, run: str) -> FakeJob | None:
        job = self.centre.find(run)
        if job is not None:
            self.journal.seen.add(run)
        return job


def _at(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
