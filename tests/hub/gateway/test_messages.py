"""Messages: signature first, stored once, nothing in between."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from tests.sites import Site, benchmark_body, enrol_site, inventory_body, make_centre

from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Agent
from hesuan.hub.gateway import selectors, services, shapes
from hesuan.hub.gateway.bell import ARRIVALS, Bell
from hesuan.hub.gateway.models import Contradiction, InboxMessage
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.wire import keys
from hesuan.wire.canonical import canonical
from hesuan.wire.ids import new_id
from hesuan.wire.messages import open_sealed

BEAT = {"running": []}


@pytest.fixture
def site(centre_organisation: Organisation) -> Site:
    return enrol_site(make_centre(centre_organisation))


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code and body["detail"] and body["detail_zh"]
    assert body["type"].endswith(body["code"])
    return answer.status_code, body["code"]


def test_a_message_is_stored_as_evidence_and_waits_for_the_worker(site: Site) -> None:
    sealed = site.seal("inventory", inventory_body())
    answer = site.post("messages", {"messages": [sealed]})
    assert answer.status_code == 200 and answer.json()["stored_through"] == 1
    assert answer.json()["hub_time"].endswith("Z")
    (row,) = selectors.unhandled()
    assert (row.agent_id, row.seq, row.kind, row.fault) == (site.agent.id, 1, "inventory", "")
    assert bytes(row.raw) == canonical(sealed)
    assert open_sealed(sealed, site.agent.public_key).body == row.body
    agent = Agent.objects.get()
    assert agent.last_seq == 1 and agent.last_seen_at is not None


def test_a_batch_sent_again_changes_nothing(site: Site) -> None:
    sent = {"messages": [site.seal("heartbeat", BEAT) for _ in range(3)]}
    assert [site.post("messages", sent).json()["stored_through"] for _ in range(3)] == [3, 3, 3]
    longer = {"messages": [*sent["messages"], site.seal("heartbeat", BEAT)]}
    assert site.post("messages", longer).json()["stored_through"] == 4
    assert InboxMessage.objects.count() == 4


def test_a_gap_names_the_expected_number_and_stores_nothing(site: Site) -> None:
    site.send("heartbeat", BEAT)
    answer = site.post("messages", {"messages": [site.seal("heartbeat", BEAT, seq=3)]})
    assert problem(answer) == (409, "gateway.gap")
    assert answer.json()["facts"] == {"expected_seq": 2, "got_seq": 3}
    assert InboxMessage.objects.count() == 1


def test_other_content_under_one_number_is_refused_and_kept_and_told_once(site: Site) -> None:
    site.send("heartbeat", BEAT)
    other = {"messages": [site.seal("heartbeat", {"running": [new_id()]}, seq=1)]}
    for _ in range(3):
        assert problem(site.post("messages", other)) == (409, "gateway.contradiction")
    assert InboxMessage.objects.get().body == BEAT
    assert Contradiction.objects.count() == 1
    assert Fact.objects.filter(kind="agent.contradicted", subject=site.agent.id).count() == 1


def test_numbers_in_a_batch_rise_by_one(site: Site) -> None:
    first, second = site.seal("heartbeat", BEAT), site.seal("heartbeat", BEAT)
    for messages in ([second, first], [first, first]):
        assert problem(site.post("messages", {"messages": messages})) == (400, "gateway.not_consecutive")
    zero = site.seal("heartbeat", BEAT, seq=0)
    assert problem(site.post("messages", {"messages": [zero]})) == (400, "gateway.not_consecutive")


def test_unknown_revoked_and_forged_are_told_alike(site: Site) -> None:
    message = site.seal("heartbeat", BEAT, seq=1)
    signature = keys.sign(keys.generate(), domain="hesuan-message-v1", value=message["message"])
    forged = {**message, "signature": signature}
    ghost = Site(Agent(id=new_id()), site.private)
    answers = [site.post("messages", {"messages": [forged]}), ghost.send("heartbeat", BEAT)]
    centres.revoke_agent(actor=SYSTEM, agent_id=site.agent.id, reason="stolen")
    answers.append(site.post("messages", {"messages": [message]}))
    bodies = [answer.json() | {"hub_time": ""} for answer in answers]
    assert [problem(answer) for answer in answers] == [(401, "gateway.not_recognised")] * 3
    assert bodies[0] == bodies[1] == bodies[2]
    assert not InboxMessage.objects.exists()


def test_one_changed_word_breaks_the_signature(site: Site) -> None:
    sealed: Any = site.seal("benchmark", benchmark_body())
    sealed["message"]["body"]["points"][0]["wall_ms"] -= 1
    assert problem(site.post("messages", {"messages": [sealed]})) == (401, "gateway.not_recognised")


def test_a_key_of_one_centre_signs_for_no_other(site: Site, centre_organisation: Organisation) -> None:
    """Negative control: the same words signed by the right key are stored, under that agent's id."""
    thief = enrol_site(make_centre(centre_organisation, "Luoyang"))
    assert problem(Site(site.agent, thief.private).send("heartbeat", BEAT)) == (401, "gateway.not_recognised")
    assert thief.send("heartbeat", BEAT).status_code == 200
    assert InboxMessage.objects.get().agent_id == thief.agent.id


