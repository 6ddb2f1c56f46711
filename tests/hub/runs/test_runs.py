"""Runs through their messages: what moves them, what does not, whose messages are refused."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.people import Person
from tests.road import Road, commands, history, make_site, state, tell, usage
from tests.sites import inventory_body

from hesuan.errors import NotFound, Refused
from hesuan.hub.audit import selectors as audit
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.hub.runs import logs, selectors, services
from hesuan.hub.runs.models import Run, RunLog, RunState
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire.messages import TAKES


def facts(subject: str) -> list[str]:
    return [fact.kind for fact in audit.facts(SYSTEM, subject)]


def test_a_run_follows_its_agents_reports(road: Road) -> None:
    run = road.place()
    assert run.state == "CREATED"
    seen = []
    for told in history(run.id):
        road.say([told])
        run.refresh_from_db()
        seen.append(run.state)
    assert seen == ["SUBMITTED", "RUNNING", "RUNNING", "RUNNING", "COMPLETED", "COMPLETED"]
    assert run.exit_status == 0 and run.started_at < run.ended_at


def test_an_agent_that_takes_it_is_told_whose_work_it_runs(road: Road) -> None:
    road.place()
    road.say([("inventory", inventory_body(software={"python": "3.11.7", TAKES: "2"}))])
    road.place()
    silent, told = (one.body for one in commands(road.site, "run"))
    assert "organisation" not in silent and told["organisation"] == road.owner.organisation.id


def test_the_log_is_read_as_far_as_it_lies_without_a_gap(road: Road) -> None:
    run, reader = road.place(), road.owner.actor
    texts = ["匹配\n", "ab", "done \ufffd", "!"]
    offsets = [0, 7, 9, 15]  # the site counts bytes; one byte that was no UTF-8 is shown as three
    first, second, third, last = (
        ("log", {"run": run.id, "offset": offset, "text": text})
        for offset, text in zip(offsets, texts, strict=True)
    )
    road.say([first, third, last])
    begun = selectors.log_text(reader, run.id)
    assert begun.text == "匹配\n"
    assert selectors.log_text(reader, run.id, begun.next_offset).text == "", "a gap"
    road.say([second, first, second])
    assert selectors.log_text(reader, run.id, begun.next_offset).text == "".join(texts[1:])
    whole = selectors.log_text(reader, run.id)
    assert whole.text == "".join(texts)
    assert selectors.log_text(reader, run.id, whole.next_offset) == selectors.LogText("", whole.next_offset)
    assert RunLog.objects.count() == 4


def test_a_final_state_sticks_and_a_contradiction_is_told_to_the_log(road: Road) -> None:
    run = road.place()
    road.say([state(run.id, "COMPLETED", after_s=9, exit_status=0), state(run.id, "FAILED", after_s=9)])
    run.refresh_from_db()
    assert (run.state, run.exit_status) == ("COMPLETED", 0)
    assert "run.contradicted" in facts(run.id)
    assert RunState.objects.filter(run=run, moved=False).count() == 1


def test_a_message_about_another_agents_run_is_refused_and_recorded(
    road: Road, centre_organisation: Organisation
) -> None:
    """A stolen key of one centre must not end, bill or sign another centre's runs."""
    thief = make_site(centre_organisation, "Elsewhere")
    run = road.place()
    tell(thief, *history(run.id))
    tick()
    run.refresh_from_db()
    assert run.state == "CREATED"
    assert not RunLog.objects.exists() and not Settlement.objects.exists()
    refused = InboxMessage.objects.filter(agent=thief.agent).exclude(fault="")
    assert refused.count() == 6 and all("run.of_another_agent" in message.fault for message in refused)
    assert facts(thief.agent.id).count("message.refused") == 6


def test_a_message_about_a_run_that_never_was_is_refused_and_recorded(road: Road) -> None:
    road.say([state("01" + "Z" * 24, "RUNNING")])
    message = InboxMessage.objects.get(kind="run_state")
    assert message.handled_at is not None and "run.not_found" in message.fault
    assert "message.refused" in facts(road.site.agent.id)


