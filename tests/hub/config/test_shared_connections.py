"""Requests share connections to PostgreSQL, and nothing said on one reaches the next; threads share none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.utils import OperationalError, load_backend
from tools import postgres

from hesuan.hub.identity import readers, sharing

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(postgres.programs() is None, reason="no PostgreSQL programs on this machine"),
]
ENGINE = "hesuan.hub.identity.postgresql"
SHARED = {"min_size": 1, "max_size": 1, "timeout": 20}
"""One alone, so that the next request gets the one before's."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.temporary_server(thrown_away=True) as address:
        yield address


@contextmanager
def over(address: str) -> Iterator[None]:
    """The hub over that database with shared connections, for the time of the block."""
    kept = connections["default"]
    given = {**kept.settings_dict, **dj_database_url.parse(address), "ENGINE": ENGINE}
    given |= {"OPTIONS": {"pool": SHARED}, "CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 0}
    own = connections["default"] = load_backend(ENGINE).DatabaseWrapper(given)
    try:
        yield
    finally:
        own.close()
        if pool := type(own)._connection_pools.pop("default", None):
            pool.close()
        connections["default"] = kept


@pytest.fixture
def _own(db: None, server: str) -> Iterator[None]:
    with over(server):
        yield


def in_a_request(ask: Callable[[], Any]) -> Any:
    """What is asked by one request, which closes its connection at its end."""

    def request() -> Any:
        sharing.share()
        try:
            return ask()
        finally:
            connection.close()

    return copy_context().run(request)


def session() -> int:
    """The server's process behind this connection."""
    return int(one("SELECT pg_backend_pid()"))


def one(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


@pytest.mark.usefixtures("_own")
def test_requests_share_a_session_and_what_is_no_request_has_its_own() -> None:
    first = in_a_request(session)
    assert in_a_request(session) == first
    own = session()
    connection.close()
    assert own != first and session() != own


@pytest.mark.usefixtures("_own")
def test_a_request_reads_for_its_own_organisations_whatever_the_one_before_was_told() -> None:
    def told(whose: str) -> tuple[int, object]:
        with readers.for_everybody():
            readers.only(whose)
            return session(), one("SELECT current_setting('hesuan.organisations')")

    before = in_a_request(lambda: told("A"))
    assert before[1] == "A"
    assert in_a_request(lambda: (session(), one("SELECT current_setting('hesuan.organisations')"))) == (
        before[0],
        readers.EVERYBODY,
    )
    assert in_a_request(lambda: told("B")) == (before[0], "B")


@pytest.mark.usefixtures("_own")
def test_without_forgetting_what_was_told_the_next_would_read_for_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control."""

    def told_a() -> None:
        with readers.for_everybody():
            readers.only("A")
            session()

    in_a_request(told_a)
    kind = type(connections["default"])
    monkeypatch.setattr(kind, "init_connection_state", lambda self: setattr(self, "_told", readers.EVERYBODY))
    assert in_a_request(lambda: one("SELECT current_setting('hesuan.organisations')")) == "A"


@pytest.mark.usefixtures("_own")
def test_each_shared_session_is_pinned_and_an_open_transaction_is_rolled_back() -> None:
    def left_open() -> None:
        transaction.set_autocommit(False)
        one("SELECT 1")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE left_behind (id int)")

    in_a_request(left_open)
    assert in_a_request(lambda: one("SELECT to_regclass('left_behind') IS NULL")) is True
    isolation = in_a_request(lambda: one("SELECT current_setting('default_transaction_isolation')"))
    assert isolation == "read committed"


@pytest.mark.usefixtures("_own")
def test_a_session_that_the_server_ended_is_not_handed_on(server: str) -> None:
    first = in_a_request(session)
    with psycopg.connect(server, autocommit=True) as operator:
        operator.execute("SELECT pg_terminate_backend(%s)", [first])
    assert in_a_request(session) != first


@pytest.mark.usefixtures("_own")
def test_who_finds_none_free_is_told_so_and_the_next_is_served() -> None:
    """The one that there is is lent out, for longer than anybody waits."""
    settings = connections["default"].settings_dict
    settings["OPTIONS"] = {"pool": {**SHARED, "timeout": 1}}
    lent, back = threading.Event(), threading.Event()

    def wait() -> None:
        session()
        lent.set()
        back.wait(120)

    def keep() -> None:
        connections["default"] = load_backend(ENGINE).DatabaseWrapper(settings)
        in_a_request(wait)

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        assert lent.wait(60)
        with pytest.raises(OperationalError):
            in_a_request(session)
    finally:
        back.set()
        thread.join()
    assert in_a_request(session)
