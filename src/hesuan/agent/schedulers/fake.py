"""An engine for tests that misbehaves on command, the way real ones do.

``FakeCentre`` is the scheduler outside: it numbers its jobs itself, knows nothing of our runs but the comment
they were submitted with, and has a clock that only tests move. ``FakeEngine`` asks it in the words of
``engine``; the adapter around it is the one that every real scheduler has.

A command is one word for how the job ends: ``exit:3``, ``signal:9``, ``forever``; a second word is how many
seconds it runs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hesuan.agent.schedulers.contract import TOO_MANY_CORES, Attempt, Booked, RunSpec, RunState, each_once
from hesuan.agent.schedulers.engine import Account, Seen
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.errors import Refused
from hesuan.wire.canonical import digest
from hesuan.wire.messages import format_at

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
    requeued: int = 0
    """How many times it was started anew, each time for as long."""


@dataclass(slots=True)
class FakeCentre:
    """The scheduler outside, and the levers of the tests."""

    cores: int = 4
    now_s: int = 0
    jobs: list[FakeJob] = field(default_factory=list)
    lost_replies: int = 0
    lost_requests: int = 0
    delay_s: int = 0
    skew_s: int = 0
    agents_skew_s: int = 0
    books_late_s: int = 0
    repeats: int = 1
    printed: bytes = b""
    """What every job prints, behind its number."""

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

    def set_clock_ahead(self, seconds: int) -> None:
        """Its clock is wrong: every time it writes is off by so much."""
        self.skew_s = seconds

    def set_agents_clock(self, ahead_s: int) -> None:
        """Somebody sets the clock of the agent's machine."""
        self.agents_skew_s = ahead_s

    def write_books_late(self, seconds: int) -> None:
        """How a job ended is on its books only after a while."""
        self.books_late_s = seconds

    def repeat_records(self, times: int) -> None:
        """Each record is on its books several times, the last one first, some of them from before the end."""
        self.repeats = times

    def requeue(self, comment: str) -> None:
        """The job of a run loses its node and is started anew under its number."""
        for job in self.jobs:
            job.requeued += job.comment == comment

    def at(self, seconds: int) -> str:
        """A moment of its clock as it writes it."""
        return format_at(_EPOCH + timedelta(seconds=seconds + self.skew_s))

    def clock(self) -> datetime:
        """The agent's own clock, which moves with it and is right unless somebody sets it."""
        return _EPOCH + timedelta(seconds=self.now_s + self.agents_skew_s)

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


class FakeEngine:
    """The centre in the words of every engine."""

    name: str = "fake"
    isolation: tuple[str, ...] = ("Nothing is run at all.",)
    visible_within_s: float = VISIBLE_WITHIN_S

    def __init__(self, centre: FakeCentre) -> None:
        self.centre = centre

    def check(self, spec: RunSpec) -> None:
        """Its cores are all it has."""
        if spec.cores > self.centre.cores:
            raise Refused(TOO_MANY_CORES, asked=spec.cores, available=self.centre.cores)

    def ask(self, spec: RunSpec, directory: RunDirectory) -> str:
        """Whatever is lost on the way is lost here."""
        return str(self.centre.submit(spec))

    def look(self, directory: RunDirectory, job: str, *, fresh: bool) -> Seen | None:
        """By the comment, as after a lost answer."""
        found = self.centre.find(directory.run)
        if found is None:
            return None
        state, _, _ = self.centre.state(found)
        since_s = self.centre.ended_s(found) if state.final else found.submitted_s
        now = RunState.RUNNING if state.final else state
        return Seen(str(found.number), now, self.centre.at(since_s), over=state.final)

    def end(self, directory: RunDirectory, job: str) -> None:
        """It keeps the first request."""
        found = self.centre.find(directory.run)
        if found is not None and found.cancelled_s is None:
            found.cancelled_s = self.centre.now_s

    def account(self, directory: RunDirectory, job: str) -> Account | None:
        """One line a start, and more of them where it repeats itself."""
        found = self.centre.find(directory.run)
        if found is None or self.centre.now_s < self.centre.ended_s(found) + self.centre.books_late_s:
            return None
        state, status, number = self.centre.state(found)
        return Account(
            state=state,
            exit_status=status,
            signal=number,
            reason="",
            attempts=tuple(self._lines(found)),
            cores=found.spec.cores,
            cpu_ms=self._held_s(found) * 1000 * found.spec.cores,
            peak_memory_bytes=1 << 20,
            evidence="fake:clock",
        )

    def log(self, directory: RunDirectory, job: str, offset: int, limit: int) -> bytes:
        """The job's number, once it is known, and whatever every job prints."""
        text = f"job {job}\n".encode() + self.centre.printed if job else b""
        return text[offset : offset + limit]

    def booked(self, since: datetime, until: datetime) -> list[Booked]:
        """Every job that is over and on its books, whoever asked for it."""
        over = (job for job in self.centre.jobs if self.centre.state(job)[0].final)
        late_s = self.centre.books_late_s
        told = [job for job in over if self.centre.now_s >= self.centre.ended_s(job) + late_s]
        window = format_at(since), format_at(until)
        return [
            Booked(job.comment, asdict(one))
            for job in told
            for one in each_once(self._lines(job))
            if window[0] <= one.ended_at < window[1] and one.wall_ms
        ]

    def _held_s(self, job: FakeJob) -> int:
        return self.centre.ended_s(job) - job.submitted_s

    def _lines(self, job: FakeJob) -> list[Attempt]:
        """An earlier start of a requeued job held as much as the last one, before it."""
        held_s = self._held_s(job)
        starts = [job.submitted_s - back * held_s for back in range(job.requeued, -1, -1)]
        whole = [self._line(job, start_s, held_s) for start_s in starts]
        early = [self._line(job, start_s, held_s // 2) for start_s in starts]
        return [*reversed(whole), *early * (self.centre.repeats - 1), *whole * (self.centre.repeats - 1)]

    def _line(self, job: FakeJob, start_s: int, held_s: int) -> Attempt:
        raw = f"{job.number}|{start_s}|{held_s}|{job.spec.cores}"
        return Attempt(
            key=f"fake/{job.number}/{start_s}",
            state=job.end,
            started_at=self.centre.at(start_s),
            ended_at=self.centre.at(start_s + held_s),
            wall_ms=held_s * 1000,
            core_s=held_s * job.spec.cores,
            card_s=held_s * job.spec.cards,
            node_s=held_s,
            memory_mib_s=0,
            energy_j=None,
            raw=raw,
            raw_digest=digest(raw),
        )


class FakeScheduler(OutsideScheduler):
    """The adapter of every engine over the fake; a new one over the same folder and centre is the agent
    restarted."""

    def __init__(self, centre: FakeCentre, root: Path) -> None:
        super().__init__(
            FakeEngine(centre), root, clock=centre.clock, uptime=lambda: ("fake", float(centre.now_s))
        )
        self.centre = centre
