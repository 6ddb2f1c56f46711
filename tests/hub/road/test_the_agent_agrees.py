"""What the hub's rooms ask to be signed, the real agent's own check has nothing to say against."""

from __future__ import annotations

from typing import Any

import pytest
from tests.road import Road, commands, history, state

from hesuan.agent.countersign import ORDERED, objection
from hesuan.agent.schedulers.contract import RunState
from hesuan.agent.spool import KnownRun
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Receipt


def the_agents_answer(road: Road, run: Run, usage: dict[str, Any] | None) -> str:
    """The objection of an agent that remembers the run's command and the usage it sent."""
    (command,) = commands(road.site, "run")
    refused = run.state == "REFUSED"
    known = KnownRun(
        run=run.id,
        state=RunState(run.state),
        log_offset=0,
        usage=usage,
        order={} if refused else {name: command.body[name] for name in ORDERED},
    )
    asked = commands(road.site, "countersign")[0].body["receipt"]
    agent = road.site.agent
    return objection(asked, agent=agent.id, centre=agent.centre_id, known=known, signed=None)


@pytest.mark.parametrize("ended", ["COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED"])
def test_the_agent_signs_what_it_measured(road: Road, voucher: Voucher, ended: str) -> None:
    run = road.place()
    told = history(run.id, ended)
    road.say(told)
    run.refresh_from_db()
    assert the_agents_answer(road, run, told[-1][1]) == ""


def test_the_agent_signs_that_a_refused_run_used_nothing(road: Road, voucher: Voucher) -> None:
    run = road.place()
    road.say([state(run.id, "REFUSED", after_s=1, reason="no such app")])
    run.refresh_from_db()
    assert the_agents_answer(road, run, None) == ""


def test_the_agent_does_not_sign_another_usage(road: Road) -> None:
    """The control: the same receipt, and an agent that remembers one millisecond less."""
    run = road.place()
    told = history(run.id)
    road.say(told)
    run.refresh_from_db()
    remembered = {**told[-1][1], "wall_ms": 20_499}
    assert "20499" in the_agents_answer(road, run, remembered)
    assert Receipt.objects.get().state == Receipt.State.DRAFT
