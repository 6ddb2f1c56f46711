"""A centre that drains, from the operator's word to the last fen: the real agent, the real hub, real HTTP.

What runs goes on and is paid; what was sent and had not begun is refused and costs nothing; nothing new is
quoted or ordered until the agent itself has said that it takes work again.
"""

from __future__ import annotations

import pytest
from tests.agent.fakes import Rig
from tests.road import Road

from hesuan.agent import draining
from hesuan.errors import Refused
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Agent
from hesuan.hub.market import selectors as market
from hesuan.hub.market.models import Quote
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire.canonical import Json

pytestmark = pytest.mark.django_db(transaction=True)

WORK: dict[str, Json] = {"kind": "script", "command": ["exit:0", "20"], "cores": 1, "time_limit_s": 60}


def rounds(rig: Rig, count: int, seconds: int = 1) -> None:
    for _ in range(count):
        rig.round(seconds)
        assert tick().failed == ()


def ask_to_drain(road: Road) -> None:
    centres.drain_agent(actor=road.operator.actor, agent_id=road.site.agent.id, reason="new power supply")


def refused(road: Road, quote: Quote) -> str:
    with pytest.raises(Refused) as caught:
        road.place(quote)
    return caught.value.code.name


def refusals(road: Road) -> list[str]:
    return [one.code for one in market.refusals(road.owner.actor, road.ask(WORK).id)]


def agent(road: Road) -> Agent:
    return Agent.objects.get(pk=road.site.agent.id)


def test_from_the_operators_word_to_the_last_fen(paid: tuple[Road, Rig]) -> None:
    road, rig = paid
    under_way, sent, unused = road.place(road.quote(WORK)), road.quote(WORK), road.quote(WORK)
    rounds(rig, 2)
    late = road.place(sent)
    ask_to_drain(road)
    assert refused(road, unused) == "order.centre_draining" and refusals(road) == ["offering.centre_draining"]
    rig.restart()
    rig.fetch()
    with rig.spool.transaction() as change:  # the drain overtakes the order that was sent before it
        draining.say(change, "hub", "new power supply")
    rounds(rig, 40)
    under_way, late = Run.objects.get(pk=under_way.id), Run.objects.get(pk=late.id)
    assert under_way.state == "COMPLETED" and late.state == "REFUSED"
    assert "new power supply" in late.reason
    charges = {one.order_id: one.charge_fen for one in Settlement.objects.all()}
    assert charges == {under_way.order_id: 200, late.order_id: 0}
    assert road.balance().debits_pending == 0 and road.balance().available_fen == 1_000_000 - 200
    told = agent(road)
    assert told.drain_told["hub"]["reason"] == "new power supply" and told.drain_told["site"] is None
    assert len(rig.centre.jobs) == 1


def test_work_comes_again_only_when_the_agent_has_said_so(paid: tuple[Road, Rig]) -> None:
    road, rig = paid
    ask_to_drain(road)
    rounds(rig, 2)
    centres.resume_agent(actor=road.operator.actor, agent_id=road.site.agent.id)
    assert agent(road).drain_asked is None and refusals(road) == ["offering.centre_draining"]
    rounds(rig, 2)
    assert refusals(road) == []
    run = road.place(road.quote(WORK))
    rounds(rig, 40)
    assert Run.objects.get(pk=run.id).state == "COMPLETED"


def test_what_the_site_says_itself_counts_at_the_hub(paid: tuple[Road, Rig]) -> None:
    road, rig = paid
    draining.at_the_site(rig.spool, "lid is open")
    rounds(rig, 2)
    assert agent(road).drain_asked is None and refusals(road) == ["offering.centre_draining"]
    draining.at_the_site(rig.spool, None)
    rounds(rig, 2)
    assert refusals(road) == []