def test_one_batch_is_one_agents(site: Site, centre_organisation: Organisation) -> None:
    other = enrol_site(make_centre(centre_organisation, "Luoyang"))
    mixed = [site.seal("heartbeat", BEAT), other.seal("heartbeat", BEAT)]
    assert problem(site.post("messages", {"messages": mixed})) == (400, "gateway.not_one_agent")


def test_signature_comes_before_shape(site: Site) -> None:
    """A stranger learns nothing of shapes; the agent itself learns every fault at once."""
    wrong = {"runing": [], "x": 1}
    assert problem(Site(site.agent, keys.generate()).send("heartbeat", wrong))[0] == 401
    answer = site.send("heartbeat", wrong)
    assert problem(answer) == (422, "message.faults")
    faults = answer.json()["faults"]
    assert {fault["code"] for fault in faults} == {"message.key_missing", "input.unknown_key"}
    assert any("Did you mean `running`?" in fault["detail"] for fault in faults)
    assert all(fault["where"] == "messages.0.body" for fault in faults)


@pytest.mark.parametrize("kind", ["poll", "gossip"])
def test_a_kind_nobody_handles_is_refused(site: Site, kind: str) -> None:
    assert problem(site.send(kind, {})) == (422, "message.faults")


def test_a_hub_older_than_its_agent_refuses_all_that_came_together_and_takes_it_once_it_is_renewed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drained: dict[str, Any] = {"hub": None, "site": None}
    sent = {"messages": [site.seal("heartbeat", BEAT), site.seal("drain_state", drained)]}
    shape = shapes.MESSAGES["drain_state"]
    with monkeypatch.context() as before:
        before.delitem(shapes.MESSAGES, "drain_state")
        answer = site.post("messages", sent)
        assert problem(answer) == (422, "message.faults") and not InboxMessage.objects.exists()
        assert [fault["where"] for fault in answer.json()["faults"]] == ["messages.1.kind"]
    assert shapes.MESSAGES["drain_state"] is shape
    assert site.post("messages", sent).json()["stored_through"] == 2


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b" ", 400, "gateway.not_json"),
        (b"{", 400, "gateway.not_json"),
        (b"\xff", 400, "gateway.not_json"),
        (b'{"messages": 1.5}', 400, "gateway.not_json"),
        (b'{"messages": NaN}', 400, "gateway.not_json"),
        (b'{"messages": [], "messages": []}', 400, "gateway.not_json"),
        (b"[" * 100_000, 400, "gateway.not_json"),
        (b"[" * 40 + b"]" * 40, 400, "gateway.not_json"),
        (b"[]", 422, "message.faults"),
        (b'{"messages": []}', 422, "message.faults"),
        (b'{"messages": [1], "mesages": []}', 422, "message.faults"),
        (b'{"messages": [1]}', 400, "message.malformed"),
        (b'{"messages": [{"message": {}, "signature": ""}]}', 400, "message.malformed"),
        (b'{"messages": ["\\ud800"]}', 400, "message.malformed"),
    ],
)
def test_what_is_not_a_batch_is_a_problem_and_never_a_crash(
    site: Site, data: bytes, status: int, code: str
) -> None:
    answer = site.client.post("/gateway/v1/messages", data, content_type="application/json")
    assert problem(answer) == (status, code)


