"""The local engine: processes on this machine, metered by the kernel.

A run is a directory named by its id. It is prepared under another name and appears by one rename, which the
system refuses a second time: that is how it is submitted exactly once. A supervisor process of its own stands
beside each job (see ``supervisor``); this class only starts supervisors and reads directories, so it has no
memory to lose. Runs wait in the order they came until enough cores are free, and each job is bound to the
cores it was given, so that neighbours do not slow each other down by our doing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from hesuan.agent import durable
from hesuan.agent.meters import kernel
from hesuan.agent.meters.cgroup import Groups
from hesuan.agent.schedulers.contract import (
    TOO_MANY_CORES,
    Booked,
    Observation,
    RunSpec,
    RunState,
    Usage,
)
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.schedulers.rundir import RunDirectory, end_as_lost
from hesuan.errors import Refused
from hesuan.wire.attempts import attempts
from hesuan.wire.messages import format_at

_SUPERVISOR = "hesuan.agent.schedulers.supervisor"
_RELAUNCH_MAX_S = 60.0


UNLIMITED = "Memory and disk space are not limited per job; cores are bound, not reserved."
LIMITED = (
    "Cores, memory that was asked for and the number of processes are limited per job by the kernel"
    " (cgroup v2); disk space is not."
)


@dataclass(frozen=True, slots=True)
class _Launch:
    """A supervisor started by this process; ``number`` counts the tries for its run."""

    process: subprocess.Popen[bytes]
    cpus: frozenset[int]
    at: float
    number: int

    @property
    def again_at(self) -> float:
        """When another try makes sense, if this one ended without taking the run [monotonic s]."""
        return self.at + min(_RELAUNCH_MAX_S, 0.25 * 2.0**self.number)


class LocalScheduler:
    """Runs jobs as processes of this machine; the promises stand in ``contract``."""

    name: str = "local"
    isolation: tuple[str, ...] = (
        "Jobs run as the agent's own user: a job can read what that user can, other jobs' files too.",
        "Jobs share the network of this machine; nothing is filtered.",
        UNLIMITED,
        "The environment is made new for each job: no secret of the agent is passed on.",
    )

    def __init__(self, root: Path, *, cores: int, groups: Groups | None = None) -> None:
        self.groups = groups
        if groups is not None:
            self.isolation = tuple(LIMITED if one == UNLIMITED else one for one in self.isolation)
        self.root = root
        self.cores = cores
        self.folders = RunFolders(root)
        self._launches: dict[str, _Launch] = {}
        self._over: set[str] = set()
        self._swept: set[str] = set()

    def submit(self, spec: RunSpec) -> None:
        """Makes the run's directory, if it is not there, and starts it when its turn comes."""
        if spec.cores > self.cores:
            raise Refused(TOO_MANY_CORES, asked=spec.cores, available=self.cores)
        self.folders.take(spec)
        self.advance()

    def poll(self, run: str) -> Observation:
        """What the run's files say; a supervisor that vanished leaves UNKNOWN, and its job is ended."""
        observed = self.folders.known(run).observe()
        if observed.state == RunState.SUBMITTED:
            self.advance()
            observed = self.folders.known(run).observe()
        if observed.state == RunState.UNKNOWN:
            self._sweep(run)
        return observed

    def cancel(self, run: str) -> None:
        """Leaves the request beside the run, where its supervisor looks."""
        directory = self.folders.known(run)
        if directory.final() is None and not directory.cancel_requested():
            durable.write(directory.path / "cancel", b"")
        if directory.claim() is None:
            self._launch(directory, frozenset())

    def usage(self, run: str) -> Usage | None:
        """The record its supervisor left with the last word."""
        final = self.folders.known(run).final()
        return final[0] if final else None

    def log(self, run: str, offset: int, limit: int) -> bytes:
        """The job's standard output and error, as they came, up to their bound."""
        try:
            with self.folders.known(run).log.open("rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""

    def output(self, run: str) -> Path:
        """The folder where the job left what it has made."""
        return self.folders.known(run).output

    def booked(self, since: datetime, until: datetime) -> list[Booked]:
        """What the supervisors left of each run that ended in the time, for as long as its folder is kept."""
        window, found = (format_at(since), format_at(until)), list[Booked]()
        for path in sorted(self.root.iterdir()):
            final = None if path.name.startswith(".") else RunDirectory(path).final()
            for one in attempts(final[0].body()) if final else ():
                if window[0] <= str(one["ended_at"]) < window[1]:
                    found.append(Booked(path.name, one))
        return found

    def declare_lost(self, run: str, reason: str) -> None:
        """Its supervisor is gone, so nobody else writes its last word."""
        end_as_lost(self.folders.known(run), self.poll(run), reason)

    def advance(self) -> None:
        """Starts waiting runs, oldest first, while their cores are free; never one before an older one."""
        waiting, busy = self._survey()
        free = self._processors() - busy
        for directory in waiting:
            cores = int(directory.spec()["cores"])
            if cores > len(free):
                return
            given = frozenset(sorted(free)[:cores])
            free -= given
            self._launch(directory, given)

    def _processors(self) -> frozenset[int]:
        """The processors this agent hands out, by number where the system names them."""
        able = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(self.cores)
        return frozenset(list(able)[: self.cores])

    def _survey(self) -> tuple[list[RunDirectory], frozenset[int]]:
        """Runs that nobody has taken, oldest first, and the processors of those that are under way."""
        waiting: list[tuple[str, str, RunDirectory]] = []
        busy: set[int] = set()
        for path in self.root.iterdir():
            if path.name in self._over or path.name.startswith("."):
                continue
            directory = RunDirectory(path)
            claim = directory.claim()
            if directory.final() is not None or (claim is not None and not directory.supervised()):
                self._over.add(path.name)
                self._forget(path.name)
            elif claim is not None:
                busy.update(cast("list[int]", claim["cpus"]))
            elif self._is_starting(path.name):
                busy.update(self._launches[path.name].cpus)
            else:
                waiting.append((str(directory.spec()["submitted_at"]), path.name, directory))
        return [directory for *_, directory in sorted(waiting)], frozenset(busy)

    def _is_starting(self, run: str) -> bool:
        return run in self._launches and self._launches[run].process.poll() is None

    def _forget(self, run: str) -> None:
        """Lets go of a supervisor that has ended, so that it does not stay behind as a zombie."""
        if run in self._launches:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._launches[run].process.wait(timeout=5)
                del self._launches[run]

    def _launch(self, directory: RunDirectory, cpus: frozenset[int]) -> None:
        """Starts a supervisor; a run that was taken in the meantime makes it end at once."""
        before = self._launches.get(directory.run)
        now = time.monotonic()
        if before is not None and (self._is_starting(directory.run) or now < before.again_at):
            return
        words = [str(directory.path), "--cpus", ",".join(map(str, cpus))]
        if self.groups is not None:
            words += ["--cgroup", str(self.groups.of(directory.run).path)]
        with (directory.path / "supervisor.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module, the path of our own directory
                [sys.executable, "-m", _SUPERVISOR, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory.path,
                env=_supervisor_environment(),
                start_new_session=True,
            )
        self._launches[directory.run] = _Launch(process, cpus, now, before.number + 1 if before else 0)

    def _sweep(self, run: str) -> None:
        """Ends what a vanished supervisor left running: nobody meters it, and nobody is to pay for it."""
        if run in self._swept:
            return
        self._swept.add(run)
        if self.groups is not None:
            self.groups.of(run).kill()
        for pid in kernel.carrying("HESUAN_RUN", run):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def wait(self, run: str, *, timeout_s: float) -> Observation:
        """Polls until the run has ended or the time is over; for command lines and tests."""
        deadline = time.monotonic() + timeout_s
        while True:
            observed = self.poll(run)
            if observed.state.final or time.monotonic() > deadline:
                return observed
            time.sleep(0.05)


def _supervisor_environment() -> dict[str, str]:
    """Just enough for our own interpreter to find our own code."""
    source = str(Path(__file__).parents[3])
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
