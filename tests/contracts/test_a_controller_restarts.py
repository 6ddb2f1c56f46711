"""Slurm's controller ends with ``kill -9`` during a paid job, then the agent; both begin anew, it goes on.

At the real hub, with the real agent: one job, one line on the books, one usage, one signed receipt, its cost
once. The fixture of all tests adds the books up behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.agent.fakes import Rig
from tests.contracts.schedulers.harnesses import Gate
from tests.engines import slurm as clusters
from tests.engines.slurm import Cluster
from tests.road import Road

from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.slurm.engine import SlurmEngine
from hesuan.agent.schedulers.slurm.settings import Settings
from hesuan.hub.metering.models import Attempt, Finding, UsageRecord
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.hub.worker.loop import tick

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slurm,
    pytest.mark.processes,
    pytest.mark.sqlite,  # it is about Slurm; once is enough
]

PATIENCE_S = 240
FEN_PER_CORE_S = 10
"""See ``tests.road``."""


class SlurmRig(Rig):
    """An agent whose engine is the real Slurm."""

    def start(self) -> None:
        super().start()
        engine = SlurmEngine(Settings(conf=clusters.of_this_process().conf, fresh_s=0.3))
        self.agent = replace(self.agent, scheduler=OutsideScheduler(engine, self.site.runs))


@pytest.fixture
def kind_of_rig() -> type[Rig]:
    return SlurmRig


def until(rig: Rig, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, (rig.told, how_it_stands())
        rig.round()
        assert tick().failed == ()
        time.sleep(0.2)


def how_it_stands() -> list[str]:
    """For whoever reads of a failure."""
    queue = clusters.of_this_process().call("squeue", "-t", "all", "-o", "%T %R", check=False)
    nodes = clusters.of_this_process().call("sinfo", "-N", "-o", "%N %T %E", check=False)
    return [*Run.objects.values_list("state", flat=True), queue, nodes]


def saved(cluster: Cluster, run: Run) -> None:
    """What the controller has not saved it knows no more; it saves after a change."""
    changed, state = time.time(), cluster.folder / "state" / "job_state"
    cluster.call("scontrol", "update", f"JobName=hesuan-{run.id}", "Comment=changed")
    deadline = time.monotonic() + PATIENCE_S
    while not (state.exists() and state.stat().st_mtime > changed):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_paid_job_outlives_its_controller_and_its_agent(paid: tuple[Road, Rig], tmp_path: Path) -> None:
    road, rig = paid
    cluster, gate = clusters.of_this_process(), Gate(tmp_path / "gate")
    work = {"kind": "script", "command": list(gate.command), "cores": 1, "time_limit_s": 300}
    run = road.place(road.quote(work))
    until(rig, lambda: Run.objects.get(pk=run.id).state == "RUNNING")
    saved(cluster, run)
    cluster.kill("slurmctld")
    time.sleep(0.4)
    rig.round()
    assert "did not answer" in " ".join(rig.told) and Run.objects.get(pk=run.id).state == "RUNNING"
    rig.restart()
    cluster.start("slurmctld")
    gate.open()
    until(rig, lambda: Receipt.objects.filter(state=Receipt.State.SIGNED).exists())
    words = "sacct", "-n", "-X", "-P", "-D", "--name", f"hesuan-{run.id}", "-o", "State"
    assert cluster.call(*words).split() == ["COMPLETED"]
    usage, attempt, settled = UsageRecord.objects.get(), Attempt.objects.get(), Settlement.objects.get()
    assert usage.state == "COMPLETED" and attempt.wall_ms == usage.wall_ms
    assert settled.charge_fen == attempt.core_s * FEN_PER_CORE_S > 0
    assert Receipt.objects.count() == 1 and not Finding.objects.exists()
    assert road.balance().debits_pending == 0
