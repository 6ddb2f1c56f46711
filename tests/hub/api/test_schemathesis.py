"""The API against its own OpenAPI document, with requests that Schemathesis makes from it.

Every operation is asked by somebody who may use it (``roles.txt`` knows who), about objects that exist, in
three ways: the right request of the role table; requests that follow the document; requests that break it.
Whatever comes back must be in the document: status, content type, headers, and the answer's shape; what
breaks the document must be refused; nothing may break the program. Each request is undone. The examples are
derived, not drawn: the same on every run.

The controls at the end take a check's ground away and see it fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from tests.hub.api.requests import KEYED, Requests
from tests.hub.api.shared_world import SharedWorld
from tests.hub.api.test_api_roles import PEOPLE, operations, table
from tests.people import Person

from hesuan.hub.api import openapi
from hesuan.hub.api.openapi import complete
from hesuan.hub.api.shapes import Body, Shape
from hesuan.hub.api.site import api
from hesuan.hub.identity import services as identity
from hesuan.hub.registry import file_types

ON_POSTGRESQL = os.environ.get("HESUAN_DATABASE_URL", "").startswith("postgres")
EXAMPLES = int(os.environ.get("HESUAN_SCHEMATHESIS_EXAMPLES", "1" if ON_POSTGRESQL else "3"))
"""Requests made for one operation in one way; CI asks few of each, and on PostgreSQL, where the same document
is held against the same code, one. A long run is a number away."""

CONFORMS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
REFUSED = [*CONFORMS, checks.negative_data_rejection]
ONCE = [*CONFORMS, checks.ignored_auth, checks.unsupported_method, checks.missing_required_header]

A_FEW = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


FILES = [kind.media_type for kind in file_types.TYPES]


@schemathesis.serializer(*FILES, "application/octet-stream")
def _as_it_is(_: Any, value: bytes) -> bytes:
    return value


class Asker:
    """Sends Schemathesis' cases to the hub in this process, in this test's transaction."""

    def __init__(self, requests: Requests, people: dict[str, Any]) -> None:
        self.requests = requests
        self.schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
        self.tokens = {
            name: identity.issue_token(actor=person.actor, label="test")[1]
            for name, person in people.items()
            if isinstance(person, Person)
        }

    def operation(self, operation: str) -> Any:
        """Schemathesis' own object for ``METHOD /path``."""
        method, path = operation.split()
        return self.schema["/api/v1" + path][method]

    def headers(self, operation: str) -> dict[str, str]:
        """Who asks: the first whom the role table lets through; a key of its own where one is wanted."""
        row = table()[operation]
        who = min((name for name in PEOPLE if name in self.tokens), key=row.__getitem__)
        return {**self.requests.headers(operation), "Authorization": f"Bearer {self.tokens[who]}"}

    def known(self, operation: str) -> dict[str, Any]:
        """The ids of the objects that a path names, as its parameters."""
        ids = {**self.requests.ids, **self.requests.own_ids.get(operation, {})}
        wanted = (one.name for one in self.operation(operation).path_parameters)
        return {name: ids.get(name, "1") for name in wanted}

    def query(self, operation: str) -> dict[str, str]:
        """The query without which the operation answers nothing."""
        filled = urlsplit(self.requests.filled(operation)).query
        return dict(parse_qsl(filled))

    def right(self, operation: str) -> Any:
        """The request of the role table."""
        body, found = self.requests.body(operation), self.operation(operation)
        more: dict[str, Any] = {}
        if isinstance(body, bytes):
            more = {"body": body, "media_type": self.requests.media(operation)}
        elif found.body:
            more = {"body": body, "media_type": "application/json"}
        return found.Case(path_parameters=self.known(operation), query=self.query(operation), **more)

    def faults(self, operation: str, case: Any, wanted: list[Any]) -> list[str]:
        """What is wrong with the answer to one case, which is undone."""
        headers = self.headers(operation)
        if isinstance((case.headers or {}).get(openapi.HEADER), str):
            headers.pop(openapi.HEADER, None)
        with transaction.atomic():
            try:
                answer = case.call(headers=headers)
                case.validate_response(answer, checks=wanted, headers=headers)
            except schemathesis.errors.SchemathesisError as error:
                return [f"{operation}: {error}"]
            except BaseExceptionGroup as group:
                return [f"{operation}: {one}" for one in group.exceptions]
            finally:
                transaction.set_rollback(True)
        return []


