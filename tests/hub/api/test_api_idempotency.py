"""``Idempotency-Key``: what is done once, what is remembered, and what may be tried again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from pydantic import BaseModel
from tests.people import Person

from hesuan.errors import Code, InputFault, Refused, Unavailable
from hesuan.hub.api import idempotency
from hesuan.hub.api.idempotency import CLAIM, once
from hesuan.hub.api.models import ApiRequest
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db

ANY = Code("test.any", en="No.", zh="不行。")


class Made(BaseModel):
    id: str
    times: int


class Workshop:
    """Makes things, counts how often it was asked to, and fails when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: Exception | None = None

    def __call__(self, object_id: str) -> Made:
        self.asked.append(object_id)
        time.sleep(0.05)  # so that others come while it works
        if self.failure:
            raise self.failure
        return Made(id=object_id, times=len(self.asked))


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


def request_of(person: Person, key: str = "", body: str = "{}", path: str = "/api/v1/things") -> HttpRequest:
    headers = {"Idempotency-Key": key} if key else {}
    request = RequestFactory().post(path, body, content_type="application/json", headers=headers)
    request.auth = person.actor  # type: ignore[attr-defined]
    return request


def test_the_same_key_and_body_get_the_same_answer_and_are_done_once(
    owner: Person, workshop: Workshop
) -> None:
    first = once(request_of(owner, "k-1"), workshop)
    again = once(request_of(owner, "k-1"), workshop)
    assert len(workshop.asked) == 1
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)


def test_without_a_key_every_request_is_its_own(owner: Person, workshop: Workshop) -> None:
    once(request_of(owner), workshop)
    once(request_of(owner), workshop)
    assert len(set(workshop.asked)) == 2
    assert not ApiRequest.objects.exists()


def test_what_moves_money_wants_a_key(owner: Person, workshop: Workshop) -> None:
    for key in ("", "x" * 101, "a\tb"):
        with pytest.raises(InputFault) as raised:
            once(request_of(owner, key), workshop, required=True)
        assert raised.value.code.name == "api.key_missing"
    assert workshop.asked == []


def test_a_key_that_is_a_ulid_is_the_id_of_what_is_made(owner: Person, workshop: Workshop) -> None:
    key = new_id()
    once(request_of(owner, key), workshop)
    assert workshop.asked == [key]


@pytest.mark.parametrize("other", [{"body": '{"a": 1}'}, {"path": "/api/v1/others"}])
def test_the_same_key_for_something_else_is_refused(
    owner: Person, workshop: Workshop, other: dict[str, str]
) -> None:
    once(request_of(owner, "k-1"), workshop)
    with pytest.raises(Refused) as raised:
        once(request_of(owner, "k-1", **other), workshop)
    assert raised.value.code.name == "api.key_reused"
    assert len(workshop.asked) == 1


def test_keys_of_two_people_do_not_meet(owner: Person, stranger: Person, workshop: Workshop) -> None:
    once(request_of(owner, "k-1"), workshop)
    once(request_of(stranger, "k-1"), workshop)
    assert len(workshop.asked) == 2


def test_a_request_in_flight_is_not_started_twice(owner: Person, workshop: Workshop) -> None:
    class Meanwhile(Workshop):
        def __call__(self, object_id: str) -> Made:
            with pytest.raises(Refused) as raised:
                once(request_of(owner, "k-1"), workshop)
            assert raised.value.code.name == "api.in_flight"
            return super().__call__(object_id)

    once(request_of(owner, "k-1"), Meanwhile())
    assert workshop.asked == []


def test_a_refusal_stays_refused(owner: Person, workshop: Workshop) -> None:
    workshop.failure = Refused(ANY)
    first = once(request_of(owner, "k-1"), workshop)
    workshop.failure = None
    again = once(request_of(owner, "k-1"), workshop)
    assert (first.status_code, first.headers["Content-Type"]) == (409, "application/problem+json")
    assert (again.status_code, again.content) == (409, first.content)
    assert len(workshop.asked) == 1


@pytest.mark.parametrize("failure", [Unavailable(ANY), ZeroDivisionError("broken")])
def test_a_failure_of_ours_may_be_tried_again_under_the_same_id(
    owner: Person, workshop: Workshop, failure: Exception
) -> None:
    workshop.failure = failure
    with pytest.raises(type(failure)):
        once(request_of(owner, "k-1"), workshop)
    workshop.failure = None
    assert once(request_of(owner, "k-1"), workshop).status_code == 201
    assert len(workshop.asked) == 2 and len(set(workshop.asked)) == 1


def test_a_claim_whose_hub_died_is_taken_up_after_a_while_under_the_same_id(
    owner: Person, workshop: Workshop
) -> None:
    """A hub killed between work and answer leaves a row without an answer."""
    once(request_of(owner, "k-1"), workshop)
    died_at = timezone.now() - CLAIM + timedelta(seconds=5)
    ApiRequest.objects.update(status=None, response=None, claimed_at=died_at)
    with pytest.raises(Refused):
        once(request_of(owner, "k-1"), workshop)
    ApiRequest.objects.update(claimed_at=died_at - timedelta(seconds=10))
    assert once(request_of(owner, "k-1"), workshop).status_code == 201
    assert len(workshop.asked) == 2 and len(set(workshop.asked)) == 1


# -- at once ---------------------------------------------------------------------------------------------

RACERS = 8


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_does_the_work(owner: Person, workshop: Workshop) -> None:
    told = race(owner, workshop)
    assert len(workshop.asked) == 1
    assert set(told) <= {"201", "api.in_flight"} and "201" in told


@pytest.mark.django_db(transaction=True)
def test_without_the_claim_each_of_them_would_do_it(
    owner: Person, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what the race would do to a hub without the table."""
    unsaved = ApiRequest(tenant=owner.identity.id, object_id=new_id(), fingerprint="-")
    monkeypatch.setattr(idempotency, "_claim", lambda **_: copy(unsaved))
    monkeypatch.setattr(idempotency, "_finish", answered)
    race(owner, workshop)
    assert len(workshop.asked) == RACERS


def answered(row: ApiRequest, response: HttpResponse) -> None:
    row.status, row.content_type, row.response = 201, "application/json", response.content


def race(owner: Person, workshop: Workshop) -> list[str]:
    """Sends one keyed request from many threads at one moment; what each was told."""
    start = threading.Barrier(RACERS)

    def run(_: int) -> str:
        try:
            connection.ensure_connection()
            start.wait(timeout=240)
            return str(once(request_of(owner, "k-1"), workshop).status_code)
        except Refused as refused:
            return refused.code.name
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RACERS) as threads:
        return list(threads.map(run, range(RACERS)))
