"""Who may do what: every address of the API, asked by ten people, against the table in ``roles.txt``.

The table is read by people; this test keeps it true and complete. One world is made, and after every request
the database goes back to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from django.test import Client
from tests.hub.api.requests import Requests
from tests.hub.api.shared_world import SharedWorld
from tests.people import Person

from hesuan.hub.api.site import api

TABLE = Path(__file__).with_name("roles.txt")
PEOPLE = (
    "owner",
    "colleague",
    "stranger",
    "centre_operator",
    "platform_operator",
    "auditor",
    "officer",
    "reviewer",
    "approver",
    "nobody",
)
PUBLIC_OBJECTS = {
    "GET /errors/{name}": "an error code",
    "GET /log/inclusion/{leaf_index}": "a leaf of the public log",
    "GET /calls/{call_id}": "calls are as public as the active versions they belong to",
    "POST /calls/{call_id}/close": "a call is known to everybody: 403, not 404",
    "POST /applications/{application_id}/objections": "on the public list; anybody signed in may object",
    "GET /apps/{app_id}": "what may be had at centres is shown to everybody signed in",
    "POST /apps/{app_id}/withdraw": "an application is known to everybody: 403, not 404",
    "GET /offerings/{offering_id}": "what is for sale is shown to everybody signed in",
    "POST /offerings/{offering_id}/prices": "an offering is known to everybody: 403, not 404",
}
"""Addresses of one object that a stranger knows of all the same, and why."""


def operations() -> list[str]:
    """``METHOD /path`` of every operation in the OpenAPI document."""
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    return [
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in paths.items()
        for method in methods
    ]


def table() -> dict[str, dict[str, int]]:
    """Operation → person → status, as ``roles.txt`` says."""
    rows = [line for line in TABLE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    people = rows[0].split()
    told: dict[str, dict[str, int]] = {}
    for row in rows[1:]:
        method, path, *statuses = row.split()
        told[f"{method} {path}"] = dict(zip(people, map(int, statuses), strict=True))
    return told


@pytest.fixture
def people(world_of_requests: SharedWorld, db: None) -> dict[str, Person | Client]:
    return world_of_requests.people()


@pytest.fixture
def requests(world_of_requests: SharedWorld) -> Requests:
    return world_of_requests.requests()


def ask(requests: Requests, operation: str, person: Person | Client) -> int:
    """The status of one request, whose effects are undone."""
    client = person if isinstance(person, Client) else person.client
    method = operation.split(maxsplit=1)[0]
    body = requests.body(operation)
    sender = getattr(client, method.lower())
    content: dict[str, Any] = {}
    if isinstance(body, bytes):
        content = {"data": body, "content_type": requests.media(operation)}
    elif method != "GET":
        content = {"data": json.dumps(body), "content_type": "application/json"}
    with transaction.atomic():
        answer = sender(
            "/api/v1" + requests.filled(operation), headers=requests.headers(operation), **content
        )
        transaction.set_rollback(True)
    status: int = answer.status_code
    return status


def written(told: dict[str, dict[str, int]]) -> str:
    """A table as ``roles.txt`` has it."""
    width = max(map(len, told)) + 2
    head = " " * width + "  ".join(PEOPLE)
    lines = [
        operation.ljust(width) + "  ".join(str(row[name]).ljust(len(name)) for name in PEOPLE)
        for operation, row in told.items()
    ]
    return "\n".join(line.rstrip() for line in [head, *lines])


def test_the_table_covers_every_operation_and_nothing_else() -> None:
    assert sorted(table()) == sorted(operations())


def test_every_operation_answers_every_person_as_the_table_says(
    people: dict[str, Any], requests: Requests
) -> None:
    told = {
        operation: {name: ask(requests, operation, people[name]) for name in PEOPLE}
        for operation in operations()
    }
    assert told == table(), f"what happened:\n\n{written(told)}\n"


def of_one_object() -> Iterator[str]:
    return (operation for operation in operations() if "{" in operation)


@pytest.mark.parametrize("operation", sorted(set(of_one_object()) - set(PUBLIC_OBJECTS)))
def test_a_stranger_gets_404(operation: str) -> None:
    assert table()[operation]["stranger"] == 404


def test_nobody_is_asked_to_sign_in_everywhere_but_at_the_public_log_and_list() -> None:
    public = {operation for operation, row in table().items() if row["nobody"] != 401}
    assert public == {
        "GET /errors/{name}",
        "GET /log/checkpoint",
        "GET /log/key",
        "GET /log/leaves",
        "GET /log/inclusion/{leaf_index}",
        "GET /log/consistency",
        "GET /publicity",
    }


def test_only_one_kind_of_person_moves_each_kind_of_money() -> None:
    told = table()
    for operation, person in {
        "POST /quotes/{quote_id}/accept": "owner",
        "POST /organisations/{organisation_id}/deposits": "platform_operator",
    }.items():
        assert [name for name in PEOPLE if told[operation][name] < 300] == [person]


def test_lists_show_a_stranger_nothing_of_others(people: dict[str, Any], requests: Requests) -> None:
    """What is listed for everybody (centres, offerings) holds no id of the owner's either."""
    owned = (
        "organisation_id",
        "order_id",
        "quote_id",
        "receipt_id",
        "application_id",
        "voucher_id",
        "document_id",
        "file_id",
        "claim_id",
        "batch_id",
        "clawback_id",
    )
    secrets = {requests.ids[name] for name in owned}
    for operation in operations():
        if operation.startswith("GET") and "{" not in operation and "/log/" not in operation:
            content = people["stranger"].client.get("/api/v1" + operation.removeprefix("GET ")).content
            assert not [one for one in secrets if one.encode() in content], operation


def test_without_the_tenancy_condition_the_table_would_notice(
    people: dict[str, Any], requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = "GET /orders/{order_id}"
    assert ask(requests, operation, people["stranger"]) == 404
    monkeypatch.setattr("hesuan.hub.market.selectors.visible_to", lambda *_: Q())
    assert ask(requests, operation, people["stranger"]) == 200
