"""The whole road of money under the hub's own database user, who then can change none of what it wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connection, transaction
from tests.append_only import triggers_lifted
from tests.hub.config.test_grants import FORBIDDEN, ROLE, run
from tests.road import Road
from tests.road_fixtures import ledger_balances, road, site

from hesuan.hub.config import grants
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.settlement import soundness
from hesuan.hub.settlement.models import Receipt, Settlement

__all__ = ["ledger_balances", "road", "site"]
pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
HISTORIES = "SELECT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE tgname = relname || %s"
"""Tables of which triggers let no row go."""
BY_RIGHT = r"permission denied|must be owner"


@pytest.fixture
def served(road: Road) -> Iterator[Road]:
    """A hold, its capture, the settlement, the receipt and the log's leaves, by a user who owns nothing."""
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run(f"CREATE ROLE {ROLE}")
    run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as PostgreSQL 15 and later begin
    grants.grant(ROLE)
    run(f"SET LOCAL ROLE {ROLE}")
    road.finish(road.place())
    yield road
    run("RESET ROLE")


def test_money_is_held_captured_and_settled(served: Road) -> None:
    assert {"hold", "capture"} <= set(Transfer.objects.values_list("kind", flat=True))
    assert Settlement.objects.get().charge_fen == 420
    assert Receipt.objects.get().state == Receipt.State.SIGNED
    assert served.balance().available_fen == 1_000_000 - 420
    assert soundness.check() == []


def test_and_nothing_of_it_is_changed_after_that(served: Road) -> None:
    for what, statement in FORBIDDEN.items():
        with pytest.raises(ProgrammingError, match=BY_RIGHT), transaction.atomic():
            run(statement)
        assert what


def test_without_the_grants_nothing_but_a_trigger_stands_in_the_way(road: Road) -> None:
    """The control: the same rows, by the owner of the tables, who takes the triggers away first."""
    road.finish(road.place())
    run("SET CONSTRAINTS ALL IMMEDIATE")
    with transaction.atomic():
        with triggers_lifted(connection):
            run("UPDATE ledger_transfer SET amount_fen = 1")
        assert set(Transfer.objects.values_list("amount_fen", flat=True)) == {1}
        transaction.set_rollback(True)


def test_no_row_of_any_history_may_go(road: Road) -> None:
    """Every table that a trigger keeps, and not the few that were thought of."""
    run(f"CREATE ROLE {ROLE}")
    grants.grant(ROLE)
    kept = grants._column(HISTORIES, ["_append_only_delete"])
    may = (
        "SELECT relname FROM pg_class WHERE relname = %s AND has_table_privilege(%s, oid, 'DELETE, TRUNCATE')"
    )
    assert len(kept) > 20
    assert [table for table in kept if grants._column(may, [table, ROLE])] == []
    assert grants._column(may, ["market_quoterequest", ROLE]) == ["market_quoterequest"]
