"""The page of input files: sent, listed, ticked in a work order, removed; bounded, and one's own alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.hub.console.test_pages import read
from tests.hub.runs.test_inputs import CONTENT, SHA256, begun
from tests.people import Person
from tests.road import SCRIPT_WORK, Road
from tests.road_fixtures import ledger_balances, road, site
from tests.sites import inventory_body

from hesuan.hub.files import selectors, store
from hesuan.hub.files.models import File
from hesuan.hub.market.models import QuoteRequest
from hesuan.wire.ids import new_id
from hesuan.wire.messages import FETCHES_INPUTS, TAKES

__all__ = ["ledger_balances", "road", "site"]


def send(client: Client, name: str = "a.csv", content: bytes = CONTENT, **more: str) -> tuple[int, str]:
    client.cookies["django_language"] = "en"
    form = {"verb": "add", "id": new_id(), "file": SimpleUploadedFile(name, content), **more}
    answer = client.post("/files/", form)
    return answer.status_code, answer.content.decode()


def test_a_file_is_sent_and_listed(owner: Person, colleague: Person, stranger: Person) -> None:
    assert "No file is here yet." in read(owner.client, "/files/", "en")[1]
    assert send(owner.client)[0] == 302
    row = File.objects.get()
    assert (row.name, row.sha256, row.organisation_id) == ("a.csv", SHA256, owner.organisation.id)
    assert row.completed_at and store.piece(row.organisation_id, SHA256, 0, len(CONTENT)) == CONTENT
    for person, seen in ((owner, True), (colleague, True), (stranger, False)):
        assert (SHA256[:12] in read(person.client, "/files/", "zh-hans")[1]) is seen


@pytest.mark.parametrize(("most", "said"), [(1, True), (2, False)])
def test_the_form_says_when_it_does_not_offer_every_file(
    road: Road, monkeypatch: pytest.MonkeyPatch, most: int, said: bool
) -> None:
    monkeypatch.setattr("hesuan.hub.console.views.market.MOST_FILES_SHOWN", most)
    for name in ("old.csv", "new.csv"):
        send(road.owner.client, name)
    for language, sentence in (("en", "Of 2 files the newest 1"), ("zh-hans", "共 2 个文件")):
        text = read(road.owner.client, "/quotes/new/", language)[1]
        assert "new.csv" in text and ("old.csv" in text) is not said
        assert ('data-test="not-shown"' in text and sentence in text) is said


def test_a_file_larger_than_a_piece_is_sent_whole(owner: Person) -> None:
    content = b"x" * (selectors.MOST_PIECE_BYTES + 1)
    assert send(owner.client, content=content)[0] == 302
    assert File.objects.get().completed_at is not None


def test_the_same_form_twice_is_one_file(owner: Person) -> None:
    sent = new_id()
    assert [send(owner.client, id=sent)[0] for _ in range(2)] == [302, 302]
    assert send(owner.client, content=b"another", id=sent)[0] == 409
    assert File.objects.get().sha256 == SHA256


def test_a_file_that_a_page_cannot_take_is_told_with_both_limits(owner: Person, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES, settings.FILE_BYTES = len(CONTENT) - 1, 9_000_000
    status, text = send(owner.client)
    assert status == 422 and f"up to {len(CONTENT) - 1} bytes" in text
    assert "hesuan file add a.csv" in text and "up to 9000000 bytes" in text
    assert not File.objects.exists()


def test_no_file_and_an_empty_one_are_told_beside_the_field(owner: Person) -> None:
    owner.client.cookies["django_language"] = "en"
    assert "No file was chosen" in owner.client.post("/files/", {"verb": "add"}).content.decode()
    assert "0 bytes" in send(owner.client, content=b"")[1]
    assert not File.objects.exists()


def test_somebody_elses_organisation_takes_no_file(owner: Person, stranger: Person) -> None:
    assert send(stranger.client, organisation=owner.organisation.id)[0] == 404
    assert not File.objects.exists()


def test_a_file_is_removed_by_those_who_may_and_after_a_tick(owner: Person, stranger: Person) -> None:
    row = begun(owner)
    asked = {"verb": "remove", "on": row.id}
    assert stranger.client.post("/files/", {**asked, "sure": "yes"}).status_code == 404
    assert owner.client.post("/files/", asked).status_code == 422
    assert selectors.files(owner.actor) == [row]
    assert owner.client.post("/files/", {**asked, "sure": "yes"}).status_code == 302
    assert selectors.files(owner.actor) == []


def test_what_is_only_begun_says_how_much_is_here_and_is_not_offered(owner: Person) -> None:
    begun(owner)
    assert "begun, 0 B are here" in read(owner.client, "/files/", "en")[1].replace("\xa0", " ")
    assert 'name="inputs"' not in read(owner.client, "/quotes/new/", "en")[1]


def test_ticked_files_are_in_the_work_order(road: Road) -> None:
    road.say([("inventory", inventory_body(scripts_allowed=True, software={TAKES: str(FETCHES_INPUTS)}))])
    client = road.owner.client
    send(client)
    row = File.objects.get()
    found = re.search(r'name="organisation" value="(\w+)"', client.get("/quotes/new/").content.decode())
    assert found is not None
    form = {"kind": "script", "command": "/bin/true", "cores": "1", "time_limit_s": "60"}
    form |= {"organisation": found[1], "inputs": row.id}
    assert client.post("/quotes/new/", form).status_code == 302
    asked = QuoteRequest.objects.get()
    assert asked.work["inputs"] == [
        {"file": row.id, "path": "a.csv", "sha256": SHA256, "size_bytes": len(CONTENT)}
    ]
    assert SCRIPT_WORK["kind"] == asked.work["kind"]


def test_a_ticked_file_that_is_gone_is_a_fault_beside_the_files(owner: Person) -> None:
    gone = new_id()
    form = {"kind": "script", "command": "/bin/true", "cores": "1", "time_limit_s": "60"}
    form |= {"organisation": owner.organisation.id, "inputs": gone}
    owner.client.cookies["django_language"] = "en"
    answer = owner.client.post("/quotes/new/", form)
    text = answer.content.decode()
    assert answer.status_code == 422 and f"no complete file {gone}" in text and 'data-test="inputs"' in text


@pytest.mark.parametrize("verb", ["", "burn"])
def test_another_verb_is_not_known(owner: Person, verb: str) -> None:
    assert owner.client.post("/files/", {"verb": verb}).status_code == 404
