"""Who sees what: every page and file of the hub, asked for by ten people, against ``addresses.txt``.

The API's addresses stand in ``tests/hub/api/roles.txt``. Pages change things by POST through the same verbs
as the API (``test_api_as_the_console``), which ask for roles themselves; so this table is of reading, and a
POST without a CSRF token is refused at every address.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db.models import Q
from django.test import Client
from tests.hub.api.requests import Requests
from tests.hub.api.shared_world import SharedWorld
from tests.hub.api.test_api_roles import PEOPLE
from tests.hub.config.addresses import addresses, table
from tests.people import SIGN_IN, Person

from hesuan.hub.programmes.models import ProgrammeVersion

PUBLIC = {
    "/": "what Hesuan is",
    "/log/": "the public log",
    "/log/trust": "keys by which anybody verifies",
    "/log/policy": "the logs and witnesses, as C2SP tlog-policy writes them",
    "/log/checkpoint": "the public log",
    "/log/key": "the public log",
    "/log/leaves": "the public log",
    "/publicity/": "what the law publishes",
    "/publicity/{application_id}/": "what the law publishes",
    "/programmes/": "active programmes are published",
    "/offerings/": "what is for sale",
    "/centres/": "admitted centres",
    "/gateway/v1/enrol": "takes a code and a proof, by POST only",
    "/gateway/v1/messages": "takes signed messages, by POST only",
    "/gateway/v1/commands": "takes a signed poll, by POST only",
    "/gateway/v1/inputs": "takes a signed request, by POST only",
    "/gateway/v1/apps": "takes a signed request, by POST only",
    "/gateway/v1/app-pieces": "takes a signed request, by POST only",
    "/gateway/v1/records": "takes a signed request, by POST only",
    "/gateway/v1/output": "takes a signed list, by POST only",
    "/gateway/v1/output-piece": "takes a signed piece, by POST only",
    "/i18n/language/": "the language switch",
}
"""Addresses outside ``/accounts/`` that answer whoever has not signed in, and why."""
KNOWN_TO_STRANGERS = {
    "/publicity/{application_id}/": "on the public list",
    "/programmes/{programme_id}/apply/": "an open call is anybody's to answer",
}
OWN = {
    "/applications/{application_id}/amend/": "POST /applications/{application_id}/amend",
    "/publicity/{application_id}/": "POST /applications/{application_id}/objections",
}
"""Addresses whose object is that of an operation of the API."""


@pytest.fixture
def people(world_of_requests: SharedWorld, db: None) -> dict[str, Person | Client]:
    return world_of_requests.people()


@pytest.fixture
def requests(world_of_requests: SharedWorld, people: dict[str, Any]) -> Requests:
    return at_pages(world_of_requests.requests())


def at_pages(made: Requests) -> Requests:
    """The objects of operations, at the pages that show them."""
    version = ProgrammeVersion.objects.get(pk=made.bodies["POST /applications"]["programme_version"])
    made.ids |= {"rest": "nothing", "provider_id": "oidc", "version_id": made.ids["claim_version_id"]}
    made.ids |= {"index": "999999999", "tile": "0/000", "log": "nothing", "path": "checkpoint"}
    made.own_ids |= {
        **{page: made.own_ids.get(operation, {}) for page, operation in OWN.items()},
        "/programmes/{programme_id}/apply/": {"programme_id": version.programme_id},
        "/claims/new/{version_id}/{centre_id}/": {"centre_id": made.ids["claim_centre_id"]},
    }
    return made


def filled(requests: Requests, address: str) -> str:
    ids = {**requests.ids, **requests.own_ids.get(address, {})}
    return re.sub(r"{(\w+)}", lambda match: ids[match[1]], address)


def ask(requests: Requests, address: str, person: Person | Client) -> str:
    client = person if isinstance(person, Client) else person.client
    answer = client.get(filled(requests, address))
    if answer.status_code == 302 and answer.headers["Location"].startswith("/accounts/login"):
        return "login"
    return str(answer.status_code)


def written(told: dict[str, dict[str, str]]) -> str:
    width = max(map(len, told)) + 2
    lines = [" " * width + "  ".join(PEOPLE)]
    for address, row in told.items():
        lines.append(address.ljust(width) + "  ".join(row[name].ljust(len(name)) for name in PEOPLE))
    return "\n".join(line.rstrip() for line in lines)


def test_every_address_answers_every_person_as_the_table_says(
    people: dict[str, Any], requests: Requests
) -> None:
    told = {
        address: {name: ask(requests, address, people[name]) for name in PEOPLE} for address in addresses()
    }
    assert told == table(), f"what happened:\n\n{written(told)}\n"


def test_nobody_sees_only_what_is_public() -> None:
    seen = {
        address
        for address, row in table().items()
        if row["nobody"] not in ("login", "404") and not address.startswith("/accounts/")
    }
    assert seen == set(PUBLIC)


def test_a_stranger_finds_no_object_that_is_not_published() -> None:
    found = {
        address
        for address, row in table().items()
        if "{" in address and row["stranger"] not in ("404", "302", "login")
    }
    assert found == set(KNOWN_TO_STRANGERS), "an object of somebody else is answered 404"


def test_a_post_without_its_csrf_token_is_refused_everywhere_a_session_counts(
    people: dict[str, Any], requests: Requests
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["owner"].identity, backend=SIGN_IN)
    for address in addresses():
        if not address.startswith(("/gateway/", "/api/")):
            assert client.post(filled(requests, address)).status_code == 403, address


def test_without_the_tenancy_condition_the_table_would_notice(
    people: dict[str, Any], requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(requests, "/orders/{order_id}/", people["stranger"]) == "404"
    monkeypatch.setattr("hesuan.hub.market.selectors.visible_to", lambda *_: Q())
    assert ask(requests, "/orders/{order_id}/", people["stranger"]) == "200"
