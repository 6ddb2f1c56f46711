"""Calls on the page: public to read, an officer's to open and close; review steps given to another office."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from tests.hub.console.test_pages import all_answer, read
from tests.hub.programmes.offices import Office
from tests.people import Person, make_organisation

from hesuan.hub.programmes import ahead
from hesuan.hub.programmes.models import Call, Desk, ProgrammeVersion
from hesuan.wire.ids import new_id

HERE = "/programmes/test.rules/calls/"


@pytest.fixture
def version(officer: Person, reviewer: Person, approver: Person, owner: Person) -> ProgrammeVersion:
    return Office(officer, reviewer, approver, owner).activate()


def send(person: Person, verb: str, **sent: str) -> tuple[int, str]:
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(HERE, {"verb": verb, **sent})
    return answer.status_code, answer.content.decode()


def offered(text: str) -> list[str]:
    return re.findall(r'data-test="open-([a-z]+)"', text)


def test_everybody_reads_and_only_an_officer_is_offered_anything(
    version: ProgrammeVersion,
    officer: Person,
    reviewer: Person,
    approver: Person,
    owner: Person,
    stranger: Person,
    nobody: Client,
) -> None:
    assert version.programme_id in HERE
    for client in (nobody, stranger.client, owner.client, officer.client):
        all_answer(client, (HERE,))
    assert offered(read(officer.client, HERE, "en")[1]) == ["close", "open"]
    for person in (reviewer, approver, owner, stranger):
        assert offered(read(person.client, HERE, "en")[1]) == []
    today = ahead.today().isoformat()
    assert [send(one, "open", opens_on=today, id=new_id())[0] for one in (reviewer, stranger)] == [409, 409]
    assert nobody.post(HERE, {"verb": "open", "opens_on": today}).status_code == 302
    assert Call.objects.count() == 1


def test_a_call_is_opened_once_and_closed_with_a_public_reason(
    version: ProgrammeVersion, officer: Person, owner: Person
) -> None:
    begin = ahead.today() + timedelta(days=3)
    told = {"title": "Spring", "opens_on": begin.isoformat(), "closes_on": "", "id": new_id()}
    assert [send(officer, "open", **told)[0] for _ in range(2)] == [302, 302]
    call = Call.objects.get(title="Spring", programme_version=version)
    assert "planned" in read(owner.client, HERE, "en")[1]
    assert send(officer, "close", on=call.id, reason="budget cut")[0] == 422, "no tick"
    status, text = send(officer, "close", on=call.id, sure="yes", reason="")
    assert status == 409 and "open" in text.partition(f'value="{call.id}"')[0].rpartition("<details")[2]
    assert send(officer, "close", on=call.id, sure="yes", reason="budget cut")[0] == 302
    assert "budget cut" in read(owner.client, HERE, "en")[1]
    assert Call.objects.get(pk=call.pk).close_reason == "budget cut"


def test_wrong_days_stand_beside_their_field(version: ProgrammeVersion, officer: Person) -> None:
    assert version.id
    status, text = send(officer, "open", opens_on="spring", closes_on="later", id=new_id())
    assert status == 422 and text.count('class="errorlist"') == 2 and 'value="spring"' in text
    day = ahead.today()
    assert send(officer, "open", opens_on=str(day), closes_on=str(day - timedelta(days=1)))[0] == 409


def test_a_call_of_another_programme_is_not_closed_from_here(
    version: ProgrammeVersion, officer: Person, reviewer: Person, approver: Person, owner: Person
) -> None:
    other = Office(officer, reviewer, approver, owner).activate(name="test.other")
    call = Call.objects.get(programme_version=other)
    assert version.programme_id != other.programme_id
    assert send(officer, "close", on=call.id, sure="yes", reason="x")[0] == 404


def test_a_step_is_given_to_another_office(
    version: ProgrammeVersion, officer: Person, reviewer: Person
) -> None:
    county = make_organisation("County Office", "programme_office")
    text = read(officer.client, HERE, "en")[1]
    assert "assign" in offered(text) and "County Office" in text
    [step, *_] = ahead.review_steps(version)
    assert send(reviewer, "assign", step=step, office=county.id)[0] == 409
    assert send(officer, "assign", step=step, office=county.id)[0] == 302
    assert Desk.objects.get().office_id == county.id
    steps = read(officer.client, HERE, "en")[1].partition("Who takes which step")[2]
    assert "County Office" in steps
