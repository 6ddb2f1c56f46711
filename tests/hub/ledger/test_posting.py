"""Posting on the real tables: repetition, journals, expiry, and refusals that outlive their transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from hesuan.errors import NotFound
from hesuan.hub.ledger import checks, selectors, services
from hesuan.hub.ledger.models import Attempt, Transfer
from hesuan.hub.ledger.services import Event, LedgerRefused, Outcome, Refusal

pytestmark = pytest.mark.django_db

P, CNY = "programme:p", "cny"
FUND = Event("fund", "transfer", P, 100_000, "fund", "appropriation", "budget")
ISSUE = Event("issue", "transfer", P, 50_000, "issue", "budget", "voucher:v")
DEPOSIT = Event("deposit", "transfer", CNY, 20_000, "deposit", "bank", "organisation:o")
HOLD_VOUCHER = Event("hv", "hold", P, 30_000, "hold", "voucher:v", "centre:c")
HOLD_CASH = Event("hc", "hold", CNY, 20_000, "hold", "organisation:o", "centre:c")


@pytest.fixture(autouse=True)
def _books(db: None) -> None:
    for ledger, key in (
        (P, "appropriation"),
        (P, "budget"),
        (P, "voucher:v"),
        (P, "centre:c"),
        (CNY, "bank"),
        (CNY, "organisation:o"),
        (CNY, "centre:c"),
    ):
        outside = key in ("appropriation", "bank")
        services.open_account(ledger=ledger, key=key, kind=key.partition(":")[0], may_overdraw=outside)
    services.post_or_raise([FUND, ISSUE])
    services.post_or_raise([DEPOSIT])


def available(ledger: str, key: str) -> int:
    return selectors.balance(ledger, key).available_fen


def test_a_journal_across_two_ledgers_happens_whole() -> None:
    services.post_or_raise([HOLD_VOUCHER, HOLD_CASH])
    assert (available(P, "voucher:v"), available(CNY, "organisation:o")) == (20_000, 0)
    assert [row.id for row in selectors.journal("hc")] == ["hv", "hc"]


def test_a_journal_of_which_no_account_is_known_is_refused_and_stays_refused() -> None:
    nowhere = Event("n", "transfer", P, 1, "settle", "nobody", "nothing")
    for _ in range(2):
        assert [outcome.refusal for outcome in services.post([nowhere])] == [Refusal.DEBIT_ACCOUNT_NOT_FOUND]


def test_a_journal_across_two_ledgers_does_not_happen_at_all_when_one_side_is_short() -> None:
    outcomes = services.post([HOLD_VOUCHER, replace(HOLD_CASH, amount_fen=20_001)])
    assert [outcome.refusal for outcome in outcomes] == [Refusal.LINKED_FAILED, Refusal.AVAILABLE_EXCEEDED]
    assert (available(P, "voucher:v"), available(CNY, "organisation:o")) == (50_000, 20_000)
    assert not Transfer.objects.filter(id__in=["hv", "hc"]).exists()
    assert checks.check() == []


def test_the_same_journal_again_has_the_same_outcomes_and_moves_nothing() -> None:
    journal = [HOLD_VOUCHER, HOLD_CASH]
    first = services.post(journal)
    assert services.post(journal) == first
    assert all(outcome.ok for outcome in first)
    assert available(P, "voucher:v") == 20_000
    refused = [replace(HOLD_CASH, id="more")]
    assert services.post(refused) == services.post(refused), "facts of the refusal too"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_fen": 29_999},
        {"code": "reverse"},
        {"credit": "budget"},
        {"debit": "budget"},
        {"ledger": CNY},
        {"kind": "transfer"},
        {"expires_at": timezone.now() + timedelta(days=1)},
    ],
)
def test_the_same_id_with_anything_else_is_refused_and_the_first_outcome_stands(change: dict) -> None:
    services.post_or_raise([HOLD_VOUCHER])
    (outcome,) = services.post([replace(HOLD_VOUCHER, **change)])
    assert outcome.refusal == Refusal.ID_USED_OTHERWISE
    assert services.post([HOLD_VOUCHER]) == [Outcome("hv", ok=True)]


def test_the_same_event_in_another_journal_is_another_request() -> None:
    services.post_or_raise([HOLD_VOUCHER])
    outcomes = services.post([HOLD_VOUCHER, HOLD_CASH])
    assert [o.refusal for o in outcomes] == [Refusal.ID_USED_OTHERWISE, Refusal.LINKED_FAILED]
    assert available(CNY, "organisation:o") == 20_000
    assert services.post([HOLD_CASH])[0].refusal == Refusal.ID_USED_OTHERWISE, "its id was spent on that"


def test_a_hold_may_be_made_and_captured_in_one_journal() -> None:
    capture = Event("cap", "capture", P, 10_000, "capture", pending_id="hv")
    services.post_or_raise([HOLD_VOUCHER, capture])
    assert available(P, "voucher:v") == 40_000
    assert checks.check() == []


def test_a_refusal_raised_through_atomic_is_remembered_although_all_else_is_rolled_back() -> None:
    big = replace(HOLD_CASH, id="big", amount_fen=25_000)
    with pytest.raises(LedgerRefused) as told, services.atomic():
        services.open_account(ledger=CNY, key="organisation:half-made", kind="organisation")
        services.post_or_raise([big])
    assert told.value.code.name == "ledger.available_exceeded"
    assert not selectors.exists(CNY, "organisation:half-made")
    services.post_or_raise([replace(DEPOSIT, id="later")])
    assert services.post([big])[0].refusal == Refusal.AVAILABLE_EXCEEDED, "answered once, answered for ever"


def test_without_it_the_memory_is_lost_and_a_late_copy_spends() -> None:
    """The negative control of the test above, and the reason why ``services.atomic`` exists."""
    big = replace(HOLD_CASH, id="big", amount_fen=25_000)
    with pytest.raises(LedgerRefused), transaction.atomic():
        services.post_or_raise([big])
    services.post_or_raise([replace(DEPOSIT, id="later")])
    assert services.post([big])[0].ok


def test_nested_atomics_remember_too() -> None:
    big = replace(HOLD_CASH, id="big", amount_fen=25_000)
    with pytest.raises(LedgerRefused), services.atomic(), services.atomic():
        services.post_or_raise([HOLD_VOUCHER, big])
    results = dict(Attempt.objects.filter(id__in=["hv", "big"]).values_list("id", "result"))
    assert results == {"hv": "linked_failed", "big": "available_exceeded"}


def test_what_came_first_under_the_id_stands_when_a_refusal_is_remembered_late() -> None:
    big = replace(HOLD_CASH, id="big", amount_fen=25_000)
    with pytest.raises(LedgerRefused), services.atomic():
        with transaction.atomic():
            (refused,) = services.post([big])
            transaction.set_rollback(True)
        services.post_or_raise([replace(DEPOSIT, id="later")])
        services.post_or_raise([big])
        raise LedgerRefused([refused], digest=services.request_digest([big]))
    assert services.post([big])[0].refusal == Refusal.AVAILABLE_EXCEEDED
    services.post_or_raise([replace(DEPOSIT, id="later")])


def test_a_hold_ends_with_its_time_and_not_a_second_before() -> None:
    now = timezone.now()
    services.post_or_raise([replace(HOLD_VOUCHER, expires_at=now + timedelta(hours=1))])
    assert services.expire_holds(now + timedelta(minutes=59)) == []
    assert available(P, "voucher:v") == 20_000
    assert services.expire_holds(now + timedelta(hours=1)) == ["hv"]
    assert services.expire_holds(now + timedelta(hours=1)) == []
    assert available(P, "voucher:v") == 50_000
    (outcome,) = services.post([Event("late", "capture", P, 1, "capture", pending_id="hv")])
    assert outcome.refusal == Refusal.HOLD_ALREADY_RELEASED


def test_a_balance_is_of_an_account_that_was_opened() -> None:
    with pytest.raises(NotFound, match=r"ledger\.account_unknown"):
        selectors.balance(P, "voucher:other")
    assert selectors.exists(P, "voucher:v") and not selectors.exists(CNY, "voucher:v")


def test_transfers_list_both_sides_in_order() -> None:
    services.post_or_raise([HOLD_VOUCHER])
    services.post_or_raise([Event("cap", "capture", P, 10_000, "capture", pending_id="hv")])
    rows = selectors.transfers(P, "voucher:v")
    assert [(row.id, row.kind, row.amount_fen, row.pending_id) for row in rows] == [
        ("issue", "transfer", 50_000, ""),
        ("hv", "hold", 30_000, ""),
        ("cap", "capture", 10_000, "hv"),
    ]
    assert {row.credit for row in rows[1:]} == {"centre:c"}
    assert selectors.transfers(P, "nobody") == []


def test_opening_an_account_again_changes_nothing() -> None:
    services.open_account(ledger=P, key="voucher:v", kind="other", may_overdraw=True)
    (outcome,) = services.post([replace(HOLD_VOUCHER, amount_fen=50_001)])
    assert outcome.refusal == Refusal.AVAILABLE_EXCEEDED
