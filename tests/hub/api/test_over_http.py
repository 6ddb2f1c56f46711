"""The last money and the lost answer over real HTTP: a real server, real sockets, sixteen clients at once.

Every message of twenty is delivered sixteen times in a shuffled order, and every third client hangs up
before its answer: one effect each, and whoever listens is told the same (T5); ``HESUAN_HTTP_TRIALS`` times
over, each in another disorder (``make soak``: a thousand). Sixteen who want the last of a balance get what is
there, and not one fen more. The controls take away the table of keys and see the effects doubled.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from tests.hub.api.world import make_world
from tests.people import Person
from tests.serving import serving

from hesuan.hub.api import idempotency
from hesuan.hub.api.models import ApiRequest
from hesuan.hub.identity import services as identity
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.market import services as market
from hesuan.hub.market.models import Deposit, Order
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS, MESSAGES, WINNERS = 16, 20, 3
TRIALS = int(os.environ.get("HESUAN_HTTP_TRIALS", "3"))


@dataclass(frozen=True)
class Message:
    """One request, told apart by its key."""

    path: str
    token: str
    body: bytes
    key: str


def send(hub: str, message: Message, *, listen: bool) -> tuple[int, bytes] | None:
    """What the hub answered; ``None`` where the client hung up after its request."""
    wire = http.client.HTTPConnection(urlsplit(hub).netloc, timeout=240)
    headers = {
        "Authorization": f"Bearer {message.token}",
        "Content-Type": "application/json",
        "Idempotency-Key": message.key,
    }
    try:
        wire.request("POST", f"/api/v1{message.path}", message.body, headers)
        if not listen:
            return None
        answer = wire.getresponse()
        return answer.status, answer.read()
    finally:
        wire.close()


def at_once(hub: str, deliveries: list[tuple[Message, bool]]) -> list[tuple[Message, tuple[int, bytes]]]:
    """Everything by sixteen clients at one moment; who is told that it is in flight asks again."""
    start = threading.Barrier(CLIENTS)

    def client(n: int) -> list[tuple[Message, tuple[int, bytes]]]:
        start.wait(timeout=240)
        told = []
        for message, listens in deliveries[n::CLIENTS]:
            answer = send(hub, message, listen=listens)
            while answer is not None and b"api.in_flight" in answer[1]:
                answer = send(hub, message, listen=True)
            if answer is not None:
                told.append((message, answer))
        return told

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [one for told in pool.map(client, range(CLIENTS)) for one in told]


def deposits(operator: Person, owner: Person, *, trials: int = 1) -> list[list[Message]]:
    """Distinct payments in, each its own amount, trial by trial."""
    token = identity.issue_token(actor=operator.actor, label="test")[1]
    path = f"/organisations/{owner.organisation.id}/deposits"
    every = [
        Message(path, token, json.dumps({"amount_yuan": f"{n}.00"}).encode(), f"payment-{n}")
        for n in range(1, MESSAGES * trials + 1)
    ]
    return [every[at : at + MESSAGES] for at in range(0, len(every), MESSAGES)]


def delivered_sixteen_times(messages: list[Message], seed: int = 7) -> list[tuple[Message, bool]]:
    """Each sixteen times, every third without waiting for the answer, in a disorder that the seed fixes."""
    every = [(message, n % 3 != 2) for message in messages for n in range(CLIENTS)]
    random.Random(seed).shuffle(every)
    return every


def test_everything_sixteen_times_with_lost_answers_has_one_effect(
    platform_operator: Person, owner: Person
) -> None:
    by_key: dict[str, set[tuple[int, bytes]]] = {}
    heard = 0
    with serving() as hub:
        for trial, messages in enumerate(deposits(platform_operator, owner, trials=TRIALS)):
            told = at_once(hub, delivered_sixteen_times(messages, seed=trial))
            told += [(message, answer) for message in messages if (answer := send(hub, message, listen=True))]
            heard += len(told)
            for message, answer in told:
                by_key.setdefault(message.key, set()).add(answer)
    assert {len(answers) for answers in by_key.values()} == {1}
    assert [status for answers in by_key.values() for status, _ in answers] == [201] * MESSAGES * TRIALS
    assert sorted(Deposit.objects.values_list("amount_fen", flat=True)) == [
        n * 100 for n in range(1, MESSAGES * TRIALS + 1)
    ]
    print(
        f"{TRIALS} trials of {MESSAGES} messages delivered {CLIENTS} times, {heard} answers heard, 0 doubled"
    )


def test_without_the_table_of_keys_a_repetition_pays_again(
    platform_operator: Person, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same deliveries to a hub that remembers no key."""

    def forgetful(**_: object) -> ApiRequest:
        return copy(ApiRequest(tenant=owner.identity.id, object_id=new_id(), fingerprint="-"))

    def unkept(row: ApiRequest, response: HttpResponse) -> None:
        row.status, row.content_type = 201, "application/json"
        row.response = response.content

    monkeypatch.setattr(idempotency, "_claim", forgetful)
    monkeypatch.setattr(idempotency, "_finish", unkept)
    messages = deposits(platform_operator, owner)[0][:1]
    with serving() as hub:
        at_once(hub, delivered_sixteen_times(messages))
    assert Deposit.objects.count() > 1


def test_sixteen_who_want_the_last_money_get_what_is_there(
    platform_operator: Person, owner: Person, centre_operator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Money for three orders, sixteen quotes accepted at one moment, each by a key of its own."""
    monkeypatch.setattr("tests.hub.api.world.pay_in", lambda _: None)
    world = make_world(owner, centre_operator, platform_operator)
    quotes = [world.quote_for(owner) for _ in range(CLIENTS)]
    (held_fen,) = {one.document["copay_max_fen"] for one in quotes}
    market.deposit(
        actor=SYSTEM,
        organisation_id=owner.organisation.id,
        amount_fen=held_fen * (WINNERS + 1) - 1,
        deposit_id=new_id(),
    )
    token = identity.issue_token(actor=owner.actor, label="test")[1]
    wanted = [(Message(f"/quotes/{one.id}/accept", token, b"{}", new_id()), True) for one in quotes]
    with serving() as hub:
        told = at_once(hub, wanted)
    codes = Counter(status if status == 201 else json.loads(body)["code"] for _, (status, body) in told)
    assert codes == {201: WINNERS, "order.balance_insufficient": CLIENTS - WINNERS}
    assert Order.objects.count() == WINNERS
