"""Centres: registered, admitted, seen by some."""

from __future__ import annotations

import pytest
from tests.people import Person, make_person
from tests.sites import APP_DIGEST, benchmark_body, enrol_site, inventory_body, make_centre

from hesuan.errors import Faults, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.comparing import Compared
from hesuan.hub.centres.models import Capacity, Centre, Inventory
from hesuan.hub.identity.models import Organisation
from hesuan.hub.worker.loop import tick
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id


@pytest.fixture
def applied(centre_organisation: Organisation) -> Centre:
    return make_centre(centre_organisation, admitted=False)


@pytest.fixture
def centre(centre_organisation: Organisation) -> Centre:
    return make_centre(centre_organisation, "Luoyang")


def register(person: Person, organisation: Organisation, *, city: str = "Zhengzhou") -> Centre:
    return services.register_centre(
        actor=person.actor, organisation_id=organisation.id, name="East", city=city
    )


def test_an_operator_registers_once(centre_operator: Person, centre_organisation: Organisation) -> None:
    first = register(centre_operator, centre_organisation)
    assert first.state == "applied"
    assert register(centre_operator, centre_organisation) == first
    assert Fact.objects.filter(kind="centre.registered").count() == 1
    with pytest.raises(Refused) as caught:
        register(centre_operator, centre_organisation, city="Kaifeng")
    assert caught.value.code.name == "centre.name_taken"


def test_who_may_not_register(
    centre_operator: Person, centre_organisation: Organisation, stranger: Person, auditor: Person
) -> None:
    colleague = make_person("cai", centre_organisation, "member")
    for person in (colleague, auditor):
        with pytest.raises(Refused) as caught:
            register(person, centre_organisation)
        assert caught.value.code.name == "centre.role_missing"
    with pytest.raises(NotFound):
        register(stranger, centre_organisation)
    assert not Centre.objects.exists()


def test_the_platform_admits_and_twice_is_once(
    applied: Centre, platform_operator: Person, centre_operator: Person, stranger: Person
) -> None:
    with pytest.raises(Refused) as caught:
        services.admit_centre(actor=centre_operator.actor, centre_id=applied.id)
    assert caught.value.code.name == "centre.role_missing"
    with pytest.raises(NotFound):
        services.admit_centre(actor=stranger.actor, centre_id=applied.id)
    for _ in range(2):
        assert services.admit_centre(actor=platform_operator.actor, centre_id=applied.id).state == "admitted"
    assert Fact.objects.filter(kind="centre.admitted").count() == 1


def test_an_applied_centre_is_hidden_and_an_admitted_one_is_public(
    applied: Centre, centre: Centre, stranger: Person, centre_operator: Person, auditor: Person
) -> None:
    colleague = make_person("cai", centre_operator.organisation, "member")
    assert selectors.centres(stranger.actor) == [centre]
    for person in (centre_operator, colleague, auditor):
        assert set(selectors.centres(person.actor)) == {applied, centre}
    with pytest.raises(NotFound):
        selectors.centre(stranger.actor, applied.id)
    assert selectors.centre(stranger.actor, centre.id) == centre


def test_a_stranger_reads_the_machine_and_not_its_host_nor_its_agents(
    centre: Centre, stranger: Person, centre_operator: Person
) -> None:
    site = enrol_site(centre)
    services.record_inventory(agent_id=site.agent.id, message_id=new_id(), body=inventory_body())
    mine = selectors.inventory(centre_operator.actor, centre.id)
    theirs = selectors.inventory(stranger.actor, centre.id)
    assert mine and mine.body["host"] == "node-1"
    assert theirs and "host" not in theirs.body and theirs.body["cores"] == 4
    assert selectors.agents(centre_operator.actor, centre.id) == [site.agent]
    for inside in (selectors.agents, selectors.inventory_history):
        with pytest.raises(NotFound):
            inside(stranger.actor, centre.id)


def test_inventory_is_a_history_of_changes(centre: Centre, centre_operator: Person) -> None:
    agent = enrol_site(centre).agent
    first, again, grown = new_id(), new_id(), new_id()
    services.record_inventory(agent_id=agent.id, message_id=first, body=inventory_body())
    services.record_inventory(agent_id=agent.id, message_id=again, body=inventory_body())
    services.record_inventory(agent_id=agent.id, message_id=grown, body=inventory_body(cores=8))
    services.record_inventory(agent_id=agent.id, message_id=first, body=inventory_body())
    history = selectors.inventory_history(centre_operator.actor, centre.id)
    assert [row.id for row in history] == [grown, first]
    assert Fact.objects.filter(kind="centre.inventory_observed").count() == 2


def test_declared_stands_beside_observed(centre: Centre, centre_operator: Person, stranger: Person) -> None:
    agent = enrol_site(centre).agent
    services.record_inventory(agent_id=agent.id, message_id=new_id(), body=inventory_body())
    declared = services.declare_inventory(
        actor=centre_operator.actor, centre_id=centre.id, body=inventory_body(cores=64)
    )
    assert selectors.inventory(stranger.actor, centre.id, Inventory.Source.DECLARED) == declared
    observed = selectors.inventory(stranger.actor, centre.id)
    assert observed and observed.body["cores"] == 4
    with pytest.raises(NotFound):
        services.declare_inventory(actor=stranger.actor, centre_id=centre.id, body=inventory_body())


def test_differences_between_declared_and_observed_are_named(centre: Centre, centre_operator: Person) -> None:
    agent = enrol_site(centre).agent
    services.record_inventory(agent_id=agent.id, message_id=new_id(), body=inventory_body())
    assert selectors.differences(centre_operator.actor, centre.id) == []
    services.declare_inventory(
        actor=centre_operator.actor, centre_id=centre.id, body=inventory_body(cores=64, host="elsewhere")
    )
    assert selectors.differences(centre_operator.actor, centre.id) == [Compared("cores", "", 64, 4, True)]


