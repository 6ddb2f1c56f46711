"""Every body of the API, from the OpenAPI document: no field nobody asked for, no money that is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from tests.hub.api.requests import Requests
from tests.hub.api.shared_world import SharedWorld
from tests.people import Person

from hesuan.hub.api.site import api

NO_MONEY = [
    "1e3",
    "1E3",
    "1,000.00",
    "-5",
    "-0.01",
    "+5",
    "1.005",
    "1.",
    ".5",
    "01",
    " 1",
    "1 ",
    "",
    "NaN",
    "Infinity",
    "0x10",
    "１２",
    "٣",
    "一",
    "1_000",
    "92233720368547758.08",
    "9" * 400,
    1000,
    10**30,
    True,
    None,
    [],
    {},
]
RAW = ["1.5", "1e3", "-0.0", "NaN", "Infinity", "1E400"]
"""JSON numbers as text: a float never gets as far as Python."""


@cache
def document() -> dict[str, Any]:
    return api.get_openapi_schema(path_prefix="/api/v1/")


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """``METHOD /path`` and the schema of its JSON body, for every operation that has one."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                name = f"{method.upper()} {path.removeprefix('/api/v1')}"
                yield name, resolved(content["application/json"]["schema"])


def resolved(schema: Any) -> Any:
    """A schema with what it refers to put in its place."""
    if isinstance(schema, list):
        return [resolved(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return resolved(document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return {key: resolved(value) for key, value in schema.items()}


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object schema within one, with fields of its own."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


BODIES = dict(bodies())
MONEY = [
    (operation, name)
    for operation, schema in BODIES.items()
    for name in schema.get("properties", {})
    if name.endswith("_yuan") or "_yuan_" in name
]


@pytest.fixture
def owner(world_of_requests: SharedWorld, db: None) -> Person:
    person: Person = world_of_requests.people()["owner"]
    return person


@pytest.fixture
def requests(world_of_requests: SharedWorld) -> Requests:
    return world_of_requests.requests()


def send(person: Person, requests: Requests, operation: str, body: str) -> Any:
    method = operation.split(maxsplit=1)[0].lower()
    return getattr(person.client, method)(
        "/api/v1" + requests.filled(operation),
        data=body,
        content_type="application/json",
        headers=requests.headers(operation),
    )


def test_every_object_of_every_body_knows_its_fields() -> None:
    open_ones = [
        f"{operation}: {schema.get('title')}"
        for operation, whole in BODIES.items()
        for schema in objects(whole)
        if schema.get("additionalProperties") is not False
    ]
    assert len(BODIES) > 40 and open_ones == []


def test_a_field_nobody_asked_for_is_refused_at_every_address(owner: Person, requests: Requests) -> None:
    """Read-only fields too: an answer's `id`, `state` or `created_at` sent back is a fault."""
    told = {}
    for operation, schema in BODIES.items():
        right = requests.body(operation)
        for name in ("id", "is_admin"):
            if name not in schema.get("properties", {}):
                answer = send(owner, requests, operation, json.dumps({**right, name: "x"}))
                codes = {fault["code"] for fault in answer.json().get("faults", [])}
                if answer.status_code != 422 or "input.unknown_key" not in codes:
                    told[f"{operation} {name}"] = answer.status_code
    assert told == {}


def test_what_is_no_amount_is_refused_in_every_money_field(owner: Person, requests: Requests) -> None:
    passed = {}
    for operation, name in MONEY:
        for value in NO_MONEY:
            body = {**copy.deepcopy(requests.body(operation)), name: value}
            answer = send(owner, requests, operation, json.dumps(body))
            faults = [fault["where"] for fault in answer.json().get("faults", [])]
            optional = value is None and name not in BODIES[operation].get("required", [])
            if not optional and (answer.status_code != 422 or name not in faults):
                passed[f"{operation} {name} {value!r:.40}"] = answer.status_code
        for text in RAW:
            body = {**requests.body(operation), name: "@"}
            answer = send(owner, requests, operation, json.dumps(body).replace('"@"', text))
            if answer.status_code not in (400, 422):
                passed[f"{operation} {name} raw {text}"] = answer.status_code
    assert len(MONEY) >= 5 and passed == {}


def test_an_amount_passes_where_what_is_none_is_refused(owner: Person, requests: Requests) -> None:
    """The control: the same bodies with an amount are not faulty at that field."""
    for operation, name in MONEY:
        answer = send(owner, requests, operation, json.dumps({**requests.body(operation), name: "1.50"}))
        problem = answer.json() if answer.content else {}
        assert name not in [fault["where"] for fault in problem.get("faults", [])], operation
