"""PostgreSQL's row-level security: with a selector's condition gone, the database still shows nobody's rows.

The tests' own role is a superuser, whom nothing holds; so here they become a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.test import Client
from tests.hub.api.requests import Requests, make_requests
from tests.hub.api.test_api_roles import PEOPLE, operations
from tests.hub.config.addresses import addresses
from tests.hub.config.test_addresses import ask, at_pages
from tests.people import Person

from hesuan.hub.identity import readers

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

ROLE = "hesuan_test_application"
READERS = ("owner", "centre_operator", "officer")
"""One of each kind whose rows are narrowed; auditors and operators see everything anyway."""
PROTECTED = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY relname"


@pytest.fixture
def people(request: pytest.FixtureRequest) -> dict[str, Person | Client]:
    return {name: request.getfixturevalue(name) for name in PEOPLE}


@pytest.fixture
def requests(people: dict[str, Any]) -> Requests:
    return make_requests(people)


@contextmanager
def as_the_application() -> Iterator[None]:
    """No superuser and no owner: what the hub's own user is in production."""
    with transaction.atomic():
        run(f"CREATE ROLE {ROLE}")
        run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}")
        run(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}")
        run(f"SET LOCAL ROLE {ROLE}")
        try:
            yield
        finally:
            transaction.set_rollback(True)


def is_a_page(address: str) -> bool:
    return not address.startswith(("/accounts/", "/gateway/", "/api/", "/i18n/"))


def run(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def told(requests: Requests, operation: str, person: Person | Client) -> tuple[int, bytes]:
    client = person if isinstance(person, Client) else person.client
    answer = client.get("/api/v1" + requests.filled(operation), headers={"Accept-Language": "en"})
    return answer.status_code, answer.getvalue()


def test_every_reader_is_told_the_same_with_it_as_without(people: dict[str, Any], requests: Requests) -> None:
    """A read that compares everybody's rows says ``for_everybody``, or this fails at its address."""
    reading = [operation for operation in operations() if operation.startswith("GET ")]
    asked = [(operation, name) for operation in reading for name in READERS]
    without = {one: told(requests, one[0], people[one[1]]) for one in asked}
    with as_the_application():
        within = {one: told(requests, one[0], people[one[1]]) for one in asked}
    assert {one: (without[one], within[one]) for one in asked if without[one] != within[one]} == {}


def test_every_page_is_the_same_with_it_as_without(people: dict[str, Any], requests: Requests) -> None:
    at_pages(requests)
    asked = [(address, name) for address in addresses() if is_a_page(address) for name in READERS]
    without = {one: ask(requests, one[0], people[one[1]]) for one in asked}
    with as_the_application():
        within = {one: ask(requests, one[0], people[one[1]]) for one in asked}
    assert {one: (without[one], within[one]) for one in asked if without[one] != within[one]} == {}


def test_a_forgotten_condition_shows_nobody_elses_order(
    people: dict[str, Any], requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The condition of one selector is dropped: without row security its order is shown, with it not."""
    monkeypatch.setattr("hesuan.hub.market.selectors.visible_to", lambda *_: Q())
    stranger, operation = people["stranger"], "GET /orders/{order_id}"
    assert told(requests, operation, stranger)[0] == 200
    listed = told(requests, "GET /orders", stranger)[1]
    with as_the_application():
        assert told(requests, operation, stranger)[0] == 404
        kept = told(requests, "GET /orders", stranger)[1]
    order = requests.ids["order_id"].encode()
    assert order in listed and order not in kept


def test_a_connection_that_says_nothing_is_shown_what_is_public_and_nothing_else(requests: Requests) -> None:
    public = {"programmes_application": 2}
    tables = [name for (name,) in run(PROTECTED)]
    with as_the_application():
        assert all(count(table) for table in ("market_order", "programmes_voucher", "registry_document"))
        for said_so in ("RESET hesuan.organisations", "SET LOCAL hesuan.organisations = 'nobody'"):
            run(said_so)
            assert {table: count(table) for table in tables} == {**dict.fromkeys(tables, 0), **public}


def test_the_tables_of_money_and_of_personal_records_are_protected(db: None) -> None:
    assert {name for (name,) in run(PROTECTED)} == {
        "market_deposit",
        "market_order",
        "market_quote",
        "market_quoterequest",
        "metering_usagerecord",
        "programmes_application",
        "programmes_voucher",
        "registry_aidentry",
        "registry_document",
        "registry_organisationfact",
        "registry_relation",
        "runs_run",
        "runs_runlog",
        "settlement_claim",
        "settlement_claimline",
        "settlement_clawback",
        "settlement_creditnote",
        "settlement_receipt",
    }


def test_a_rollback_does_not_leave_one_reader_what_another_was_shown(owner: Person) -> None:
    """PostgreSQL takes a setting back with the transaction that made it; the engine tells it again."""
    with readers.for_everybody():
        try:
            with transaction.atomic():
                readers.only("first")
                assert said() == "first"
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        assert said() == "first"
        readers.only("second")
        assert said() == "second"
    assert said() == readers.EVERYBODY


def said() -> str:
    return str(run("SELECT current_setting('hesuan.organisations')")[0][0])


def count(table: str) -> int:
    return int(run(f"SELECT count(*) FROM {table}")[0][0])
