"""One harness an engine: how the contract's tests make things happen that the contract itself cannot."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.engines import kubernetes as kubernetes_cluster
from tests.engines import ray_cluster
from tests.engines import slurm as slurm_cluster

from hesuan.agent.schedulers.contract import Observation, RunSpec, RunState, Scheduler
from hesuan.agent.schedulers.engine import Engine
from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S, FakeCentre, FakeScheduler
from hesuan.agent.schedulers.kubernetes.engine import KubernetesEngine
from hesuan.agent.schedulers.kubernetes.settings import Access
from hesuan.agent.schedulers.kubernetes.settings import Settings as KubernetesSettings
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
        deadline = time.monotonic() + 240
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


class Forgetful(Protocol):
    def forget_everything(self) -> None:
        """Its scheduler is ended with all it knew, and another takes its place."""


class ClusterHarness:
    """On the one cluster of the test run; each test has its own folder of runs."""

    cores: int
    scheduler: Scheduler
    cluster: Forgetful

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.restart()

    def spec(self, ends: str, *, run: str = "", cores: int = 1, time_limit_s: int = 30) -> RunSpec:
        run = run or new_id()
        return RunSpec(run, shell(ends, self.tmp / f"starts-{run}"), cores, time_limit_s)

    def until(self, run: str, wanted: Callable[[Observation], bool]) -> Observation:
        return wait_until(self.scheduler, run, wanted)

    def jobs(self, run: str) -> int:
        """What the cluster lists, or how often one has really begun, whichever is more."""
        starts = self.tmp / f"starts-{run}"
        begun = starts.read_text().splitlines() if starts.exists() else []
        return max(self.listed(f"hesuan-{run}"), len(begun))

    def vanish(self, run: str) -> None:
        """What the cluster knew dies with it; nobody ever says how the job ended."""
        self.until(run, lambda o: o.state == RunState.RUNNING and self.jobs(run) == 1)
        self.cluster.forget_everything()
        self.until(run, lambda o: o.state == RunState.UNKNOWN)

    def restart(self) -> None:
        engine = self.engine()
        engine.visible_within_s = 5.0
        self.scheduler = OutsideScheduler(engine, self.tmp / "runs")

    def engine(self) -> Engine:
        """A new one over the cluster."""
        raise NotImplementedError

    def listed(self, name: str) -> int:
        """How many jobs of a name the cluster lists."""
        raise NotImplementedError


class SlurmHarness(ClusterHarness):
    cores = slurm_cluster.CPUS
    cluster: slurm_cluster.Cluster

    def __init__(self, tmp: Path) -> None:
        self.cluster = slurm_cluster.of_this_process()
        super().__init__(tmp)

    def engine(self) -> SlurmEngine:
        return SlurmEngine(SlurmSettings(conf=self.cluster.conf, fresh_s=0.3))

    def listed(self, name: str) -> int:
        return len(set(self.cluster.call("squeue", "-h", "-t", "all", "-n", name, "-o", "%A").split()))


class RayHarness(ClusterHarness):
    cores = ray_cluster.CPUS
    cluster: ray_cluster.Cluster

    def __init__(self, tmp: Path) -> None:
        self.cluster = ray_cluster.of_this_process()
        super().__init__(tmp)

    def engine(self) -> RayEngine:
        return RayEngine(RaySettings(self.cluster.address))

    def listed(self, name: str) -> int:
        return sum(job["submission_id"] == name for job in self.cluster.jobs())


class KubernetesHarness(ClusterHarness):
    cores = kubernetes_cluster.CPUS
    cluster: kubernetes_cluster.Cluster

    def __init__(self, tmp: Path) -> None:
        self.cluster = kubernetes_cluster.of_this_process()
        super().__init__(tmp)

    def engine(self) -> KubernetesEngine:
        access = Access(address=self.cluster.address, token=self.cluster.token, ca=self.cluster.ca)
        return KubernetesEngine(
            KubernetesSettings(image="none", access=access, namespace=kubernetes_cluster.NAMESPACE)
        )

    def listed(self, name: str) -> int:
        return sum(job["metadata"]["name"] == name.lower() for job in self.cluster.jobs())


def shell(ends: str, starts: Path) -> tuple[str, ...]:
    """A command that says hello and ends so, after more than the second that books are kept in."""
    kind, _, number = ends.partition(":")
    end = {"exit": f"exit {number}", "signal": f"kill -{number} $$", "forever": "exec sleep 600"}[kind]
    return "sh", "-c", f"echo $$ >> {starts}; echo hello; sleep 1.2; {end}"


class Gate:
    """What a job waits at until a test lets it through, so that no time decides which of them is first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._starts, self._opened = folder / "starts", folder / "opened"
        waits = f"until [ -e {self._opened} ]; do sleep 0.1; done"
        self.command = "sh", "-c", f"echo >> {self._starts}; {waits}"

    def wait_for(self, starts: int) -> None:
        """Until the command has been begun so many times."""
        deadline = time.monotonic() + 240
        while not self._starts.exists() or len(self._starts.read_text()) < starts:
            assert time.monotonic() < deadline, f"the job was never begun {starts} times"
            time.sleep(0.1)

    def open(self) -> None:
        """Whoever waits, and whoever comes, goes through."""
        self._opened.touch()


def wait_until(scheduler: Scheduler, run: str, wanted: Callable[[Observation], bool]) -> Observation:
    deadline = time.monotonic() + 240
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
