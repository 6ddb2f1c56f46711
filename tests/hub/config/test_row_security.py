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
from django.utils import timezone
from tests.hub.api.requests import Requests
from tests.hub.api.shared_world import SharedWorld
from tests.hub.api.test_api_roles import operations
from tests.hub.config.addresses import addresses
from tests.hub.config.test_addresses import ask, at_pages
from tests.people import Person

from hesuan.hub.identity import readers

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

ROLE = "hesuan_test_application"
READERS = ("owner", "centre_operator", "officer")
"""One of each kind whose rows are narrowed; auditors and operators see everything anyway."""
PROTECTED = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY relname"

PROTECTED_TABLES = """
    files_file files_use
    identity_membership market_deposit market_order market_quote market_quoterefusal market_quoterequest
    metering_attempt metering_finding metering_meterreading metering_usagerecord programmes_application
    programmes_applicationstep programmes_count programmes_interest programmes_objection
    programmes_suspension programmes_voucher programmes_voucherstep registry_aidentry registry_document
    registry_numberuse registry_opening registry_organisationfact registry_relation registry_step
    runs_run runs_runlog runs_runoutput runs_runoutputfile runs_runstate
    settlement_adjustment settlement_auditplan settlement_bankline
    settlement_bankstatement settlement_batch settlement_claim settlement_claimline
    settlement_claimmatch settlement_clawback settlement_clawbackpart settlement_creditnote
    settlement_dispute settlement_draw settlement_floatmovement settlement_instructed
    settlement_instruction settlement_payment settlement_receipt settlement_reconciled
    settlement_reconcilefinding settlement_redemptionstep settlement_sampledaudit settlement_settlement
"""


@pytest.fixture
def people(world_of_requests: SharedWorld, db: None) -> dict[str, Person | Client]:
    return world_of_requests.people()


@pytest.fixture
def requests(world_of_requests: SharedWorld, people: dict[str, Any]) -> Requests:
    return world_of_requests.requests()


@pytest.fixture
def stopped(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands once the world is made: the two rounds are minutes apart, and pages tell the time."""
    at = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: at)


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


@pytest.mark.usefixtures("stopped")
def test_every_reader_is_told_the_same_with_it_as_without(people: dict[str, Any], requests: Requests) -> None:
    """A read that compares everybody's rows says ``for_everybody``, or this fails at its address."""
    reading = [operation for operation in operations() if operation.startswith("GET ")]
    asked = [(operation, name) for operation in reading for name in READERS]
    without = {one: told(requests, one[0], people[one[1]]) for one in asked}
    with as_the_application():
        within = {one: told(requests, one[0], people[one[1]]) for one in asked}
    assert {one: (without[one], within[one]) for one in asked if without[one] != within[one]} == {}


@pytest.mark.usefixtures("stopped")
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
    publicised = run("SELECT count(*) FROM programmes_applicationstep WHERE trigger = 'publicise'")[0][0]
    public = {"programmes_application": 2, "programmes_applicationstep": publicised}
    tables = [name for (name,) in run(PROTECTED)]
    with as_the_application():
        assert all(count(table) for table in ("market_order", "programmes_voucher", "registry_document"))
        for said_so in ("RESET hesuan.organisations", "SET LOCAL hesuan.organisations = 'nobody'"):
            run(said_so)
            assert {table: count(table) for table in tables} == {**dict.fromkeys(tables, 0), **public}


def test_the_tables_of_money_and_of_personal_records_are_protected(db: None) -> None:
    assert {name for (name,) in run(PROTECTED)} == set(PROTECTED_TABLES.split())


def test_a_forgotten_condition_shows_nobody_elses_money(requests: Requests) -> None:
    """The tables of what was settled and paid, read as a selector without any condition would."""
    paid = ("settlement_settlement", "settlement_payment", "settlement_instruction", "settlement_batch")
    own = run("SELECT party_id FROM settlement_instruction LIMIT 1")[0][0]
    with as_the_application():
        everything = {table: count(table) for table in paid}
        run("SET LOCAL hesuan.organisations = 'a stranger'")
        assert all(everything.values()) and not any(count(table) for table in paid)
        run(f"SET LOCAL hesuan.organisations = '{own}'")
        assert count("settlement_instruction") > 0 and count("settlement_payment") > 0


def test_a_settlement_and_its_order_are_shown_to_the_same(requests: Requests) -> None:
    """Two policies that would ask each other; the function between them answers organisations only."""
    holder, centre = run(
        "SELECT o.organisation_id, c.organisation_id FROM settlement_settlement s"
        " JOIN market_order o ON o.id = s.order_id JOIN centres_centre c ON c.id = o.centre_id LIMIT 1"
    )[0]
    with as_the_application():
        for organisation in (holder, centre):
            run(f"SET LOCAL hesuan.organisations = '{organisation}'")
            seen = "SELECT count(*) FROM settlement_settlement s"
            assert run(seen) == run(f"{seen} JOIN market_order o ON o.id = s.order_id") != [(0,)]


def test_a_rollback_does_not_leave_one_reader_what_another_was_shown(db: None) -> None:
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
