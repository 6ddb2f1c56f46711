"""Who asks too often waits: per token, per organisation, per network address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from tests.people import Person

from hesuan.hub.identity import limits, services
from hesuan.hub.identity.limits import network_of
from hesuan.hub.identity.rates import BURST_S, Gate

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    limits.forget()
    yield
    limits.forget()


def limited(settings: LazySettings, **rates: int) -> None:
    settings.RATE_LIMITS = {"token": 10**6, "organisation": 10**6, "address": 10**6, **rates}


def statuses(client: Client, times: int, path: str = "/api/v1/me", **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(times)]


def bearer(person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {services.issue_token(actor=person.actor, label='x')[1]}"}


# -- the gate --------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_then_the_even_rate() -> None:
    clock = Clock()
    gate = Gate(60, clock=clock)
    assert [gate.wait_s("a") for _ in range(BURST_S)] == [0] * BURST_S
    assert gate.wait_s("a") == pytest.approx(1)
    clock.now = 1
    assert [gate.wait_s("a"), gate.wait_s("a")] == [0, pytest.approx(1)]
    clock.now = 3600
    assert [gate.wait_s("a") for _ in range(BURST_S + 1)] == [*[0] * BURST_S, pytest.approx(1)]


def test_who_is_refused_is_not_counted_and_others_are_not_held_up() -> None:
    clock = Clock()
    gate = Gate(60, clock=clock)
    for _ in range(1000):
        gate.wait_s("a")
    assert gate.wait_s("b") == 0
    clock.now = 1
    assert gate.wait_s("a") == 0


def test_a_slow_rate_lets_one_through() -> None:
    gate = Gate(1, clock=Clock())
    assert [gate.wait_s("a"), gate.wait_s("a")] == [0, 60]


def test_the_longest_silent_key_is_forgotten_first() -> None:
    gate = Gate(1, clock=Clock(), most_keys=2)
    for key in "abc":
        gate.wait_s(key)
    assert gate.wait_s("a") == 0
    assert gate.wait_s("c") == 60


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_an_address_is_one_households(address: str, network: str) -> None:
    assert network_of(address) == network


# -- over HTTP -------------------------------------------------------------------------------------------


def test_a_token_over_its_rate_waits_and_is_told_how_long(
    owner: Person, stranger: Person, client: Client, settings: LazySettings
) -> None:
    limited(settings, token=10)
    mine, theirs = bearer(owner), bearer(stranger)
    assert statuses(client, 1, **mine) == [200]
    answer = client.get("/api/v1/me", headers={**mine, **ENGLISH})
    assert (answer.status_code, answer.json()["code"]) == (429, "limit.rate_exceeded")
    assert 1 <= int(answer.headers["Retry-After"]) <= 6
    assert answer.json()["detail"].startswith("This token asks more than 10 times a minute.")
    assert statuses(client, 1, **theirs) == [200]


def test_two_tokens_of_one_organisation_share_its_rate(
    owner: Person, colleague: Person, stranger: Person, client: Client, settings: LazySettings
) -> None:
    limited(settings, organisation=20)
    told = statuses(client, 1, **bearer(owner)) + statuses(client, 2, **bearer(colleague))
    assert told == [200, 200, 429]
    assert statuses(client, 1, **bearer(stranger)) == [200]


@pytest.mark.parametrize("path", ["/api/v1/me", "/", "/log/checkpoint", "/gateway/v1/messages"])
def test_an_address_over_its_rate_waits_at_every_door(
    path: str, client: Client, db: None, settings: LazySettings
) -> None:
    limited(settings, address=10)
    assert 429 not in statuses(client, 1, path)
    answer: Any = client.get(path)
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1
    elsewhere = Client(REMOTE_ADDR="198.51.100.7")
    assert elsewhere.get(path).status_code != 429


def test_where_the_limit_is_high_nobody_waits(owner: Person, client: Client, settings: LazySettings) -> None:
    """The control: the same requests, refused above, pass."""
    limited(settings)
    assert set(statuses(client, 20, **bearer(owner))) == {200}
