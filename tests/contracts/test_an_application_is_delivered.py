"""An application that only the hub has goes all the way: published, fetched by the real agent over a link
that is cut, measured, quoted, run by a real process, paid."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests import packaged
from tests.agent.fakes import Rig
from tests.contracts.cutting import Cutter
from tests.road import Road

from hesuan.agent.deliveries import Deliveries, Delivery
from hesuan.agent.manifests import Manifest, files_of, folder_digest
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.uplink import Uplink
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Benchmark
from hesuan.hub.gateway import applications
from hesuan.hub.runs.models import Run, RunLog
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)

INVENTORY = {
    "host": "node-1",
    "cores": 2,
    "memory_bytes": 8 << 30,
    "cards": [],
    "software": {"python": "3.11.7"},
    "engine": "local",
    "isolation": [],
    "apps": [],
    "scripts_allowed": False,
}


class LocalRig(Rig):
    """The real local engine; the site lets applications be delivered and has none of its own."""

    def start(self) -> None:
        super().start()
        self.agent.scheduler = LocalScheduler(self.site.runs, cores=2)
        self.agent.cores, self.agent.inventory = 2, INVENTORY
        allowed = Delivery(names=frozenset({"adder"}))
        self.agent.deliveries = Deliveries(self.site.applications, self.uplink, allowed, self.told.append)


@pytest.fixture
def kind_of_rig() -> type[Rig]:
    return LocalRig


@pytest.fixture
def cutter(paid: tuple[Road, Rig]) -> Iterator[Cutter]:
    """The agent's link to the hub, which a test may cut; pieces are small."""
    _, rig = paid
    port = urlsplit(rig.hub.address).port
    assert port is not None
    with Cutter(port) as cutting:
        rig.hub.address = cutting.address
        rig.restart()
        rig.agent.introduce()
        yield cutting
        rig.uplink.close()


def until(rig: Rig, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not happened():
        assert time.monotonic() < deadline, rig.told
        rig.agent.deliveries.files._after = 0
        rig.fetch()
        rig.agent._send_after = 0
        rig.agent.tick()
        assert tick().failed == ()
        time.sleep(0.02)


def settle(road: Road, rig: Rig) -> Run:
    """One paid run of the application, to its receipt."""
    run = road.place(road.quote({"kind": "app", "app": "adder", "units": 4, "cores": 1, "time_limit_s": 60}))
    until(rig, lambda: Settlement.objects.filter(order_id=run.order_id).exists())
    run.refresh_from_db()
    return run


def log(rig: Rig, run: Run) -> str:
    def told() -> str:
        return "".join(RunLog.objects.filter(run=run).values_list("text", flat=True))

    until(rig, lambda: "the sum is" in told())
    return told()


def kept(rig: Rig, app: Manifest) -> Path:
    return rig.site.applications / app.digest.removeprefix("sha256:") / app.name


def test_an_order_runs_an_application_that_only_the_hub_had(
    paid: tuple[Road, Rig], cutter: Cutter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    road, rig = paid
    asked: list[tuple[str, int]] = []
    real = Uplink.app_piece

    def noted(self: Uplink, command: str, sha256: str, offset: int) -> bytes:
        data = real(self, command, sha256, offset)
        asked.append((sha256, offset))
        return data

    monkeypatch.setattr(Uplink, "app_piece", noted)
    rig.restart()
    monkeypatch.setattr(applications, "PIECE_BYTES", 1000)
    app = packaged.make_app(tmp_path / "publisher", padding=20_000)
    made = packaged.publish(road.platform, packaged.contents(app))
    assert made.digest == app.digest

    until(rig, lambda: rig.spool.waiting_count() == 0)
    centres.request_benchmark(
        actor=road.operator.actor,
        centre_id=road.site.agent.centre_id,
        app="adder",
        request_id=new_id(),
        app_digest=app.digest,
    )
    cutter.arm(rb"/app-pieces", "answer", 3)
    until(rig, lambda: Benchmark.objects.filter(app="adder", app_digest=app.digest).exists())
    assert cutter.cuts == 3 and len(asked) == len(set(asked)) > 20, "resumed where it was cut: no byte twice"
    until(rig, lambda: rig.spool.waiting_count() == 0 and rig.spool.open_commands() == [])

    first = settle(road, rig)
    assert first.state == "COMPLETED" and "the sum is 10" in log(rig, first)
    came = len(asked)

    (kept(rig, app) / "adder" / "sums.py").write_text("def total(units):\n    return 666\n")
    second = settle(road, rig)
    assert second.state == "COMPLETED" and "the sum is 10" in log(rig, second), (
        "altered, thrown away, fetched"
    )
    assert len(asked) == 2 * came and folder_digest(kept(rig, app)) == app.digest
    assert all(path.stat().st_mode & 0o7777 == 0o644 for path in files_of(kept(rig, app)))
