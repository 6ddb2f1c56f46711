"""Slurm in the words of every engine: ``sbatch`` once, ``squeue`` and ``sacct`` for all runs together.

A job is named by its run, which is how it is found again after a lost answer. The queue says whether it is
under way; only the books (``sacct``) say how it ended. They run behind, by seconds or, with ``slurmdbd``
away, by hours: no line is not no job. What the queue has forgotten and the books still call running has
vanished, and is UNKNOWN until somebody mends the books; so has a job whose line was closed by a controller
that had lost its memory.
"""

from __future__ import annotations

import math
import os
import pwd
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from hesuan.agent import durable
from hesuan.agent.schedulers import cards, rundir
from hesuan.agent.schedulers.contract import TOO_MANY_CORES, Booked, RunSpec, RunState, each_once
from hesuan.agent.schedulers.engine import Account, Seen, asked_at
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.agent.schedulers.slurm import books, script
from hesuan.agent.schedulers.slurm.books import Line
from hesuan.agent.schedulers.slurm.limits import HELD, Keeper
from hesuan.agent.schedulers.slurm.script import NAME
from hesuan.agent.schedulers.slurm.settings import Become, Settings
from hesuan.agent.schedulers.slurm.tools import TIME_FORMAT, Tools
from hesuan.errors import Refused, declare
from hesuan.wire.messages import format_at

NO_USER = declare(
    "agent.no_local_user",
    en="This site has no local user for organisation {organisation}. Its operator adds one under"
    " [slurm.users] in site.toml.",
    zh="本站点没有与机构 {organisation} 对应的本地用户。请站点运营人员在 site.toml 的 [slurm.users] 中添加。",
)

CLOSED_UNSEEN = (
    "Slurm's controller began anew without its memory and closed the job on its books; how and when the job"
    " ended nobody saw."
)
EVIDENCE = "slurm:sacct"
MARGIN = timedelta(days=1)
"""The window of the books begins this much before the oldest run: clocks differ."""
SETTLED_S = 10.0
"""An end that a requeue may follow is believed when the queue has not taken the job back after this long."""
_QUEUE = "%A|%T|%j|%V|%S|%r"


@dataclass(frozen=True, slots=True)
class Queued:
    """One job of the queue."""

    job: str
    state: str
    run: str
    submitted: str
    started: str
    reason: str

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs; else it is over and only listed for a while."""
        return self.state in (*books.WAITING, *books.RUNNING)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the queue and the books said at one moment, of all runs since a day."""

    at_s: float
    since: datetime
    queue: Mapping[str, Queued]
    lines: Mapping[str, Sequence[Line]]
    """By job; its steps among them."""
    jobs: Mapping[str, str]
    """Run → its oldest job on the books."""


