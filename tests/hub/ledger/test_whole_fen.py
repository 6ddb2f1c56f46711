"""SQLite keeps 1.5 or 'abc' in a column of integers; in a column of money of ours it keeps neither."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from tests.append_only import triggers_lifted

from hesuan.hub.ledger import services
from hesuan.hub.ledger.models import Account, Transfer
from hesuan.hub.ledger.services import Event

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.broken_books,
    pytest.mark.sqlite,  # PostgreSQL's columns have their type
]

MONEY = sorted(
    (model._meta.db_table, field.column)
    for model in apps.get_models()
    for field in model._meta.local_fields
    if isinstance(field, models.IntegerField)
    and (str(field.column).endswith("_fen") or (model is Account and not field.primary_key))
)
BAD = ["1.5", "'abc'", "'1.5'", "x'31'", "9223372036854775808"]
"""The last of them SQLite reads as a float, for it has no integer as large."""
SPARE = "INSERT INTO ledger_transfer (id, kind, debit_id, credit_id, amount_fen, code, journal, at)"


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    for key in ("bank", "b"):
        services.open_account(ledger="l", key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 500, "fund", "bank", "b")])
    run(
        "INSERT INTO ledger_attempt (id, digest, result, facts, at)"
        " SELECT 'spare', digest, 'ok', facts, at FROM ledger_attempt WHERE id = 'fund'"
    )


@pytest.mark.parametrize(("table", "column"), MONEY, ids=str)
def test_no_column_of_money_takes_what_is_no_whole_number(table: str, column: str) -> None:
    for value in BAD:
        with pytest.raises(IntegrityError, match="whole numbers"), transaction.atomic():
            run(f"INSERT INTO {table} ({column}) VALUES ({value})")
    with pytest.raises(DatabaseError) as other, transaction.atomic():
        run(f"INSERT INTO {table} ({column}) VALUES (1)")
    assert "whole numbers" not in str(other.value), "a whole number is refused for what the row lacks"


@pytest.mark.parametrize("value", BAD)
def test_the_ledger_keeps_none(value: str) -> None:
    for statement in (insertion(value), f"UPDATE ledger_account SET version = {value}"):
        with pytest.raises(DatabaseError), transaction.atomic():
            run(statement)
            assert_whole()
    assert_whole()


def test_without_the_triggers_it_would_have_kept_them() -> None:
    for number, value in enumerate(("1.5", "'abc'")):
        with triggers_lifted(connection), transaction.atomic():
            run(insertion(value).replace("'spare'", f"'spare{number}'"))
            with pytest.raises(AssertionError):
                assert_whole()
            transaction.set_rollback(True)


def insertion(amount: str) -> str:
    return (
        f"{SPARE} SELECT 'spare', kind, debit_id, credit_id, {amount}, code, journal, at"
        " FROM ledger_transfer WHERE id = 'fund'"
    )


def assert_whole() -> None:
    kept = [*Transfer.objects.values_list("amount_fen"), *Account.objects.values_list("version")]
    assert all(type(value) is int for (value,) in kept), kept


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