EXTENT: dict[str, Json] = {
    "nodes": {
        "total": 2,
        "groups": [
            {
                "count": 2,
                "names": ["n1", "n2"],
                "state": "in_service",
                "reason": "",
                "cores": 16,
                "memory_bytes": 2**36,
                "cards": [{"chip": "Ascend 910C", "count": 8, "memory_bytes": None}],
                "features": [],
                "queues": ["train"],
            }
        ],
    },
    "queues": [
        {
            "name": "train",
            "state": "open",
            "is_default": True,
            "longest_s": 3600,
            "nodes": 2,
            "cores": 32,
            "limits": {"MaxTime": "01:00:00"},
        }
    ],
    "topology": {
        "kind": "tree",
        "switches": [{"name": "leaf1", "level": 0, "nodes": "n[1-2]", "switches": ""}],
    },
    "limits": [{"account": "research", "user": "hesuan", "limits": {"MaxJobs": "4"}}],
    "qos": [{"name": "normal", "limits": {"MaxWall": "01:00:00"}}],
}


def test_how_a_centre_is_built_within_is_told_to_who_may_look_inside(
    centre: Centre, centre_operator: Person, stranger: Person
) -> None:
    agent = enrol_site(centre).agent
    services.record_inventory(agent_id=agent.id, message_id=new_id(), body=inventory_body(**EXTENT))
    mine = selectors.inventory(centre_operator.actor, centre.id)
    theirs = selectors.inventory(stranger.actor, centre.id)
    assert mine and mine.body == inventory_body(**EXTENT)
    assert theirs and theirs.body.keys() == inventory_body().keys() - {"host"}


def test_the_newest_capacity_stands_in_the_place_of_the_last(
    centre: Centre, centre_operator: Person, stranger: Person
) -> None:
    site = enrol_site(centre)
    free: dict[str, Json] = {"at": "2026-11-21T08:00:00.000000Z", "queues": [], "cards": [], "starts": []}
    assert selectors.capacity(centre_operator.actor, centre.id) is None
    facts = Fact.objects.count()
    for hour in (8, 9):
        body = {**free, "at": f"2026-11-21T0{hour}:00:00.000000Z"}
        assert site.send("capacity", body).status_code == 200
        tick()
    (row,) = Capacity.objects.all()
    assert (row.agent_id, row.centre_id, row.at.hour) == (site.agent.id, centre.id, 9)
    assert selectors.capacity(centre_operator.actor, centre.id) == row
    assert Fact.objects.count() == facts, "it is no fact of the log"
    with pytest.raises(NotFound):
        selectors.capacity(stranger.actor, centre.id)
    services.revoke_agent(actor=centre_operator.actor, agent_id=site.agent.id, reason="gone")
    assert selectors.capacity(centre_operator.actor, centre.id) is None
    assert site.send("capacity", {**free, "free": 1}).status_code != 200
    with pytest.raises(Faults, match="free"):
        services.record_capacity(agent_id=site.agent.id, body={**free, "free": 1})


def test_every_fault_of_an_inventory_is_returned_at_once(centre: Centre) -> None:
    body = inventory_body(cores=0, enigne="x", host="a\nb", scripts_allowed=1)
    del body["engine"]
    with pytest.raises(Faults) as caught:
        services.record_inventory(agent_id=enrol_site(centre).agent.id, message_id=new_id(), body=body)
    text = str(caught.value)
    assert len(caught.value.faults) == 5
    for piece in (
        "body.cores",
        "Did you mean `engine`?",
        "`engine` is missing",
        "body.host",
        "true or false",
    ):
        assert piece in text
    assert not Inventory.objects.exists()


def test_what_the_newest_inventory_says_of_apps_and_scripts(centre: Centre) -> None:
    assert not selectors.allows_scripts(centre.id)
    assert selectors.app_digest_at(centre.id, "omics-match") is None
    agent = enrol_site(centre).agent
    services.record_inventory(agent_id=agent.id, message_id=new_id(), body=inventory_body())
    assert not selectors.allows_scripts(centre.id)
    assert str(selectors.app_digest_at(centre.id, "omics-match")).startswith("sha256:")
    assert selectors.app_digest_at(centre.id, "other") is None
    services.record_inventory(
        agent_id=agent.id, message_id=new_id(), body=inventory_body(scripts_allowed=True, apps=[])
    )
    assert selectors.allows_scripts(centre.id)
    assert selectors.app_digest_at(centre.id, "omics-match") is None


def test_benchmarks_are_public_and_the_runs_of_others_are_not(
    centre: Centre, stranger: Person, centre_operator: Person
) -> None:
    agent = enrol_site(centre).agent
    services.record_benchmark(agent_id=agent.id, message_id=new_id(), body=benchmark_body())
    services.add_measured_run(
        run_id=new_id(),
        agent_id=agent.id,
        app="omics-match",
        app_digest=APP_DIGEST,
        cores=2,
        units=7,
        wall_ms=900,
    )
    assert [row.source for row in selectors.benchmarks(stranger.actor, centre.id)] == ["benchmark"]
    assert len(selectors.benchmarks(centre_operator.actor, centre.id)) == 2


def test_memory_that_cannot_be_seen_is_unknown_and_not_zero(centre: Centre) -> None:
    agent = enrol_site(centre).agent
    services.record_inventory(agent_id=agent.id, message_id=new_id(), body=inventory_body(memory_bytes=None))
    with pytest.raises(Faults):
        services.record_inventory(agent_id=agent.id, message_id=new_id(), body=inventory_body(memory_bytes=0))