class SlurmEngine:
    """One Slurm cluster."""

    name: str = "slurm"
    isolation: tuple[str, ...] = (
        "Jobs share the nodes' kernel and network; cores, cards and memory are limited where the cluster"
        " confines jobs by control groups.",
        "A job sees what its local user sees on the cluster's file systems.",
    )
    visible_within_s: float = 30.0

    def __init__(self, settings: Settings, keeper: Keeper | None = None) -> None:
        self.settings, self.keeper = settings, keeper
        self.tools = Tools(settings)
        self._last: _Look | None = None
        self._oldest: datetime | None = None
        self._cores: int | None = None

    def check(self, spec: RunSpec) -> None:
        """A user, a card and a node that is large enough are needed; else the run can never start here."""
        if self.settings.become != Become.AGENT and spec.organisation not in self.settings.users:
            raise Refused(NO_USER, organisation=spec.organisation or "–")
        if spec.cards:
            cards.wanted(spec, self.settings.gres)
        if self._cores is None:
            sizes = self.tools.read("sinfo", "-h", "-o", "%c").replace("+", " ").split()
            self._cores = max((int(size) for size in sizes if size.isdigit()), default=0)
        if spec.cores > self._cores:
            raise Refused(TOO_MANY_CORES, asked=spec.cores, available=self._cores)

    def ask(self, spec: RunSpec, directory: RunDirectory) -> str:
        """``sbatch`` as the organisation's user, under the run's name; room for it in the limits first."""
        user, account = self._user(spec), self.settings.accounts.get(spec.organisation, "")
        if self.keeper is not None and account in self.keeper.accounts:
            self.keeper.keep(account, coming=spec)
        _prepare(directory, user)
        job_script = directory.path / "job.sh"
        durable.write(job_script, script.text(spec, directory, python=self.settings.python).encode())
        job_script.chmod(0o755)
        return self.tools.submit([*self._options(spec, directory), str(job_script)], user=user)

    def look(self, directory: RunDirectory, job: str, *, fresh: bool) -> Seen | None:
        """The queue first; of what it no longer lists, the books."""
        taken = self._taken(directory, fresh=fresh)
        queued = taken.queue.get(directory.run)
        if queued is not None and queued.is_active:
            if queued.reason.startswith(HELD):
                self._keep_limits(directory, held=True)
            return _active(queued)
        known = job or taken.jobs.get(directory.run, "")
        last = _last(own(taken.lines.get(known, ()), directory.run))
        if last is not None and last.is_over and _is_settled(last):
            if last.is_made_up:
                return Seen(last.job, RunState.UNKNOWN, _text(last.end), CLOSED_UNSEEN)
            return Seen(last.job, RunState.RUNNING, _text(last.end), over=True)
        if queued is not None:
            return Seen(queued.job, RunState.RUNNING, _text(books.moment(queued.started)), over=True)
        return None

    def end(self, directory: RunDirectory, job: str) -> None:
        """``scancel``, of the job that has both the number and the run's name."""
        self.tools.cancel(job, name=NAME + directory.run)

    def account(self, directory: RunDirectory, job: str) -> Account | None:
        """Every line of the job, with its steps' processor time and memory."""
        taken = self._taken(directory, fresh=False)
        queued = taken.queue.get(directory.run)
        lines = own(taken.lines.get(job, ()), directory.run)
        last = _last(lines)
        is_back = queued is not None and queued.is_active
        if last is None or not last.is_over or last.is_made_up or not _is_settled(last) or is_back:
            return None
        self._keep_limits(directory)
        end = books.end(last, time_limit_s=int(directory.spec()["time_limit_s"]))
        runs = [line for line in lines if not line.is_step]
        found = [books.attempt(line, self.settings.gres) for line in runs]
        peaks = [books.memory_bytes(line.values["MaxRSS"]) for line in lines]
        return Account(
            state=end.state,
            exit_status=end.exit_status,
            signal=end.signal,
            reason=end.reason,
            attempts=tuple(one for one in found if one is not None),
            cores=max(books.held(line.values["AllocTRES"], {}).cores for line in runs),
            cpu_ms=sum(books.cpu_ms(line.values["TotalCPU"]) for line in runs),
            peak_memory_bytes=max(peaks, default=0),
            evidence=EVIDENCE,
        )

    def log(self, directory: RunDirectory, job: str, offset: int, limit: int) -> bytes:
        """What Slurm wrote into the run's folder."""
        return rundir.read_log(directory, offset, limit)

    def booked(self, since: datetime, until: datetime) -> list[Booked]:
        """All our jobs of the time by one call of ``sacct``, however many there are.

        A requeued job that is still under way is left out with its earlier runs: a usage is told at its end.
        """
        when = ("-S", since.strftime(TIME_FORMAT), "-E", until.strftime(TIME_FORMAT))
        jobs: dict[tuple[str, str], list[Line]] = {}
        for line in self._lines(*when):
            if not line.is_step and line.name.startswith(NAME):
                jobs.setdefault((line.name.removeprefix(NAME), line.job), []).append(line)
        found: list[Booked] = []
        for (run, _), lines in jobs.items():
            if any(line.end is None for line in lines):
                continue
            read = (books.attempt(line, self.settings.gres) for line in lines)
            for one in each_once(one for one in read if one is not None):
                if format_at(since) <= one.ended_at < format_at(until):
                    found.append(Booked(run, asdict(one)))
        return found

    def _keep_limits(self, directory: RunDirectory, *, held: bool = False) -> None:
        if self.keeper is not None:
            self.keeper.keep_for(directory.spec().get("organisation", ""), held=held)

    def _taken(self, directory: RunDirectory, *, fresh: bool) -> _Look:
        """The last look at the cluster, if it is good enough for this run; else a new one, for all runs."""
        asked = asked_at(directory) or datetime.now(UTC)
        self._oldest = min(asked, self._oldest or asked)
        last, now_s = self._last, time.monotonic()
        if fresh or last is None or asked < last.since or now_s - last.at_s > self.settings.fresh_s:
            # The books before the queue: a job that ends between the two is over in neither.
            lines, jobs = self._books(self._oldest - MARGIN)
            self._last = last = _Look(now_s, self._oldest, self._queue(), lines, jobs)
            self._oldest = asked
        return last

    def _queue(self) -> dict[str, Queued]:
        found: dict[str, Queued] = {}
        text = self.tools.read("squeue", "-h", "-t", "all", *self._users(), "-o", _QUEUE)
        for line in text.splitlines():
            job, state, name, submitted, started, reason = [*line.split("|", 5), *[""] * 6][:6]
            run = name.removeprefix(NAME)
            if name.startswith(NAME) and (run not in found or int(job) < int(found[run].job)):
                found[run] = Queued(job, state, run, submitted, started, reason)
        return found

    def _books(self, since: datetime) -> tuple[dict[str, list[Line]], dict[str, str]]:
        lines: dict[str, list[Line]] = {}
        jobs: dict[str, str] = {}
        for line in self._lines("-S", since.strftime(TIME_FORMAT)):
            lines.setdefault(line.job, []).append(line)
            if not line.is_step and line.name.startswith(NAME):
                run = line.name.removeprefix(NAME)
                jobs[run] = min(jobs.get(run, line.job), line.job, key=int)
        return lines, jobs

    def _lines(self, *when: str) -> list[Line]:
        words = ("-n", "-P", "-D", *self._users(), *when, "-o", ",".join(books.FIELDS))
        return books.read(self.tools.read("sacct", *words))

    def _users(self) -> tuple[str, ...]:
        """Whose jobs are asked for: ours alone, in a cluster that has thousands of others."""
        if self.settings.become == Become.AGENT:
            return "-u", pwd.getpwuid(os.geteuid()).pw_name
        return "-u", ",".join(sorted(set(self.settings.users.values())))

    def _user(self, spec: RunSpec) -> str:
        return "" if self.settings.become == Become.AGENT else self.settings.users[spec.organisation]

    def _options(self, spec: RunSpec, directory: RunDirectory) -> list[str]:
        account = self.settings.accounts.get(spec.organisation, "")
        options = [
            f"--job-name={NAME}{spec.run}",
            f"--comment=hesuan:{spec.run}",
            "--nodes=1",
            "--ntasks=1",
            f"--cpus-per-task={spec.cores}",
            f"--time={script.minutes(spec.time_limit_s)}",
            f"--chdir={directory.path / 'work'}",
            f"--output={directory.log}",
            "--open-mode=append",
        ]
        named = {"partition": self.settings.partition, "qos": self.settings.qos, "account": account}
        options += [f"--{name}={value}" for name, value in named.items() if value]
        if spec.memory_bytes:
            options.append(f"--mem={math.ceil(spec.memory_bytes / 2**20)}M")
        if spec.cards:
            name, one = cards.wanted(spec, self.settings.gres)
            options.append(f"--gres={name}:{spec.cards * one.slices}")
        return options


