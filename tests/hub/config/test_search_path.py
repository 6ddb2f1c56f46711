"""The guards of the database read our tables, whatever tables the session made before them.

Two things stand in the way, and each holds alone: the hub's user may make no temporary table
(``test_grants``), and no function of ours would look at one (here, where the user has that right back).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction

from hesuan.hub.config import grants
from hesuan.hub.ledger import services
from hesuan.hub.ledger.rules import Event

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

ROLE = "hesuan_test_shadowing"
LEDGER = "programme:p"
INLINED = ("hesuan_may_see",)
"""Put into the query that asks them, which a setting would forbid; they name no table."""
SHADOWS = (
    "CREATE TEMP TABLE ledger_attempt AS SELECT 'theft'::text AS id, 'ok'::text AS result",
    "CREATE TEMP TABLE ledger_account AS SELECT id, 'elsewhere'::text AS ledger, FALSE AS frozen"
    " FROM public.ledger_account",
    "CREATE TEMP TABLE ledger_transfer AS SELECT id, kind, debit_id, credit_id, 100000 AS amount_fen"
    " FROM public.ledger_transfer WHERE id = 'held'",
    "CREATE TEMP TABLE added (id text)",
    "CREATE TEMP TABLE disclosure_disclosed (transfer_id bigint, programme text)",
)
THEFT = """
    INSERT INTO public.ledger_transfer
        (id, kind, pending_id, debit_id, credit_id, amount_fen, code, journal, at)
    SELECT 'theft', 'capture', id, debit_id, credit_id, 100000, 'capture', 'theft', now()
    FROM public.ledger_transfer WHERE id = 'held'
"""
TOLD = """
    SELECT count(*) FROM public.ledger_transfer t JOIN public.disclosure_disclosed d ON d.transfer_id = t.seq
    WHERE t.id = 'spend'
"""


@pytest.fixture
def shadowed(db: None) -> Iterator[None]:
    """A hold of 10 fen, and a user of the server whose own tables stand before ours."""
    for key in ("bank", "b", "c"):
        kind = "appropriation" if key == "bank" else "test"
        services.open_account(ledger=LEDGER, key=key, kind=kind, may_overdraw=key == "bank")
    services.post_or_raise(
        [
            Event("fund", "transfer", LEDGER, 500, "fund", "bank", "b"),
            Event("held", "hold", LEDGER, 10, "hold", "b", "c"),
        ]
    )
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run(f"CREATE ROLE {ROLE}")
    grants.grant(ROLE)
    run(f'GRANT TEMPORARY ON DATABASE "{connection.settings_dict["NAME"]}" TO {ROLE}')
    run(f"SET LOCAL ROLE {ROLE}")
    for statement in SHADOWS:
        run(statement)
    yield
    run(f"DROP TABLE IF EXISTS {', '.join(f'pg_temp.{one.split()[3]}' for one in SHADOWS)}")
    run("RESET ROLE")


@pytest.mark.usefixtures("shadowed")
def test_a_hold_made_up_in_a_temporary_table_pays_nothing() -> None:
    with pytest.raises(DatabaseError, match="unsound transfer refused"), transaction.atomic():
        run(THEFT)


@pytest.mark.usefixtures("shadowed")
def test_without_the_setting_it_would_have_paid() -> None:
    unsettled("ledger_refuse_unsound()")
    with transaction.atomic():
        run(THEFT)
        transaction.set_rollback(True)


@pytest.mark.usefixtures("shadowed")
def test_what_moves_is_told_to_the_log_although_a_temporary_table_stands_before_its_own() -> None:
    run("DROP TABLE pg_temp.ledger_attempt, pg_temp.ledger_account, pg_temp.ledger_transfer")
    assert told_of_a_transfer() == 1


@pytest.mark.usefixtures("shadowed")
def test_without_the_setting_it_would_not_be_told() -> None:
    run("DROP TABLE pg_temp.ledger_attempt, pg_temp.ledger_account, pg_temp.ledger_transfer")
    unsettled("disclosure_tell()")
    assert told_of_a_transfer() == 0


def told_of_a_transfer() -> int:
    with transaction.atomic():
        services.post_or_raise([Event("spend", "transfer", LEDGER, 5, "settle", "b", "c")])
        ((told,),) = rows(TOLD)
        transaction.set_rollback(True)
    return int(str(told))


def test_every_function_of_ours_says_where_it_looks() -> None:
    assert loose() == set(INLINED)
    for name, body in rows("SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"):
        assert name not in INLINED or not {"from", "join", "into"} & set(str(body).lower().split())


@pytest.mark.parametrize("more", ["", "SET search_path = public", "SET search_path = pg_temp, public"])
def test_one_more_function_without_it_would_be_found(more: str) -> None:
    run(f"CREATE FUNCTION one_more() RETURNS trigger LANGUAGE plpgsql {more} AS 'BEGIN RETURN NEW; END'")
    assert loose() == {*INLINED, "one_more"}


def loose() -> set[str]:
    """Functions of our schema that do not search PostgreSQL's own first and temporary tables last."""
    found = rows(
        "SELECT proname, coalesce((SELECT s FROM unnest(proconfig) s WHERE s LIKE 'search_path=%'), '')"
        " FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    )
    paths = {str(name): str(path).partition("=")[2].split(", ") for name, path in found}
    assert len(paths) > 8
    return {name for name, path in paths.items() if path[0] != "pg_catalog" or path[-1] != "pg_temp"}


def unsettled(function: str) -> None:
    """The negative control: the function as it was."""
    run("RESET ROLE")
    run(f"ALTER FUNCTION {function} RESET search_path")
    run(f"SET LOCAL ROLE {ROLE}")


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
