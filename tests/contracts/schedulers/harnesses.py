"""One harness an engine: how the contract's tests make things happen that the contract itself cannot."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hesuan.agent.schedulers.contract import Observation, RunSpec, RunState, Scheduler
from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S, FakeCentre, FakeScheduler
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.wire.ids import new_id


class Harness(Protocol):
    """``ends`` is ``exit:N``, ``signal:N`` or ``forever``."""

    scheduler: Scheduler
    cores: int

    def spec(self, ends: str, *, run: str = "", cores: int = 1, time_limit_s: int = 30) -> RunSpec: ...

    def until(self, run: str, wanted: Callable[[Observation], bool]) -> Observation:
        """Lets time pass until the run is observed as wanted; fails after a while."""

    def jobs(self, run: str) -> int:
        """How many jobs the engine has really started for a run."""

    def vanish(self, run: str) -> None:
        """The engine loses the job and can never say how it ended."""

    def restart(self) -> None:
        """A new agent process over the same engine and the same disk."""


class FakeHarness:
    cores = 4

    def __init__(self, _tmp: Path) -> None:
        self.centre = FakeCentre(cores=self.cores)
        self.scheduler = FakeScheduler(self.centre)

    def spec(self, ends: str, *, run: str = "", cores: int = 1, time_limit_s: int = 30) -> RunSpec:
        return RunSpec(run or new_id(), (ends, "2"), cores, time_limit_s)

    def until(self, run: str, wanted: Callable[[Observation], bool]) -> Observation:
        for _ in range(100):
            observed = self.scheduler.poll(run)
            if wanted(observed):
                return observed
            self.centre.advance(1)
        raise AssertionError(f"never observed: {observed}")

    def jobs(self, run: str) -> int:
        return sum(job.comment == run for job in self.centre.jobs)

    def vanish(self, run: str) -> None:
        self.centre.forget(run)
        self.centre.advance(VISIBLE_WITHIN_S)

    def restart(self) -> None:
        self.scheduler = FakeScheduler(self.centre, self.scheduler.journal)


class LocalHarness:
    cores = 2

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.root = tmp / "runs"
        self.scheduler = LocalScheduler(self.root, cores=self.cores)

    def spec(self, ends: str, *, run: str = "", cores: int = 1, time_limit_s: int = 30) -> RunSpec:
        run = run or new_id()
        kind, _, number = ends.partition(":")
        end = {"exit": f"exit {number}", "signal": f"kill -{number} $$", "forever": "exec sleep 600"}[kind]
        script = f"echo $$ >> {self.tmp}/starts-{run}; echo hello; {end}"
        return RunSpec(run, ("sh", "-c", script), cores, time_limit_s)

    def until(self, run: str, wanted: Callable[[Observation], bool]) -> Observation:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            observed = self.scheduler.poll(run)
            if wanted(observed):
                return observed
            time.sleep(0.02)
        raise AssertionError(f"never observed: {observed}")

    def jobs(self, run: str) -> int:
        starts = self.tmp / f"starts-{run}"
        return len(starts.read_text().splitlines()) if starts.exists() else 0

    def vanish(self, run: str) -> None:
        self.until(run, lambda o: o.state == RunState.RUNNING and self.jobs(run) == 1)
        os.kill(supervisor_pid(self.root / run), signal.SIGKILL)
        self.until(run, lambda o: o.state != RunState.RUNNING)

    def restart(self) -> None:
        self.scheduler = LocalScheduler(self.root, cores=self.cores)


def supervisor_pid(directory: Path) -> int:
    """The process that stands beside a run of the local engine."""
    from hesuan.agent.durable import read_json

    claim = read_json(directory / "claim.json")
    assert claim is not None
    return int(str(claim["identity"]).split("/")[1])