def _prepare(directory: RunDirectory, user: str) -> None:
    """Makes the run's own places the user's. The folder itself stays ours: nobody puts another file where
    the log is, so that we, who may read everything, read nothing else for them."""
    directory.log.touch(mode=0o600)
    if not user:
        return
    entry = pwd.getpwnam(user)
    for path in (directory.path.parent, directory.path):
        path.chmod(0o711)
    for path in (directory.path / "work", directory.path / "tmp", directory.output, directory.log):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    directory.give_inputs(entry.pw_uid, entry.pw_gid)


def _active(queued: Queued) -> Seen:
    if queued.state in books.WAITING:
        return Seen(queued.job, RunState.SUBMITTED, _text(books.moment(queued.submitted)), queued.reason)
    return Seen(queued.job, RunState.RUNNING, _text(books.moment(queued.started)))


def _last(lines: Sequence[Line]) -> Line | None:
    """The line of the job's latest run: the one that was put into the queue last."""
    dawn = datetime.min.replace(tzinfo=UTC)
    runs = [line for line in lines if not line.is_step]
    return max(runs, key=lambda line: (line.submitted or dawn, line.start or dawn), default=None)


def _is_settled(line: Line) -> bool:
    """Whether no requeue follows: after some ends the controller takes the job back into the queue."""
    if line.state not in books.BY_THE_CENTRE or line.end is None:
        return True
    return datetime.now(UTC) - line.end > timedelta(seconds=SETTLED_S)


def _text(at: datetime | None) -> str:
    return format_at(at or datetime.now(UTC))


def own(lines: Sequence[Line], run: str) -> list[Line]:
    """Those of a job's lines that are the run's.

    A controller that lost its memory, or came to the end of its numbers, gives a number again, and the books
    keep the job that had it before. A step has a name of its own: it is of the job that had the number last
    when the step began.
    """
    runs = [line for line in lines if not line.is_step]
    return [line for line in lines if _whose(line, runs) == NAME + run]


def _whose(line: Line, runs: Sequence[Line]) -> str:
    """The name of the job that a line is of, among all that had its number."""
    if not line.is_step:
        return line.name
    before = [one for one in runs if one.values["Submit"] <= line.values["Start"]]
    return max(before, key=lambda one: one.values["Submit"]).name if before else ""
