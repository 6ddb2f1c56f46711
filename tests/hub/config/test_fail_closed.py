"""The database is taken away: nothing of value goes through unchecked, and each answer says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dj_database_url
import pytest
from django.db import connections
from django.db.utils import load_backend
from django.test import Client
from tests.hub.api.test_api_roles import operations
from tests.people import Person
from tests.sites import enrol_site, inventory_body, make_centre
from tools import postgres

from hesuan.hub.api.problems import DATABASE_AWAY
from hesuan.hub.gateway.problems import DATABASE_AWAY as GATEWAY_AWAY
from hesuan.hub.identity import services
from hesuan.hub.identity.models import Organisation

pytestmark = pytest.mark.django_db


@contextmanager
def over(address: str) -> Iterator[None]:
    """The hub over another database, for the time of the block."""
    kept = connections["default"]
    given: dict[str, Any] = {**kept.settings_dict, **dj_database_url.parse(address), "OPTIONS": {}}
    engine = "hesuan.hub.identity.postgresql"
    connections["default"] = load_backend(engine).DatabaseWrapper({**given, "ENGINE": engine})
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = kept


@pytest.fixture(scope="module")
def gone() -> Iterator[str]:
    """The address of a real PostgreSQL server that answered and was stopped."""
    if postgres.programs() is None:
        pytest.skip("no PostgreSQL programs on this machine")
    with postgres.temporary_server(thrown_away=True) as address:
        pass
    yield address


def test_without_its_database_no_verb_is_done_and_each_says_so(owner: Person, gone: str) -> None:
    """Every verb of the API, by a token that held before; the console's forms too."""
    _, text = services.issue_token(actor=owner.actor, label="laptop")
    verbs = [one for one in operations() if not one.startswith("GET ")]
    assert len(verbs) > 60
    with over(gone):
        told = {one: asked(one, text) for one in verbs}
    assert {one: answer for one, answer in told.items() if answer != (503, DATABASE_AWAY.name)} == {}


def asked(operation: str, token: str) -> tuple[int, str]:
    method, _, path = operation.partition(" ")
    client = Client(raise_request_exception=False)
    answer = client.generic(
        method,
        "/api/v1" + re.sub(r"\{\w+\}", "x", path),
        "{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k"},
    )
    return answer.status_code, answer.json()["code"] if answer["Content-Type"].endswith("json") else ""


def test_without_its_database_a_page_says_so(owner: Person, gone: str) -> None:
    browser = Client(raise_request_exception=False)
    browser.cookies = owner.client.cookies
    with over(gone):
        for answer in (browser.get("/orders/"), browser.post("/quotes/x/")):
            assert answer.status_code == 503 and answer.headers["Retry-After"] == "60"
            assert "console.database_away" in answer.content.decode()


def test_without_its_database_the_gateway_says_so_and_what_is_sent_again_is_stored(
    centre_organisation: Organisation, gone: str
) -> None:
    """A batch and a poll of an agent; the control is the same batch with the database there again."""
    site = enrol_site(make_centre(centre_organisation))
    batch = {"messages": [site.seal("inventory", inventory_body())]}
    with over(gone):
        told = [site.post("messages", batch), site.poll()]
    away = (503, GATEWAY_AWAY.name, "5")
    assert [(one.status_code, one.json()["code"], one.headers["Retry-After"]) for one in told] == [away] * 2
    again = site.post("messages", batch)
    assert (again.status_code, again.json()["stored_through"]) == (200, site.seq)
    assert "Retry-After" not in again.headers


def test_with_its_database_no_verb_says_that_it_is_away(owner: Person) -> None:
    """The negative control: the same requests to the same hub, and the database is there."""
    _, text = services.issue_token(actor=owner.actor, label="laptop")
    verbs = [one for one in operations() if not one.startswith("GET ")]
    told = {one: asked(one, text) for one in verbs}
    assert [one for one, answer in told.items() if answer[0] >= 500] == []
