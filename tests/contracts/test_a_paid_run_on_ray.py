"""The real agent over a real Ray: a run costs what Ray's head tells of it, and the hub takes that whole."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from tests.agent.fakes import Rig
from tests.contracts.sending import READS, log_of, sent, takes_files, was_read
from tests.engines import ray_cluster
from tests.road import Road

from hesuan.agent.counting import Meter
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.ray.engine import EVIDENCE, RayEngine
from hesuan.agent.schedulers.ray.settings import Settings
from hesuan.hub.metering.models import Finding, MeterReading, UsageRecord
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick
from hesuan.units import billed_seconds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.ray]
FEN_PER_CORE_S = 10
"""See ``tests.road``."""


class RayRig(Rig):
    """An agent whose engine, and whose time, are real."""

    def start(self) -> None:
        super().start()
        engine = RayEngine(Settings(ray_cluster.of_this_process().address))
        self.agent = replace(
            self.agent, scheduler=OutsideScheduler(engine, self.site.runs), meter=Meter(every_s=0.5)
        )


@pytest.fixture
def kind_of_rig() -> type[Rig]:
    return RayRig


def test_a_run_on_ray_is_counted_while_it_runs_and_settled_by_what_the_head_tells(
    paid: tuple[Road, Rig],
) -> None:
    road, rig = paid
    takes_files(rig)
    command = ["sh", "-c", f"{READS}; sleep 8"]
    work = {"kind": "script", "command": command, "cores": 1, "time_limit_s": 60, "inputs": sent(road)}
    run = road.place(road.quote(work))
    order_id = run.order_id
    deadline = time.monotonic() + 300
    while not Settlement.objects.filter(order_id=order_id).exists():
        assert time.monotonic() < deadline, rig.told
        rig.round()
        assert tick().failed == ()
        time.sleep(0.2)
    settled, usage = Settlement.objects.get(order_id=order_id), UsageRecord.objects.get()
    assert usage.state == "COMPLETED" and usage.evidence == EVIDENCE and 8_000 <= usage.wall_ms < 20_000
    assert settled.charge_fen == billed_seconds(usage.wall_ms) * FEN_PER_CORE_S
    (attempt,) = usage.raw["accounting"]
    assert json.loads(attempt["raw"])["status"] == attempt["state"] == "SUCCEEDED"
    for _ in range(5):
        rig.round()
        tick()
    assert was_read(log_of(run))
    counted = list(MeterReading.objects.order_by("seq").values_list("counter_ms", flat=True))
    assert counted and counted[-1] <= usage.wall_ms
    assert not Finding.objects.exists()
