"""A file goes all the way: uploaded to the real hub, fetched by the real agent, read by a real process."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest
from tests.agent.fakes import Rig
from tests.road import Road
from tests.sites import inventory_body

from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.hub.files import selectors as stored
from hesuan.hub.files import services as files
from hesuan.hub.gateway import inputs as fetching
from hesuan.hub.runs.models import Run, RunLog
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire.messages import FETCHES_INPUTS, TAKES

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = b"id,count\n" + b"7,1\n" * 1000
READS = 'cd "$HESUAN_INPUT" && sha256sum data/a.csv && wc -c < data/a.csv; echo x > data/a.csv || echo kept'


class LocalRig(Rig):
    """The real local engine in place of the fake."""

    def start(self) -> None:
        super().start()
        self.agent.scheduler = LocalScheduler(self.site.runs, cores=2)


@pytest.fixture
def kind_of_rig() -> type[Rig]:
    return LocalRig


def sent(road: Road) -> Any:
    sha256, whose = hashlib.sha256(CONTENT).hexdigest(), road.owner.organisation.id
    begun = files.begin(
        actor=road.owner.actor, organisation_id=whose, name="a", size_bytes=len(CONTENT), sha256=sha256
    )
    return files.append(actor=road.owner.actor, file_id=begun.id, offset=0, content=CONTENT)


def place(road: Road) -> Run:
    work: Any = {"kind": "script", "command": ["sh", "-c", READS], "cores": 1, "time_limit_s": 60}
    work["inputs"] = [{"file": sent(road).id, "path": "data/a.csv"}]
    return road.place(road.quote(work))


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
    body = inventory_body(scripts_allowed=True, software={TAKES: str(FETCHES_INPUTS)})
    rig.spool.put("inventory", body)
    rig.round()
    tick()
    asked: list[int] = []
    real = stored.piece_for_run

    def noted(run_id: str, sha256: str, offset: int, limit: int) -> Any:
        asked.append(offset)
        return real(run_id, sha256, offset, limit)

    monkeypatch.setattr(fetching, "PIECE_BYTES", 1000)
    monkeypatch.setattr(stored, "piece_for_run", noted)
    return road, rig, asked


def test_the_job_reads_what_the_user_sent(fetches: tuple[Road, Rig, list[int]]) -> None:
    road, rig, asked = fetches
    run = place(road)
    rig.round()
    rig.restart()
    assert until_settled(rig, run).charge_fen > 0 and run.state == "COMPLETED"
    for _ in range(5):
        rig.round()
        tick()
    log = "".join(RunLog.objects.filter(run=run).values_list("text", flat=True))
    assert hashlib.sha256(CONTENT).hexdigest() in log and str(len(CONTENT)) in log
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
