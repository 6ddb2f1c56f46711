"""The other two addresses: enrolment, and the long poll for commands."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest import mock

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from tests.people import Person
from tests.serving import serving
from tests.sites import Site, enrol_site, make_centre, proof

from hesuan.hub.centres import selectors
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Agent, Centre
from hesuan.hub.gateway.waiting import LOOK_EVERY_S, WATCH, Watch
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.wire import keys


@pytest.fixture
def centre(centre_organisation: Organisation) -> Centre:
    return make_centre(centre_organisation)


@pytest.fixture
def site(centre: Centre) -> Site:
    return enrol_site(centre)


def enrol(issued: str, **changes: object) -> Any:
    private = keys.generate()
    body = {
        "code": issued,
        "name": "agent-1",
        "key": keys.public_text(private),
        "proof": proof(private, code=issued, name="agent-1"),
        **changes,
    }
    return Client().post("/gateway/v1/enrol", body, content_type="application/json")


def leave(site: Site, command_id: str = "c1") -> None:
    centres.command(agent_id=site.agent.id, command_id=command_id, kind="cancel", body={"run": "r"})


def test_an_agent_enrols_over_http(centre: Centre, centre_operator: Person) -> None:
    code = centres.issue_enrolment_code(actor=centre_operator.actor, centre_id=centre.id)
    answer = enrol(code)
    assert answer.status_code == 200
    assert answer.json()["centre"] == centre.id and answer.json()["agent"] == Agent.objects.get().id
    assert enrol(code).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"proof": "AAAA"}, 401, "centre.proof_invalid"),
        ({"key": "ed25519:AAAA"}, 401, "centre.proof_invalid"),
        ({"nmae": "x"}, 422, "message.faults"),
        ({"name": ""}, 422, "message.faults"),
        ({"name": "a\x00b"}, 422, "message.faults"),
        ({"code": 5}, 422, "message.faults"),
    ],
)
def test_a_wrong_enrolment_is_a_problem(centre: Centre, changes: Any, status: int, code: str) -> None:
    issued = centres.issue_enrolment_code(actor=SYSTEM, centre_id=centre.id)
    answer = enrol(issued, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Agent.objects.exists()
    assert enrol(issued).status_code == 200, "the code was not used up"


def test_no_session_and_no_csrf_token_are_needed(site: Site) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(
        "/gateway/v1/commands",
        site.seal("poll", {"after": 0, "wait_s": 0}, seq=0),
        content_type="application/json",
    )
    assert answer.status_code == 200 and not answer.cookies


def test_commands_come_after_the_number_asked_for(site: Site) -> None:
    leave(site, "c1")
    leave(site, "c2")
    answer = site.poll(after=0).json()
    assert [command["id"] for command in answer["commands"]] == ["c1", "c2"]
    assert answer["commands"][0] == {"seq": 1, "id": "c1", "kind": "cancel", "body": {"run": "r"}}
    assert [command["id"] for command in site.poll(after=1).json()["commands"]] == ["c2"]
    assert site.poll(after=2).json()["commands"] == []
    assert Agent.objects.get().acknowledged_seq == 2
    assert len(site.poll(after=0).json()["commands"]) == 2


def test_one_agents_commands_are_hidden_from_another(site: Site, centre: Centre) -> None:
    leave(site)
    assert enrol_site(centre, "agent-2").poll().json()["commands"] == []


@pytest.mark.parametrize(("minutes", "status"), [(0, 200), (4, 200), (-4, 200), (6, 403), (-6, 403)])
def test_an_old_poll_played_again_is_refused(site: Site, minutes: int, status: int) -> None:
    answer = site.poll(at=timezone.now() - timedelta(minutes=minutes))
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "gateway.poll_stale"
        assert set(answer.json()["facts"]) == {"at", "hub_time", "window_s"}
        assert answer.json()["hub_time"].endswith("Z"), "an agent with a wrong clock learns the right time"


def test_a_poll_by_a_wrong_or_revoked_key_is_refused_alike(site: Site) -> None:
    forged = Site(site.agent, keys.generate()).poll()
    centres.revoke_agent(actor=SYSTEM, agent_id=site.agent.id, reason="x")
    revoked = site.poll()
    assert forged.status_code == revoked.status_code == 401
    assert forged.json() | {"hub_time": ""} == revoked.json() | {"hub_time": ""}


def test_acknowledging_the_future_is_refused(site: Site) -> None:
    answer = site.poll(after=3)
    assert (answer.status_code, answer.json()["code"]) == (409, "centre.after_unknown")


@pytest.mark.parametrize("body", [{"after": 0}, {"after": -1, "wait_s": 0}, {"after": 0, "wait_s": 26}])
def test_a_poll_has_a_shape(site: Site, body: dict[str, int]) -> None:
    answer = site.post("commands", site.seal("poll", body, seq=0))
    assert (answer.status_code, answer.json()["code"]) == (422, "message.faults")


def test_only_a_poll_numbered_zero_is_a_poll(site: Site) -> None:
    body = {"after": 0, "wait_s": 0}
    for sealed in (site.seal("poll", body), site.seal("heartbeat", {"running": []}, seq=0)):
        assert site.post("commands", sealed).json()["code"] == "message.faults"


@pytest.mark.django_db(transaction=True)
def test_a_poll_waits_as_long_as_asked_and_no_longer(site: Site) -> None:
    start = time.monotonic()
    assert site.poll(wait_s=1).json()["commands"] == []
    assert 1.0 <= time.monotonic() - start < 15


@pytest.mark.django_db(transaction=True)
def test_a_waiting_poll_is_answered_by_a_command_left_meanwhile(site: Site) -> None:
    """Also shows that waiting holds no write lock: the writer here is another connection."""
    wrote_after: list[float] = []

    def write() -> None:
        try:
            time.sleep(0.5)
            start = time.monotonic()
            leave(site)
            wrote_after.append(time.monotonic() - start)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    start = time.monotonic()
    answer = site.poll(wait_s=20)
    waited = time.monotonic() - start
    writer.join()
    assert [command["id"] for command in answer.json()["commands"]] == ["c1"]
    assert 0.4 < waited < 18 and wrote_after[0] < 10


@pytest.mark.django_db(transaction=True)
def test_many_polls_wait_together_without_a_connection_of_their_own(site: Site) -> None:
    """Twelve polls at one real server: the waiting costs one look for all, in one thread."""
    looked: list[int] = []
    commands_left = selectors.commands_left

    def counted(agent_ids: Collection[str]) -> dict[str, int]:
        looked.append(threading.get_ident())
        return commands_left(agent_ids)

    with (
        mock.patch.object(selectors, "commands_left", counted),
        serving() as address,
        ThreadPoolExecutor(12) as pool,
    ):
        start = time.monotonic()
        sealed = [site.seal("poll", {"after": 0, "wait_s": 25}, seq=0) for _ in range(12)]
        asked = [
            pool.submit(httpx.post, f"{address}/gateway/v1/commands", json=one, timeout=60) for one in sealed
        ]
        while WATCH.count() < 12:
            assert time.monotonic() - start < 20, f"only {WATCH.count()} of 12 wait"
            time.sleep(0.05)
        looked.clear()
        together = time.monotonic()
        time.sleep(1)
        leave(site)
        answers = [one.result().json() for one in asked]
        took_s = time.monotonic() - together
    assert [len(answer["commands"]) for answer in answers] == [1] * 12
    assert took_s < 15, "all were woken by the one command, none ran out its time"
    assert len(set(looked)) == 1, "one thread looks for all"
    assert len(looked) <= took_s / LOOK_EVERY_S + 2, "and looks once for all"


def test_when_the_process_stops_nobody_waits_any_more() -> None:
    async def wait(watch: Watch) -> float:
        start = time.monotonic()
        await watch.wait("agent", after=0, timeout_s=25)
        return time.monotonic() - start

    async def stop() -> tuple[float, float]:
        watch = Watch()
        waiting = asyncio.create_task(wait(watch))
        await asyncio.sleep(0.1)
        assert watch.count() == 1
        watch.end()
        return await waiting, await wait(watch)

    with mock.patch.object(selectors, "commands_left", lambda _: {"agent": 0}):
        assert max(asyncio.run(stop())) < 20