def test_an_owner_asks_the_agent_to_end_a_run_once(road: Road) -> None:
    run = road.place()
    for _ in range(2):
        asked = services.cancel(actor=road.owner.actor, order_id=run.order_id)
        assert asked.state == "CREATED" and asked.cancel_requested_at is not None
    (command,) = commands(road.site, "cancel")
    assert command.body == {"run": run.id}
    road.finish(run, "CANCELLED", wall_ms=3_000)
    assert Settlement.objects.get().charge_fen == 60
    after = services.cancel(actor=road.owner.actor, order_id=run.order_id)
    assert after.state == "CANCELLED"


def test_a_run_that_has_ended_is_not_cancelled(road: Road) -> None:
    run = road.place()
    road.finish(run)
    services.cancel(actor=road.owner.actor, order_id=run.order_id)
    assert commands(road.site, "cancel") == []


def test_only_an_owner_cancels(road: Road, colleague: Person, stranger: Person) -> None:
    run = road.place()
    for person, error in ((colleague, Refused), (road.operator, Refused), (stranger, NotFound)):
        with pytest.raises(error):
            services.cancel(actor=person.actor, order_id=run.order_id)
    assert commands(road.site, "cancel") == []


def test_owner_colleague_and_stranger(road: Road, colleague: Person, stranger: Person) -> None:
    run = road.place()
    road.say(history(run.id))
    for person in (road.owner, colleague, road.operator):
        assert selectors.run(person.actor, run.id).id == run.id
        assert selectors.run_of_order(person.actor, run.order_id).id == run.id
        assert len(selectors.states(person.actor, run.id)) == 3
        assert selectors.log_text(person.actor, run.id).text == "matching\ndone\n"
    for read in (selectors.run, selectors.states, selectors.log_text):
        with pytest.raises(NotFound):
            read(stranger.actor, run.id)
    with pytest.raises(NotFound):
        selectors.run_of_order(stranger.actor, run.order_id)


def test_the_database_refuses_a_changed_report(road: Road) -> None:
    run = road.place()
    road.say(history(run.id))
    for change in (
        lambda: RunState.objects.update(state="FAILED"),
        lambda: RunLog.objects.update(text=""),
        lambda: RunLog.objects.all().delete(),
        lambda: Run.objects.update(time_limit_s=1),
        lambda: Run.objects.update(ended_at=None),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


ENDS = ["COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED"]


@pytest.mark.parametrize("ended", ENDS)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_order_and_repetition_of_a_history_ends_alike(
    road: Road, ended: str, data: st.DataObject
) -> None:
    """Below the gateway's numbering: the handlers themselves do not depend on it."""
    from hesuan.hub.metering.services import store_usage
    from hesuan.hub.settlement.services import settle

    run = road.place()
    told = history(run.id, ended)
    repeated = told + data.draw(st.lists(st.sampled_from(told), max_size=6))
    agent_id = road.site.agent.id
    for kind, body in data.draw(st.permutations(repeated)):
        if kind == "run_state":
            services.apply_state(agent_id=agent_id, body=body)
        elif kind == "log":
            logs.append_log(agent_id=agent_id, body=body)
        else:
            store_usage(agent_id=agent_id, message_id="m", body=body)
        if data.draw(st.booleans()):
            settle(run.order_id)
    settle(run.order_id)
    run.refresh_from_db()
    settled = Settlement.objects.get(order_id=run.order_id)
    assert (run.state, settled.state, settled.billed_s) == (ended, ended, 21)
    assert settled.charge_fen == (0 if ended == "KILLED" else 420)
    assert selectors.log_text(SYSTEM, run.id).text == "matching\ndone\n"
    assert road.balance().debits_pending == 0
    assert usage(run.id, ended=ended)[1]["wall_ms"] == run.usage.wall_ms