def test_size_type_and_method(site: Site) -> None:
    post = site.client.post
    large = b'"' + b"x" * 1024 * 1024 + b'"'
    for address in ("enrol", "messages", "commands"):
        url = f"/gateway/v1/{address}"
        assert problem(post(url, large, content_type="application/json")) == (413, "gateway.too_large")
        assert problem(post(url, {"a": "b"})) == (415, "gateway.not_of_type")
        assert problem(site.client.get(url)) == (405, "gateway.not_this_method")


def test_a_hundred_and_one_messages_are_too_many(site: Site) -> None:
    answer = site.post("messages", {"messages": [1] * 101})
    assert problem(answer) == (422, "message.faults")


def test_a_program_may_print_a_zero_byte(site: Site) -> None:
    """PostgreSQL's JSON cannot hold U+0000; the message must not block the spool, nor lose its proof."""
    sealed = site.seal("log", {"run": new_id(), "offset": 0, "text": "a\x00b"})
    assert site.post("messages", {"messages": [sealed]}).status_code == 200
    row = InboxMessage.objects.get()
    assert row.body["text"] == "a\ufffdb" and bytes(row.raw) == canonical(sealed)
    assert site.post("messages", {"messages": [sealed]}).json()["stored_through"] == 1


def test_an_id_with_a_zero_byte_is_simply_unknown(site: Site) -> None:
    sealed: Any = site.seal("heartbeat", BEAT)
    sealed["message"]["agent"] = "a\x00b"
    assert problem(site.post("messages", {"messages": [sealed]})) == (401, "gateway.not_recognised")


def test_a_message_is_handled_once_and_a_fault_keeps_its_place(site: Site) -> None:
    site.send("heartbeat", BEAT)
    site.send("heartbeat", BEAT)
    first, second = selectors.unhandled()
    services.note_fault(message_id=first.id, fault="handler failed")
    assert [(row.seq, row.attempts, row.fault) for row in selectors.unhandled()] == [
        (1, 1, "handler failed"),
        (2, 0, ""),
    ]
    assert services.mark_handled(message_id=first.id, fault="given up")
    assert not services.mark_handled(message_id=first.id)
    services.note_fault(message_id=first.id, fault="late")
    assert selectors.message(first.id).fault == "given up"
    assert selectors.unhandled() == [second]


def test_the_bell_rings_after_the_commit_only(
    site: Site, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell()
    monkeypatch.setattr(services, "ARRIVALS", bell)
    with django_capture_on_commit_callbacks(execute=False) as waiting:
        site.send("heartbeat", BEAT)
        assert not bell.wait(0)
    for ring in waiting:
        ring()
    assert bell.wait(0) and not bell.wait(0)
    assert ARRIVALS is not bell


def test_the_database_itself_refuses_a_number_twice(site: Site) -> None:
    """Negative control: with the decision taken away, the table still stands."""
    site.send("heartbeat", BEAT)
    row = InboxMessage.objects.get()
    row.pk = new_id()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_sixteen_deliveries_of_everything_in_any_order_by_threads_store_each_once(site: Site) -> None:
    sealed = [site.seal("heartbeat", {"running": [new_id()]}) for _ in range(12)]
    outcomes: list[int] = []

    def deliver(seed: int) -> None:
        order = random.Random(seed)
        waiting = list(sealed)
        try:
            while waiting:
                order.shuffle(waiting)
                for message in list(waiting):
                    try:
                        services.take_in(sealed=[message])
                    except services.Conflict as error:
                        assert error.code is services.GAP
                        outcomes.append(409)
                    else:
                        outcomes.append(200)
                        waiting.remove(message)
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = InboxMessage.objects.order_by("seq")
    assert [bytes(row.raw) for row in rows] == [canonical(message) for message in sealed]
    assert outcomes.count(200) == 16 * 12
    assert Agent.objects.get().last_seq == 12
    assert not Contradiction.objects.exists()
