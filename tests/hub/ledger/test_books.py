"""The check that follows every test, precedes every payment, and comes round every five minutes."""

from __future__ import annotations

import logging

import pytest
from django.db import connection, transaction
from tests import books
from tests.append_only import triggers_lifted

from hesuan.errors import Refused
from hesuan.hub.ledger import checks, services
from hesuan.hub.ledger.rules import Event
from hesuan.hub.settlement import soundness
from hesuan.hub.worker import loop

pytestmark = [pytest.mark.django_db, pytest.mark.broken_books]


@pytest.fixture
def damaged(db: None) -> None:
    for key in ("bank", "b"):
        services.open_account(ledger="l", key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 500, "fund", "bank", "b")])
    assert books.findings() == []
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with triggers_lifted(connection):
            cursor.execute("UPDATE ledger_account SET credits_posted = 501 WHERE key = 'b'")


@pytest.mark.usefixtures("damaged")
def test_the_check_after_every_test_sees_a_fen_too_much() -> None:
    assert {finding.invariant for finding in books.findings()} == {"I1", "I4"}


@pytest.mark.usefixtures("damaged")
def test_nothing_is_paid_from_books_that_do_not_add_up() -> None:
    with pytest.raises(Refused) as told:
        checks.require_sound()
    assert told.value.code.name == "ledger.unsound"
    assert "I1, I4" in str(told.value)


@pytest.mark.usefixtures("db")
def test_sound_books_let_payments_go_on() -> None:
    checks.require_sound()


@pytest.mark.usefixtures("damaged")
def test_the_worker_says_so_once_in_five_minutes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "_checked_at", [])
    with caplog.at_level(logging.ERROR):
        loop.check_books()
        loop.check_books()
    assert [record.args[0] for record in caplog.records if record.args] == ["I1", "I4"]


@pytest.mark.usefixtures("db")
def test_a_payment_without_its_transfer_is_found() -> None:
    for key, kind in (("payable:city", "payable"), ("paid:city", "paid"), ("bank", "bank")):
        services.open_account(ledger="l", key=key, kind=kind, may_overdraw=kind == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 500, "fund", "bank", "payable:city")])
    assert soundness.check() == []
    services.post_or_raise(
        [Event("pay:nobody:city:1", "transfer", "l", 5, "settle", "payable:city", "paid:city")]
    )
    (finding,) = soundness.check()
    assert (finding.invariant, finding.rows[0]["payment"]) == ("I12a", "pay:nobody:city:1")
    assert [one.invariant for one in books.findings()] == ["I12a"], "and by the end of every test"
    assert books.findings(but=("I12",)) == []