@pytest.fixture
def people(world_of_requests: SharedWorld, db: None) -> Iterator[dict[str, Any]]:
    """Everybody; and requests do not close the connection of the test's transaction, as real ones would."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield world_of_requests.people()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def asker(world_of_requests: SharedWorld, people: dict[str, Any]) -> Asker:
    return Asker(world_of_requests.requests(), people)


def test_no_two_shapes_share_a_name() -> None:
    """The document would hold one of them under both operations; six pairs of ours did."""
    shapes = sorted(each.__name__ for root in (Shape, Body) for each in descendants(root))
    assert len(shapes) > 100 and len(shapes) == len(set(shapes))


def descendants(of: type) -> Iterator[type]:
    """Every class below one that the API declares, generic pages of pydantic's making aside."""
    for each in of.__subclasses__():
        if each.__module__.startswith("hesuan.hub.api") and "[" not in each.__name__:
            yield each
        yield from descendants(each)


def test_a_key_is_said_to_be_required_exactly_where_its_lack_is_refused() -> None:
    """The right requests send a key there and nowhere else, and Schemathesis leaves each required one out."""
    named = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()
        for method, one in methods.items()
        if any(each["name"] == openapi.HEADER and each["required"] for each in one["parameters"])
    }
    assert {one for one in operations() if one.startswith("POST") and one.endswith(KEYED)} == named
    assert len(named) == len(openapi.MOVES_MONEY)


def test_right_requests_are_answered_as_the_document_says(asker: Asker) -> None:
    wrong = [fault for one in operations() for fault in asker.faults(one, asker.right(one), ONCE)]
    assert wrong == [], "\n\n".join(wrong)


def test_requests_that_follow_the_document_break_nothing(asker: Asker) -> None:
    wrong = made(asker, GenerationMode.POSITIVE, CONFORMS)
    assert wrong == [], "\n\n".join(wrong)


def test_requests_that_break_the_document_are_refused(asker: Asker) -> None:
    wrong = made(asker, GenerationMode.NEGATIVE, REFUSED)
    assert wrong == [], "\n\n".join(wrong)


def made(asker: Asker, mode: GenerationMode, wanted: list[Any]) -> list[str]:
    """What is wrong with the answers to what Schemathesis makes: about objects that exist, and about any."""
    wrong: list[str] = []
    for operation in operations():
        found, known = asker.operation(operation), asker.known(operation)
        rounds = [{"path_parameters": known}, {}] if known else [{}]
        for more in rounds:
            try:
                cases = found.as_strategy(generation_mode=mode, **more)
                ask(cases, lambda case, one=operation: wrong.extend(asker.faults(one, case, wanted)))
            except (schemathesis.errors.SchemathesisError, Unsatisfiable):
                continue  # nothing in it can be made wrong: an operation without body, query or header
    return wrong


def ask(cases: st.SearchStrategy[Any], take: Callable[[Any], None], examples: int = EXAMPLES) -> None:
    """Takes a few cases of a strategy."""

    @settings(A_FEW, max_examples=examples)
    @given(cases)
    def one(case: Any) -> None:
        take(case)

    one()


# --- Controls: the same questions with the ground taken away ---


def without_refusals(document: dict[str, Any]) -> None:
    complete(document)
    for methods in document["paths"].values():
        for operation in methods.values():
            del operation["responses"]["4XX"]


def with_a_member_nobody_sends(document: dict[str, Any]) -> None:
    complete(document)
    document["components"]["schemas"]["Me"]["required"].append("shoe")


@pytest.mark.parametrize(
    ("damage", "operation", "told"),
    [
        (without_refusals, "POST /organisations/{organisation_id}/facts", "Undocumented status code"),
        (with_a_member_nobody_sends, "GET /me", '"shoe" is a required property'),
    ],
)
def test_what_the_document_does_not_say_is_noticed(
    people: dict[str, Any], monkeypatch: pytest.MonkeyPatch, damage: Any, operation: str, told: str
) -> None:
    monkeypatch.setattr(openapi, "complete", damage)
    monkeypatch.setattr(api, "_written", {})
    asker = Asker(Requests({"organisation_id": "nobody"}), people)
    case = asker.right(operation)
    (wrong,) = asker.faults(operation, case, CONFORMS)
    assert told in wrong


def test_what_breaks_the_document_and_passes_is_noticed(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the refusal of unknown keys of a body, and with keys of any form, as it once was."""
    monkeypatch.setattr("hesuan.hub.api.idempotency.PRINTABLE", r"(?s).*")
    operation = "POST /organisations"
    wrong: list[str] = []
    cases = asker.operation(operation).as_strategy(
        generation_mode=GenerationMode.NEGATIVE, body={"name": "New Maker", "kind": "maker"}
    )
    ask(cases, lambda case: wrong.extend(asker.faults(operation, case, REFUSED)), examples=60)
    assert any("Schema-violating request accepted" in one for one in wrong)
