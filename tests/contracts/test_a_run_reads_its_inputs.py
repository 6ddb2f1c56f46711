"""A file goes all the way: uploaded to the real hub, fetched by the real agent, read by a real process.

Also by a job of the real Slurm, whose user is another than the agent's.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.agent.fakes import Rig
from tests.contracts.sending import READS, log_of, sent, takes_files, was_read
from tests.engines import slurm as clusters
from tests.road import Road

from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.slurm.engine import SlurmEngine
from hesuan.agent.schedulers.slurm.settings import Become, Settings
from hesuan.hub.files import selectors as stored
from hesuan.hub.gateway import inputs as fetching
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick

pytestmark = pytest.mark.django_db(transaction=True)


class LocalRig(Rig):
    """The real local engine in place of the fake."""

    def start(self) -> None:
        super().start()
        self.agent.scheduler = LocalScheduler(self.site.runs, cores=2)


USER = "nobody"
"""The local user of the organisation at the centre with Slurm."""


class SlurmRig(Rig):
    """The real Slurm, whose jobs are the organisation's user's; the agent is root."""

    users: dict[str, str]
    runs: Path

    def start(self) -> None:
        super().start()
        settings = Settings(
            conf=clusters.of_this_process().conf, fresh_s=0.3, become=Become.SETPRIV, users=self.users
        )
        self.agent = replace(self.agent, scheduler=OutsideScheduler(SlurmEngine(settings), self.runs))


@pytest.fixture
def kind_of_rig(request: pytest.FixtureRequest) -> Iterator[type[Rig]]:
    kind = getattr(request, "param", LocalRig)
    if kind is not SlurmRig:
        yield kind
        return
    SlurmRig.users, SlurmRig.runs = {}, Path(tempfile.mkdtemp(prefix="hesuan-runs-"))
    words = ("sacctmgr", "-n", "-i", "add", "user", USER, "account=research")
    clusters.of_this_process().call(*words, check=False)
    yield kind
    shutil.rmtree(SlurmRig.runs)


def place(road: Road) -> Run:
    work: Any = {"kind": "script", "command": ["sh", "-c", READS], "cores": 1, "time_limit_s": 60}
    return road.place(road.quote({**work, "inputs": sent(road)}))


def until_settled(rig: Rig, run: Run) -> Settlement:
    deadline = time.monotonic() + 240
    while not Settlement.objects.filter(order_id=run.order_id).exists():
        assert time.monotonic() < deadline, rig.told
        rig.round()
        assert tick().failed == ()
        time.sleep(0.05)
    run.refresh_from_db()
    return Settlement.objects.get(order_id=run.order_id)


@pytest.fixture
def fetches(paid: tuple[Road, Rig], monkeypatch: pytest.MonkeyPatch) -> tuple[Road, Rig, list[int]]:
    """The road with an agent that says it fetches files; and the offsets it asks for, in small pieces."""
    road, rig = paid
    takes_files(rig)
    asked: list[int] = []
    real = stored.piece_for_run

    def noted(run_id: str, sha256: str, offset: int, limit: int) -> Any:
        asked.append(offset)
        return real(run_id, sha256, offset, limit)

    monkeypatch.setattr(fetching, "PIECE_BYTES", 1000)
    monkeypatch.setattr(stored, "piece_for_run", noted)
    return road, rig, asked


ON_SLURM = pytest.param(SlurmRig, marks=(pytest.mark.slurm, pytest.mark.processes), id="slurm")


@pytest.mark.parametrize("kind_of_rig", [pytest.param(LocalRig, id="local"), ON_SLURM], indirect=True)
def test_the_job_reads_what_the_user_sent(fetches: tuple[Road, Rig, list[int]]) -> None:
    road, rig, asked = fetches
    if isinstance(rig, SlurmRig):
        rig.users[str(road.owner.organisation.id)] = USER
    run = place(road)
    rig.round()
    rig.restart()
    assert until_settled(rig, run).charge_fen > 0 and run.state == "COMPLETED"
    for _ in range(5):
        rig.round()
        tick()
    log = log_of(run)
    assert was_read(log)
    assert (USER in log.split() and "kept" in log) == isinstance(rig, SlurmRig), "root may write to any file"
    assert asked == [0, 1000, 2000, 3000, 4000], "no byte twice, an agent that was killed between or not"


def test_an_altered_file_is_a_run_refused_at_no_charge(
    fetches: tuple[Road, Rig, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    road, rig, _ = fetches
    real = type(rig.uplink).input_piece
    monkeypatch.setattr(
        type(rig.uplink), "input_piece", lambda *given, **asked: real(*given, **asked).replace(b"7", b"8")
    )
    run, before = place(road), 1_000_000
    assert until_settled(rig, run).charge_fen == 0 and run.state == "REFUSED"
    assert road.balance().available_fen == before and "SHA-256" in run.reason
