"""What the ledger rests on is asked of the database server, and not hoped for."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from django.test import override_settings
from tests.hub.config.test_fail_closed import over
from tools import postgres

from hesuan.errors import Refused
from hesuan.hub.config import asgi, server
from hesuan.hub.identity.postgresql import base

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(postgres.programs() is None, reason="no PostgreSQL programs on this machine"),
]


@pytest.fixture(scope="module")
def careless() -> Iterator[str]:
    """A server that waits for no disk, whose operator also chose other defaults for every session."""
    with postgres.temporary_server(thrown_away=True) as address:
        with psycopg.connect(address, autocommit=True) as operator:
            operator.execute("ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'")
            operator.execute("ALTER DATABASE postgres SET synchronous_commit = 'off'")
        yield address


@pytest.fixture
def _own(db: None, careless: str) -> Iterator[None]:
    with over(careless):
        yield


@pytest.mark.usefixtures("_own")
def test_a_connection_is_read_committed_and_on_disk_whatever_the_server_says() -> None:
    with override_settings(MODE="production"):
        assert sessions() == ("read committed", "on")


@pytest.mark.usefixtures("_own")
def test_without_the_pin_the_server_would_have_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(base, "PINNED", "SELECT %s")
    with override_settings(MODE="production"):
        assert sessions() == ("serializable", "off")


@pytest.mark.usefixtures("_own")
def test_more_than_on_is_followed() -> None:
    run("ALTER DATABASE postgres SET synchronous_commit = 'remote_apply'")
    connection.close()
    with override_settings(MODE="production"):
        assert sessions() == ("read committed", "remote_apply")
    run("ALTER DATABASE postgres SET synchronous_commit = 'off'")


@pytest.mark.usefixtures("_own")
def test_production_begins_over_no_server_that_loses_what_it_wrote() -> None:
    with override_settings(PRODUCTION=True):
        with pytest.raises(Refused, match="fsync, full_page_writes off"):
            server.prepare(lambda *_: None)
        assert "hub.database_loses_writes" in asgi._refusal() or "fsync" in asgi._refusal()


@pytest.mark.usefixtures("_own")
def test_a_database_to_be_thrown_away_is_served_in_development() -> None:
    with override_settings(PRODUCTION=False):
        server.require_durable()


def test_a_server_that_waits_for_its_disk_is_served_in_production() -> None:
    with postgres.temporary_server() as address, over(address), override_settings(PRODUCTION=True):
        server.require_durable()


def sessions() -> tuple[str, ...]:
    """Isolation and durability of a transaction on this connection."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('transaction_isolation'), current_setting('synchronous_commit')"
        )
        return tuple(str(one) for one in cursor.fetchone())


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
