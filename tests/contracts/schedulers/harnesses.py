"""One harness an engine: how the contract's tests make things happen that the contract itself cannot."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.engines import ray_cluster
from tests.engines import slurm as slurm_cluster

from hesuan.agent.schedulers.contract import Observation, RunSpec, RunState, Scheduler
from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S, FakeCentre, FakeScheduler
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.ray.engine import RayEngine
from hesuan.agent.schedulers.ray.settings import Settings as RaySettings
from hesuan.agent.schedulers.slurm.engine import SlurmEngine
from hesuan.agent.schedulers.slurm.settings import Settings as SlurmSettings
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

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.centre = FakeCentre(cores=self.cores)
        self.scheduler = FakeScheduler(self.centre, tmp)

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
        self.scheduler = FakeScheduler(self.centre, self.tmp)


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


class SlurmHarness:
    """On the one cluster of the test run; each test has its own folder of runs."""

    cores = slurm_cluster.CPUS

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.cluster = slurm_cluster.of_this_process()
        self.restart()

    def spec(self, ends: str, *, run: str = "", cores: int = 1, time_limit_s: int = 30) -> RunSpec:
        run = run or new_id()
        return RunSpec(run, shell(ends, self.tmp / f"starts-{run}"), cores, time_limit_s)

    def until(self, run: str, wanted: Callable[[Observation], bool]) -> Observation:
        return wait_until(self.scheduler, run, wanted)

    def jobs(self, run: str) -> int:
        """What the queue lists and what has really begun, whichever is more."""
        listed = self.cluster.call("squeue", "-h", "-t", "all", "-n", f"hesuan-{run}", "-o", "%A").split()
        starts = self.tmp / f"starts-{run}"
        begun = starts.read_text().splitlines() if starts.exists() else []
        return max(len(set(listed)), len(begun))

    def vanish(self, run: str) -> None:
        """The controller dies with all it knew; nobody ends the job's line on the books."""
        self.until(run, lambda o: o.state == RunState.RUNNING and self.jobs(run) == 1)
        self.cluster.forget_everything()
        self.until(run, lambda o: o.state == RunState.UNKNOWN)

    def restart(self) -> None:
        engine = SlurmEngine(SlurmSettings(conf=self.cluster.conf, fresh_s=0.3))
        engine.visible_within_s = 5.0
        self.scheduler = OutsideScheduler(engine, self.tmp / "runs")


class RayHarness:
    """On the one cluster of the test run; each test has its own folder of runs."""

    cores = ray_cluster.CPUS

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.cluster = ray_cluster.of_this_process()
        self.restart()

    def spec(self, ends: str, *, run: str = "", cores: int = 1, time_limit_s: int = 30) -> RunSpec:
        run = run or new_id()
        return RunSpec(run, shell(ends, self.tmp / f"starts-{run}"), cores, time_limit_s)

    def until(self, run: str, wanted: Callable[[Observation], bool]) -> Observation:
        return wait_until(self.scheduler, run, wanted)

    def jobs(self, run: str) -> int:
        """Submissions of that name, or how often one has really begun, whichever is more."""
        listed = [job for job in self.cluster.jobs() if job["submission_id"] == f"hesuan-{run}"]
        starts = self.tmp / f"starts-{run}"
        begun = starts.read_text().splitlines() if starts.exists() else []
        return max(len(listed), len(begun))

    def vanish(self, run: str) -> None:
        """The head dies with all it knew; the one that follows never heard of the job."""
        self.until(run, lambda o: o.state == RunState.RUNNING and self.jobs(run) == 1)
        self.cluster.forget_everything()
        self.until(run, lambda o: o.state == RunState.UNKNOWN)

    def restart(self) -> None:
        engine = RayEngine(RaySettings(self.cluster.address))
        engine.visible_within_s = 5.0
        self.scheduler = OutsideScheduler(engine, self.tmp / "runs")


def shell(ends: str, starts: Path) -> tuple[str, ...]:
    """A command that says hello and ends so, after more than the second that books are kept in."""
    kind, _, number = ends.partition(":")
    end = {"exit": f"exit {number}", "signal": f"kill -{number} $$", "forever": "exec sleep 600"}[kind]
    return "sh", "-c", f"echo $$ >> {starts}; echo hello; sleep 1.2; {end}"


def wait_until(scheduler: Scheduler, run: str, wanted: Callable[[Observation], bool]) -> Observation:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        observed = scheduler.poll(run)
        if wanted(observed):
            return observed
        time.sleep(0.1)
    raise AssertionError(f"never observed: {observed}")


def supervisor_pid(directory: Path) -> int:
    """The process that stands beside a run of the local engine."""
    from hesuan.agent.durable import read_json

    claim = read_json(directory / "claim.json")
    assert claim is not None
    return int(str(claim["identity"]).split("/")[1])
