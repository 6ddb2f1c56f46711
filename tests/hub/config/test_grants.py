"""The hub's own database user adds rows of money and changes none, and cannot lift the triggers either."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from tests.append_only import triggers_lifted

from hesuan.errors import NotFound, Refused
from hesuan.hub.config import grants, server
from hesuan.hub.ledger import services
from hesuan.hub.ledger.rules import Event

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

ROLE = "hesuan_test_granted"
FORBIDDEN = {
    "a transfer changed": "UPDATE ledger_transfer SET amount_fen = 1",
    "a transfer deleted": "DELETE FROM ledger_transfer",
    "transfers truncated": "TRUNCATE ledger_transfer CASCADE",
    "an attempt changed": "UPDATE ledger_attempt SET result = 'ok'",
    "an attempt deleted": "DELETE FROM ledger_attempt",
    "attempts truncated": "TRUNCATE ledger_attempt",
    "an account's licence changed": "UPDATE ledger_account SET may_overdraw = TRUE",
    "an account deleted": "DELETE FROM ledger_account",
    "a fact deleted": "DELETE FROM audit_fact",
    "facts truncated": "TRUNCATE audit_fact CASCADE",
    "a migration forgotten": "DELETE FROM django_migrations",
    "a history's row deleted": "DELETE FROM settlement_payment",
    "a trigger dropped": "DROP TRIGGER ledger_transfer_sound ON ledger_transfer",
    "triggers lifted": "ALTER TABLE ledger_transfer DISABLE TRIGGER USER",
    "a guard replaced": "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NULL; END'",
    "a table made": "CREATE TABLE aside (id int)",
    "a schema made": "CREATE SCHEMA aside",
    "a temporary table before ours": "CREATE TEMPORARY TABLE ledger_transfer (id text)",
    "a log deleted": "DELETE FROM audit_log",
    "a node changed": "UPDATE audit_node SET level = 1",
    "a node deleted": "DELETE FROM audit_node",
    "a checkpoint changed": "UPDATE audit_checkpoint SET size = 1",
    "a checkpoint deleted": "DELETE FROM audit_checkpoint",
    "a cosignature changed": "UPDATE audit_cosignature SET line = ''",
    "a cosignature deleted": "DELETE FROM audit_cosignature",
    "an anchor changed": "UPDATE audit_anchor SET succeeded = TRUE",
    "an anchor deleted": "DELETE FROM audit_anchor",
    "a payment changed": "UPDATE settlement_payment SET id = id",
    "a payment deleted": "DELETE FROM settlement_payment",
    "a settlement deleted": "DELETE FROM settlement_settlement",
    "a voucher deleted": "DELETE FROM programmes_voucher",
}
SPEND = Event("spend", "transfer", "l", 5, "settle", "b", "c")


@pytest.fixture(autouse=True)
def _books(db: None) -> None:
    for key in ("bank", "b", "c"):
        services.open_account(ledger="l", key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 500, "fund", "bank", "b")])
    run("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def role(_books: None) -> str:
    """A user of the server who may nothing yet; it goes with the test's transaction."""
    run(f"CREATE ROLE {ROLE}")
    return ROLE


@pytest.fixture
def serving(role: str) -> Iterator[None]:
    """The rest of the test is that user."""
    grants.grant(role)
    run(f"SET LOCAL ROLE {role}")
    yield
    run("RESET ROLE")


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.usefixtures("serving")
def test_the_server_refuses_by_right_before_any_trigger(what: str) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
    ):
        run(FORBIDDEN[what])


@pytest.mark.parametrize("what", [what for what in FORBIDDEN if "transfer" in what or "attempt" in what])
def test_whoever_owns_the_tables_would_be_let(what: str) -> None:
    """The negative control: without the triggers nothing but the missing right stood in the way."""
    with transaction.atomic():
        with triggers_lifted(connection):
            run(FORBIDDEN[what])
        transaction.set_rollback(True)


@pytest.mark.usefixtures("serving")
def test_what_serving_needs_is_granted() -> None:
    services.post_or_raise([SPEND])
    services.open_account(ledger="l", key="new", kind="test")
    assert services.post([SPEND])[0].ok


@pytest.mark.usefixtures("serving")
def test_a_log_may_be_locked_and_not_renamed() -> None:
    run("INSERT INTO audit_log (name) VALUES ('one')")
    run("SELECT * FROM audit_log FOR UPDATE")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        run("UPDATE audit_log SET name = 'two'")


def test_without_grants_nothing_is_let(role: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        run(f"SET LOCAL ROLE {role}")
        services.post([SPEND])


def test_it_is_safe_to_repeat_and_takes_back_what_was_too_much(role: str) -> None:
    run(f"GRANT ALL ON ledger_transfer TO {role}")
    assert grants.grant(role) == grants.grant(role) > 50
    run(f"SET LOCAL ROLE {role}")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        run(FORBIDDEN["a transfer changed"])
    run("RESET ROLE")


@pytest.mark.parametrize("given", ["TEMPORARY ON DATABASE", "CREATE ON DATABASE", "CREATE ON SCHEMA"])
def test_a_right_to_tables_that_others_gave_is_not_passed_over(role: str, given: str) -> None:
    run("CREATE ROLE hesuan_test_group")
    database = "public" if "SCHEMA" in given else f'"{connection.settings_dict["NAME"]}"'
    run(f"GRANT {given} {database} TO hesuan_test_group")
    run(f"GRANT hesuan_test_group TO {role}")
    with pytest.raises(Refused, match="may still make tables"):
        grants.grant(role)


def test_what_triggers_always_refuse_is_no_right(role: str) -> None:
    assert {"settlement_payment UPDATE", "settlement_payment DELETE", "market_order DELETE"} <= refused()
    assert "market_order UPDATE" not in refused(), "of an order some columns change"
    run("DROP TRIGGER settlement_payment_append_only_delete ON settlement_payment")
    assert "settlement_payment DELETE" not in refused()


def refused() -> set[str]:
    return set(grants._column(grants._ALWAYS_REFUSED, list(grants.REFUSING)))


def test_nobody_and_too_strong_are_told_apart() -> None:
    with pytest.raises(NotFound, match="CREATE ROLE nobody_here"):
        grants.grant("nobody_here")
    with pytest.raises(Refused, match="superuser"):
        grants.grant(str(connection.settings_dict["USER"]))


def said() -> list[str]:
    told: list[str] = []
    server.say_if_owner(lambda en, _zh: told.append(en))
    return told


@pytest.mark.usefixtures("serving")
def test_who_owns_nothing_serves_without_a_word() -> None:
    assert said() == []


def test_who_serves_as_the_owner_is_told() -> None:
    (sentence,) = said()
    assert "serves as the owner of its tables" in sentence and "db-roles" in sentence
