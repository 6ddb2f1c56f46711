"""The real agent counts a run over real HTTP, and what the run costs is its usage to the fen, whatever the
line does to the counters meanwhile: answers lost, messages sent twice or late, an agent that dies.
"""

from __future__ import annotations

import random

import pytest
from tests.agent.fakes import Rig
from tests.road import Road

from hesuan.agent.uplink import HUB_AWAY
from hesuan.errors import Unavailable
from hesuan.hub.metering.models import Finding, MeterReading
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire.canonical import Json

pytestmark = pytest.mark.django_db(transaction=True)

WORK: dict[str, Json] = {
    "kind": "script",
    "command": ["exit:0", "200"],
    "cores": 1,
    "time_limit_s": 300,
}
COST_FEN = 200 * 1 * 10
"""200 s on one core at ten fen (see ``tests.road``)."""


class CountingRig(Rig):
    """An agent that counts every ten seconds."""

    meter_every_s = 10


@pytest.fixture
def kind_of_rig() -> type[Rig]:
    return CountingRig


def carry_through(road: Road, rig: Rig) -> Settlement:
    """The run from its order to its payment, the agent looking every ten seconds."""
    order_id = road.place(road.quote(WORK)).order_id
    for _ in range(60):
        rig.round(10)
        assert tick().failed == ()
        if Settlement.objects.filter(order_id=order_id).exists():
            break
    return Settlement.objects.get(order_id=order_id)


def test_the_counter_reaches_the_hub_and_the_run_costs_its_usage(paid: tuple[Road, Rig]) -> None:
    settled = carry_through(*paid)
    assert settled.charge_fen == COST_FEN
    shown = list(MeterReading.objects.order_by("seq").values_list("counter_ms", flat=True))
    assert len(shown) > 10 and shown == sorted(shown) and shown[-1] <= 200_000
    assert not Finding.objects.exists()


@pytest.mark.parametrize("seed", [1, 2])
def test_lost_answers_doubles_and_an_agent_that_dies_leave_the_charge_to_the_fen(
    paid: tuple[Road, Rig], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    road, rig = paid
    chance = random.Random(seed)
    send, look = type(rig.uplink).send, rig.round

    def badly(uplink: object, waiting: object) -> int:
        if chance.random() < 0.3:
            raise Unavailable(HUB_AWAY, hub="the hub", problem="cut off")
        told: int = send(uplink, waiting)  # type: ignore[arg-type]
        if chance.random() < 0.3:
            raise Unavailable(HUB_AWAY, hub="the hub", problem="cut off")
        return send(uplink, waiting) if chance.random() < 0.3 else told  # type: ignore[arg-type]

    def dies(seconds: int = 1) -> None:
        if chance.random() < 0.2:
            rig.restart()
        look(seconds)

    monkeypatch.setattr(type(rig.uplink), "send", badly)
    monkeypatch.setattr(rig, "round", dies)
    assert carry_through(road, rig).charge_fen == COST_FEN
    assert MeterReading.objects.filter(before_ms__isnull=False).exists(), "a re-base was told and signed"
    assert not Finding.objects.exists()
