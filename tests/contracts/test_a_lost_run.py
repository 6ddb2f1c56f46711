"""A run whose end nobody can know, with the real hub: held until the centre's operator declares it lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.agent.fakes import Rig
from tests.road import Road

from hesuan.hub.metering.models import Attempt, Finding
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire.canonical import Json

pytestmark = pytest.mark.django_db(transaction=True)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Where the fake centre's clock begins."""
WORK: dict[str, Json] = {"kind": "script", "command": ["forever"], "cores": 1, "time_limit_s": 300}


def until(rig: Rig, state: str) -> Run:
    """The run once the hub knows it in a state: the agent looks each second, the hub works on it."""
    for _ in range(60):
        rig.round()
        assert tick().failed == ()
        run = Run.objects.get()
        if run.state == state:
            return run
    raise AssertionError(f"the run stayed {run.state}")


def test_a_lost_run_holds_its_money_until_it_is_declared_lost_and_then_costs_nothing(
    paid: tuple[Road, Rig],
) -> None:
    road, rig = paid
    rig.centre.advance(round((datetime.now(UTC) - EPOCH).total_seconds()) + 60)  # its clock is ours, or near
    before = road.balance()
    order = road.place(road.quote(WORK)).order_id
    run = until(rig, "RUNNING")
    rig.centre.forget(run.id)
    until(rig, "UNKNOWN")
    for _ in range(5):
        rig.round(60)
        assert tick().failed == ()
    assert road.balance() != before
    assert not Settlement.objects.filter(order_id=order).exists()

    rig.scheduler.declare_lost(run.id, "n17 burnt out; nothing was saved.")
    until(rig, "KILLED")
    while not Settlement.objects.filter(order_id=order).exists():
        assert tick().handled
    assert Settlement.objects.get(order_id=order).charge_fen == 0
    assert road.balance() == before
    assert not Attempt.objects.exists() and not Finding.objects.exists()
