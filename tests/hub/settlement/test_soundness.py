"""I10 to I13 and I14c find the damage they are there for; each is done behind the database's back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from tests.append_only import triggers_lifted
from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.errors import Refused
from hesuan.hub.settlement import payment, soundness
from hesuan.hub.settlement.models import Settlement

pytestmark = [pytest.mark.django_db, pytest.mark.broken_books]

OF_KIND = "(SELECT id FROM ledger_account WHERE ledger LIKE 'programme:%' AND kind = '{}')"
DAMAGE = {
    "issued above what was given": (
        "I10",
        "UPDATE ledger_transfer SET amount_fen = 1 WHERE debit_id IN " + OF_KIND.format("appropriation"),
    ),
    "captured above what was issued": (
        "I10",
        "UPDATE ledger_transfer SET amount_fen = 1 WHERE code = 'issue' AND debit_id IN "
        + OF_KIND.format("budget"),
    ),
    "paid above what was captured": (
        "I10",
        "UPDATE ledger_transfer SET amount_fen = amount_fen * 100 WHERE credit_id IN "
        + OF_KIND.format("paid"),
    ),
    "charged above price times use": (
        "I11",
        "UPDATE settlement_settlement SET charge_fen = charge_fen + 1,"
        " copay_captured_fen = copay_captured_fen + 1",
    ),
    "charged and not captured": (
        "I11",
        "UPDATE ledger_transfer SET amount_fen = amount_fen - 1 WHERE kind = 'capture'"
        " AND id LIKE '%:voucher:end' AND debit_id IN " + OF_KIND.format("voucher"),
    ),
    "metered otherwise": ("I11", "UPDATE metering_usagerecord SET raw = '{}'"),
    "owed above what there is": (
        "I13",
        "UPDATE ledger_account SET credits_posted = credits_posted + 10000000000000 WHERE id IN "
        + OF_KIND.format("centre"),
    ),
    "held above what there is": (
        "I13",
        "UPDATE ledger_transfer SET amount_fen = 1 WHERE debit_id IN " + OF_KIND.format("appropriation"),
    ),
    "suspended and not frozen": (
        "I14c",
        "UPDATE programmes_voucher SET state = 'SUSPENDED' WHERE state = 'ACTIVE'",
    ),
    "good and frozen": ("I14c", "UPDATE ledger_account SET frozen = TRUE WHERE kind = 'voucher'"),
}


@pytest.fixture
def paid(world: Callable[..., ClaimWorld]) -> ClaimWorld:
    """A claim of two settled orders, approved and paid; one order more is settled and not claimed."""
    made = world()
    claim = made.approve(made.claim(made.settle(), made.settle()))
    made.pay_batch(claim)
    made.settle()
    return made


Found = Callable[[], list[str]]


def by_the_check() -> list[str]:
    return [finding.invariant for finding in soundness.check()]


def by_who_pays() -> list[str]:
    """What a payment is refused for."""
    try:
        payment.need_sound()
    except Refused as refused:
        assert refused.code.name == "ledger.unsound"
        return str(refused.facts["invariants"]).split(", ")
    return []


def damaged(statement: str, found_by: Found = by_the_check) -> list[str]:
    """Names of the invariants found broken after a change that nothing stopped; all of it goes back."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                for table, checks in (
                    ("ledger_account", ("not_overdrawn", "counters_not_negative")),
                    ("settlement_settlement", ("capture_within_hold", "charge_within_quote")),
                ):
                    for check in checks:
                        name = f"{'settlement' if 'settle' in table else table}_{check}"
                        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            else:
                cursor.execute("PRAGMA ignore_check_constraints = ON")
            with triggers_lifted(connection):
                cursor.execute(statement)
                assert cursor.rowcount > 0, "the damage must reach a row"
        found = found_by()
        transaction.set_rollback(True)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
    return found


def test_each_damage_is_found_and_paid_books_are_sound(paid: ClaimWorld) -> None:
    assert Settlement.objects.count() == 3 and soundness.check() == []
    for what, (invariant, statement) in DAMAGE.items():
        assert invariant in damaged(statement), what
    assert soundness.check() == []


PAID_OTHERWISE = "UPDATE settlement_payment SET amount_fen = amount_fen + 1"


def test_nothing_is_paid_while_what_was_issued_captured_and_paid_does_not_add_up(paid: ClaimWorld) -> None:
    assert by_who_pays() == []
    for what, (invariant, statement) in DAMAGE.items():
        if invariant != "I11":
            assert invariant in damaged(statement, by_who_pays), what
    assert damaged(PAID_OTHERWISE, by_who_pays) == ["I12a", "I12c"]
    assert by_who_pays() == []


def test_the_ledgers_own_invariants_would_let_it_be_paid(
    paid: ClaimWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: asked as it was, for I1 to I9, a payment of another amount than was moved is none."""
    monkeypatch.setattr(soundness, "BEFORE_PAYING", ())
    assert damaged(PAID_OTHERWISE, by_who_pays) == []


def test_the_row_of_a_finding_says_where_and_how_much(paid: ClaimWorld) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with triggers_lifted(connection), connection.cursor() as cursor:
            cursor.execute("UPDATE metering_usagerecord SET raw = '{}'")
        (finding,) = soundness.check()
        transaction.set_rollback(True)
    assert {row["order_id"] for row in finding.rows} == set(
        Settlement.objects.values_list("order_id", flat=True)
    )
    assert {row["metered_fen"] for row in finding.rows} == {None}
