"""Draining at the hub: who may ask, what is asked once, and what an agent says of itself in any order."""

from __future__ import annotations

from typing import Any

import pytest
from tests.people import Person
from tests.sites import Site, enrol_site, make_centre

from hesuan.errors import Faults, HesuanError, InputFault, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent
from hesuan.hub.gateway import services as gateway
from hesuan.hub.identity.models import Organisation
from hesuan.hub.worker.loop import tick

SINCE = "2026-11-21T08:00:00.000000Z"
WORD = {"since": SINCE, "reason": "new power supply"}
OPEN = {"hub": None, "site": None}


@pytest.fixture
def site(centre_organisation: Organisation) -> Site:
    return enrol_site(make_centre(centre_organisation))


def drain(person: Person, site: Site, reason: str = "new power supply") -> Agent:
    return services.drain_agent(actor=person.actor, agent_id=site.agent.id, reason=reason)


def resume(person: Person, site: Site) -> Agent:
    return services.resume_agent(actor=person.actor, agent_id=site.agent.id)


def left(site: Site) -> list[tuple[str, Any]]:
    return [(one.kind, one.body) for one in services.commands_after(site.agent.id, 0)]


def facts(site: Site) -> list[str]:
    rows = Fact.objects.filter(subject=site.agent.id).exclude(kind="agent.enrolled").order_by("pk")
    return list(rows.values_list("kind", flat=True))


def say(site: Site, body: dict[str, Any]) -> Agent:
    gateway.take_in(sealed=[site.seal("drain_state", body)])
    tick()
    return Agent.objects.get(pk=site.agent.id)


def test_asking_twice_is_asking_once_and_the_first_reason_stands(site: Site, centre_operator: Person) -> None:
    drain(centre_operator, site)
    again = drain(centre_operator, site, "another")
    assert again.drain_asked["reason"] == "new power supply"
    resume(centre_operator, site)
    resume(centre_operator, site)
    drain(centre_operator, site, "  next \n time ")
    reasons = [("drain", {"reason": "new power supply"}), ("resume", {}), ("drain", {"reason": "next time"})]
    assert left(site) == reasons
    assert facts(site) == ["agent.drain_requested", "agent.resume_requested", "agent.drain_requested"]


def test_the_wish_counts_at_once_and_its_end_when_the_agent_has_said_so(
    site: Site, centre_operator: Person
) -> None:
    def takes() -> bool:
        agent = selectors.agent_for(site.agent.centre_id)
        assert agent is not None
        return selectors.takes_work(agent)

    assert takes()
    drain(centre_operator, site)
    assert not takes()
    say(site, {**OPEN, "hub": WORD})
    resume(centre_operator, site)
    assert not takes(), "it may refuse still"
    say(site, OPEN)
    assert takes()
    say(site, {**OPEN, "site": WORD})
    assert not takes(), "what the site says itself counts too"
    assert facts(site) == [
        "agent.drain_requested",
        "agent.drained",
        "agent.resume_requested",
        "agent.resumed",
        "agent.drained",
    ]


def test_of_two_words_the_later_number_counts_whichever_comes_first(site: Site) -> None:
    for seq, body in ((5, OPEN), (4, {**OPEN, "hub": WORD}), (5, OPEN), (3, {**OPEN, "site": WORD})):
        services.record_drain_state(agent_id=site.agent.id, seq=seq, body=body)
    told = Agent.objects.get(pk=site.agent.id)
    assert (told.drain_told, told.drain_seq) == (OPEN, 5) and facts(site) == []


def test_a_word_of_the_wrong_shape_is_refused(site: Site) -> None:
    for wrong in ({"hub": None}, {**OPEN, "site": {"since": "today", "reason": "x"}}, {**OPEN, "more": 1}):
        with pytest.raises(Faults):
            services.record_drain_state(agent_id=site.agent.id, seq=1, body=wrong)
        assert site.send("drain_state", wrong).status_code == 422
        site.seq -= 1


@pytest.mark.parametrize("verb", [drain, resume])
def test_who_may_ask(
    site: Site,
    verb: Any,
    centre_operator: Person,
    platform_operator: Person,
    stranger: Person,
    auditor: Person,
) -> None:
    for person, error in ((stranger, NotFound), (auditor, Refused)):
        with pytest.raises(error):
            verb(person, site)
    assert left(site) == []
    for person in (centre_operator, platform_operator):
        verb(person, site)


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501])
def test_a_reason_is_needed_and_bounded(site: Site, centre_operator: Person, reason: str) -> None:
    with pytest.raises(InputFault) as caught:
        drain(centre_operator, site, reason)
    assert caught.value.code.name == "centre.drain_reason" and left(site) == []


def test_a_revoked_agent_is_asked_nothing(site: Site, centre_operator: Person) -> None:
    services.revoke_agent(actor=centre_operator.actor, agent_id=site.agent.id, reason="sold")
    for verb in (drain, resume):
        with pytest.raises(HesuanError) as caught:
            verb(centre_operator, site)
        assert caught.value.code.name == "centre.agent_revoked"
