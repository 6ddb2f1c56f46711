"""A report, asked for at the hub and answered by the real agent over real HTTP."""

from __future__ import annotations

import pytest
from tests.agent.fakes import Rig
from tests.people import Person
from tests.road import Road

from hesuan.errors import NotFound
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent, Command, Report
from hesuan.hub.worker.loop import tick

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_is_asked_once_and_the_newest_answer_stands(paid: tuple[Road, Rig], stranger: Person) -> None:
    road, rig = paid
    agent = Agent.objects.get(pk=road.site.agent.id)

    def ask(person: Person) -> None:
        services.request_report(actor=person.actor, agent_id=agent.id)

    with pytest.raises(NotFound):
        ask(stranger)
    rig.agent.inventory = selectors.newest_inventory(agent.centre_id).body  # type: ignore[union-attr]
    ask(road.operator)
    ask(road.operator)
    assert Command.objects.filter(kind="report").count() == 1
    assert selectors.report_of(agent) == (None, True)
    rig.round()
    assert tick().failed == ()
    report, is_awaited = selectors.report_of(agent)
    assert report is not None and report.body["cores"] == rig.centre.cores and not is_awaited
    late = {**report.body, "version": "older"}
    services.record_report(agent_id=agent.id, seq=report.seq - 1, body=late)
    services.record_report(agent_id=agent.id, seq=report.seq, body=late)
    assert Report.objects.get().body == report.body
    ask(road.operator)
    assert selectors.report_of(agent)[1]

    road.operator.client.cookies["django_language"] = "en"
    page = f"/centres/{agent.centre_id}/"
    text = road.operator.client.get(page).content.decode()
    assert "Last report" in text and "a newer one is asked for" in text
    assert "Last report" not in stranger.client.get(page).content.decode()
