"""A15: who sends more than any person does is refused at the door, flagged, and stopped from ordering."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.surveillance.market_rows import raised
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.flags import calls
from hesuan.hub.flags.models import CallCount
from hesuan.hub.identity import limits, services

World = Callable[..., ClaimWorld]
ADDRESS = "/api/v1/quotes/none/accept"
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""Midday at the programmes' place."""


class Clock:
    """The doors' clock, which the test moves."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr(calls, "timezone", SimpleNamespace(now=made.now))
    calls.forget()
    yield made
    calls.forget()


def send(person: Person, times: int, *, over_s: int = 1, clock: Clock) -> int:
    """Submissions spread evenly over some seconds; returns how many were refused."""
    refused = 0
    for number in range(times):
        clock.at = NOON + timedelta(seconds=number * over_s // times)
        try:
            calls.note(person.identity.id, "POST")
        except Refused as refusal:
            assert refusal.code.name == "limit.flooding"
            refused += 1
    return refused


def bearer(person: Person) -> dict[str, str]:
    token = services.issue_token(actor=person.actor, label="x")[1]
    return {"Authorization": f"Bearer {token}", "Accept-Language": "en"}


def test_the_300th_in_a_second_is_answered_429_at_every_door_and_the_next_second_passes(
    world: World, clock: Clock
) -> None:
    here = world()
    owner, headers = here.road.owner, bearer(here.road.owner)
    assert send(owner, 299, clock=clock) == 0
    clock.at = NOON
    answer = owner.client.post(ADDRESS, {}, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "limit.flooding", "1")
    assert owner.client.post("/quotes/new/").status_code == 429
    assert owner.client.get("/api/v1/me", headers=headers).status_code == 200, "reading is not counted"
    clock.at = NOON + timedelta(seconds=1)
    answer = owner.client.post(ADDRESS, {}, content_type="application/json", headers=headers)
    assert answer.status_code != 429


def test_a_flooded_account_is_flagged_and_its_next_order_and_claim_are_stopped(
    world: World, clock: Clock
) -> None:
    here = world("reimburse_user")
    settled = here.settle()
    assert send(here.road.owner, 300, clock=clock) == 1
    found = raised(NOON + timedelta(hours=1))
    flag = found["A15"][0]
    assert (flag.action, flag.numbers["peak_per_second"]) == ("stop", 300)
    assert flag.subject == f"account:{here.road.owner.identity.id}"
    for act in (here.road.place, lambda: here.claim(settled)):
        with pytest.raises(Refused) as stopped:
            act()
        assert stopped.value.code.name == "flag.stands" and stopped.value.facts["flag"] == flag.id


def test_one_less_in_the_second_is_neither_refused_nor_flagged(world: World, clock: Clock) -> None:
    here = world()
    assert send(here.road.owner, 299, clock=clock) == 0
    assert "A15" not in raised(NOON + timedelta(hours=1))
    here.road.place()


@pytest.mark.parametrize(("sent", "refused"), [(20_000, 1), (19_999, 0)])
def test_twenty_thousand_in_a_day_are_too_many_however_slowly(
    world: World, clock: Clock, sent: int, refused: int
) -> None:
    here = world()
    account = here.road.owner.identity.id
    seconds = [NOON - timedelta(minutes=1 + number) for number in range(100)]
    CallCount.objects.bulk_create(CallCount(account=account, at=one, count=199) for one in seconds)
    assert send(here.road.owner, sent - 100 * 199, over_s=10, clock=clock) == refused
    assert ("A15" in raised(NOON + timedelta(hours=1))) is bool(refused)


def test_what_another_limit_refuses_is_counted_all_the_same(
    world: World, clock: Clock, settings: LazySettings
) -> None:
    """The 429 of the rate per token is the source of the figure too."""
    here = world()
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "token": 1}
    limits.forget()
    owner, headers = here.road.owner, bearer(here.road.owner)
    for _ in range(5):
        answer = owner.client.post(ADDRESS, {}, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (429, "limit.rate_exceeded")
    calls.flush()
    assert CallCount.objects.get(account=owner.identity.id).count == 5


def test_two_processes_counts_of_one_second_are_one(db: None, clock: Clock) -> None:
    for _ in range(2):
        for _ in range(150):
            calls.note("account", "DELETE")
        calls.flush()
        calls.forget()
    assert CallCount.objects.get().count == 300


def test_counts_that_no_round_looks_at_any_more_are_forgotten(db: None, clock: Clock) -> None:
    calls.note("account", "POST")
    calls.flush()
    assert calls.forget_old(NOON + calls.KEPT) == 0
    assert calls.forget_old(NOON + calls.KEPT + timedelta(seconds=1)) == 1
