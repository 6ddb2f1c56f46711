"""Commands: durable, numbered without gaps in the order of commits, the same id is the same command."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from tests.people import Person
from tests.sites import Site, enrol_site, inventory_body, make_centre

from hesuan.errors import Conflict, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent, Command
from hesuan.hub.identity.models import Organisation
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id


@pytest.fixture
def site(centre_organisation: Organisation) -> Site:
    return enrol_site(make_centre(centre_organisation))


def leave(site: Site, command_id: str, run: str = "r1") -> Command:
    return services.command(agent_id=site.agent.id, command_id=command_id, kind="cancel", body={"run": run})


def test_commands_are_numbered_per_agent_and_read_after_a_number(site: Site) -> None:
    other = enrol_site(site.agent.centre, "agent-2")
    leave(site, "c1")
    leave(other, "d1")
    leave(site, "c2")
    assert [(c.seq, c.id) for c in services.commands_after(site.agent.id, 0)] == [(1, "c1"), (2, "c2")]
    assert [c.id for c in services.commands_after(site.agent.id, 1)] == ["c2"]
    assert [c.seq for c in services.commands_after(other.agent.id, 0)] == [1]


def test_the_same_id_is_the_same_command(site: Site) -> None:
    assert leave(site, "c1") == leave(site, "c1")
    assert Command.objects.count() == 1
    assert Agent.objects.get(pk=site.agent.id).last_command_seq == 1


def test_the_same_id_with_other_content_or_another_agent_is_refused(site: Site) -> None:
    other = enrol_site(site.agent.centre, "agent-2")
    leave(site, "c1")
    for conflicting in (lambda: leave(site, "c1", run="r2"), lambda: leave(other, "c1")):
        with pytest.raises(Conflict) as caught:
            conflicting()
        assert caught.value.code.name == "centre.command_conflict"


def test_acknowledged_commands_are_kept_and_acknowledgement_never_goes_back(site: Site) -> None:
    leave(site, "c1")
    leave(site, "c2")
    now = timezone.now()
    services.seen(agent_id=site.agent.id, at=now, acknowledged_seq=2)
    services.seen(agent_id=site.agent.id, at=now - timedelta(hours=1), acknowledged_seq=1)
    agent = Agent.objects.get(pk=site.agent.id)
    assert (agent.acknowledged_seq, agent.last_seen_at) == (2, now)
    assert Command.objects.count() == 2
    assert len(selectors.commands_after(agent.id, 0)) == 2, "an agent that lost its spool gets them again"


def test_acknowledging_what_was_never_sent_is_refused_loudly(site: Site) -> None:
    leave(site, "c1")
    with pytest.raises(Conflict) as caught:
        services.seen(agent_id=site.agent.id, at=timezone.now(), acknowledged_seq=7)
    assert caught.value.facts == {"after": 7, "last": 1}
    with pytest.raises(IntegrityError), transaction.atomic():
        Agent.objects.filter(pk=site.agent.id).update(acknowledged_seq=7)


def test_a_new_app_is_measured_once_per_agent_and_version(site: Site) -> None:
    def observe(digest: str, cores: int = 4) -> list[str]:
        apps: list[Json] = [{"name": "omics-match", "digest": digest, "work_unit": "sample"}]
        body = inventory_body(apps=apps, cores=cores)
        services.record_inventory(agent_id=site.agent.id, message_id=new_id(), body=body)
        return [command.kind for command in services.commands_after(site.agent.id, 0)]

    assert observe("sha256:aa") == ["benchmark"]
    assert observe("sha256:aa", cores=8) == ["benchmark"]
    assert observe("sha256:bb") == ["benchmark", "benchmark"]
    (first, _) = services.commands_after(site.agent.id, 0)
    assert first.body == {"app": "omics-match"} and len(first.id) <= 64


def test_the_operator_has_an_app_measured_again(
    site: Site, centre_operator: Person, stranger: Person, auditor: Person
) -> None:
    def ask(person: Person, request_id: str = "r1") -> Command:
        return services.request_benchmark(
            actor=person.actor, centre_id=site.agent.centre_id, app="omics-match", request_id=request_id
        )

    assert ask(centre_operator) == ask(centre_operator)
    assert Fact.objects.filter(kind="centre.benchmark_requested").count() == 1
    with pytest.raises(NotFound):
        ask(stranger)
    with pytest.raises(Refused):
        ask(auditor)
    services.revoke_agent(actor=centre_operator.actor, agent_id=site.agent.id, reason="x")
    with pytest.raises(NotFound) as caught:
        ask(centre_operator, "r2")
    assert caught.value.code.name == "centre.no_agent"


@pytest.mark.django_db(transaction=True)
def test_a_reader_of_what_comes_after_n_misses_nothing_while_writers_race(site: Site) -> None:
    """Without the lock on the agent, a number could be committed after a later one was read."""
    writers, each = 8, 12
    seen: list[int] = []
    done = threading.Event()

    def write(writer: int) -> None:
        try:
            for i in range(each):
                leave(site, f"w{writer}-{i}")
        finally:
            connection.close()

    def read() -> None:
        try:
            while not done.is_set() or services.commands_after(site.agent.id, seen[-1] if seen else 0):
                seen.extend(c.seq for c in services.commands_after(site.agent.id, seen[-1] if seen else 0))
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in [reader, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    assert seen == list(range(1, writers * each + 1))
