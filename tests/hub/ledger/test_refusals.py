"""Every refusal, one row a code, in order of precedence; and each outranks those below it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hesuan.errors import REGISTRY
from hesuan.hub.ledger.errors import CODES, LedgerRefused
from hesuan.hub.ledger.rules import (
    MAX_AMOUNT_FEN,
    MAX_COUNTER_FEN,
    Counters,
    Decision,
    Event,
    Outcome,
    Refusal,
    Remembered,
    Target,
    decide,
)

NOW = datetime(2026, 5, 3, 10, 0, tzinfo=UTC)
PAST, LATER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
L = "programme:p"

ACCOUNTS = {
    (L, "V"): Counters(credits_posted=1000, debits_pending=650),
    (L, "centre"): Counters(credits_pending=650),
    (L, "full"): Counters(credits_posted=MAX_COUNTER_FEN),
    (L, "bank"): Counters(may_overdraw=True),
    (L, "frozen"): Counters(credits_posted=1000, debits_pending=300, frozen=True),
    (L, "frozen bank"): Counters(may_overdraw=True, frozen=True),
}
PENDING = {
    "H": Target("H", "hold", L, "V", "centre", 300),
    "paid": Target("paid", "transfer", L, "V", "centre", 300),
    "captured": Target("captured", "hold", L, "V", "centre", 300, PAST, "capture"),
    "released": Target("released", "hold", L, "V", "centre", 300, PAST, "release"),
    "late": Target("late", "hold", L, "V", "centre", 300, NOW),
    "in time": Target("in time", "hold", L, "V", "centre", 50, LATER),
    "of frozen": Target("of frozen", "hold", L, "frozen", "centre", 300),
}
KNOWN = {"used": Remembered("sha256:other", Outcome("used", ok=True))}
MOVE = Event("new", "transfer", L, 100, "settle", "V", "centre")
HOLD = Event("new", "hold", L, 100, "hold", "V", "centre")
CAPTURE = Event("new", "capture", L, 100, "capture", pending_id="H")
RELEASE = Event("new", "release", L, 0, "release", pending_id="H")


def decided(*events: Event) -> Decision:
    known = {event.id: KNOWN[event.id] for event in events if event.id in KNOWN}
    return decide(events, accounts=ACCOUNTS, known=known, pending=PENDING, digest="sha256:this", at=NOW)


def answer(*events: Event) -> list[str]:
    return [outcome.refusal.value if outcome.refusal else "ok" for outcome in decided(*events).outcomes]


# One row a code, in the order of Refusal. The event breaks its own rule and, where it can, rules ranked
# below it: what is answered is the first that applies.
TABLE = [
    (Refusal.ID_USED_OTHERWISE, replace(MOVE, id="used", amount_fen=0, debit="nobody")),
    (Refusal.AMOUNT_NOT_POSITIVE, replace(MOVE, amount_fen=0, debit="centre")),
    (Refusal.AMOUNT_ABOVE_LIMIT, replace(MOVE, amount_fen=MAX_AMOUNT_FEN + 1, debit="centre")),
    (Refusal.ACCOUNTS_MUST_DIFFER, replace(MOVE, debit="nobody", credit="nobody")),
    (Refusal.DEBIT_ACCOUNT_NOT_FOUND, replace(MOVE, debit="nobody", credit="no one")),
    (Refusal.CREDIT_ACCOUNT_NOT_FOUND, replace(HOLD, credit="no one", amount_fen=5000, expires_at=PAST)),
    (Refusal.HOLD_NOT_FOUND, replace(CAPTURE, pending_id="nothing", debit="full")),
    (Refusal.NOT_A_HOLD, replace(CAPTURE, pending_id="paid", debit="full", amount_fen=301)),
    (Refusal.HOLD_ACCOUNTS_DIFFER, replace(CAPTURE, pending_id="captured", debit="full")),
    (Refusal.HOLD_ALREADY_CAPTURED, replace(CAPTURE, pending_id="captured", amount_fen=301)),
    (Refusal.HOLD_ALREADY_RELEASED, replace(CAPTURE, pending_id="released", amount_fen=301)),
    (Refusal.HOLD_EXPIRED, replace(CAPTURE, pending_id="late", amount_fen=301)),
    (Refusal.CAPTURE_ABOVE_HOLD, replace(CAPTURE, amount_fen=301)),
    (Refusal.RELEASE_NOT_WHOLE, replace(RELEASE, amount_fen=299)),
    (Refusal.DEBIT_ACCOUNT_FROZEN, replace(MOVE, debit="frozen", credit="full", amount_fen=5000)),
    (Refusal.AVAILABLE_EXCEEDED, replace(MOVE, credit="full", amount_fen=351)),
    (Refusal.COUNTER_OVERFLOW, replace(MOVE, credit="full")),
]


@pytest.mark.parametrize(("refusal", "event"), TABLE, ids=[refusal for refusal, _ in TABLE])
def test_an_event_is_refused_for_the_first_reason_that_applies(refusal: Refusal, event: Event) -> None:
    assert answer(event) == [refusal]


def test_the_table_has_one_row_a_code_in_order_of_precedence() -> None:
    """``linked_failed`` speaks of another event of the journal; it has tests of its own below."""
    assert [refusal for refusal, _ in TABLE] == [code for code in Refusal if code != Refusal.LINKED_FAILED]


ALSO = [
    (Refusal.AMOUNT_NOT_POSITIVE, replace(CAPTURE, amount_fen=-1)),
    (Refusal.AMOUNT_NOT_POSITIVE, replace(RELEASE, amount_fen=-300)),
    (Refusal.HOLD_ACCOUNTS_DIFFER, replace(CAPTURE, ledger="programme:q")),
    (Refusal.HOLD_ACCOUNTS_DIFFER, replace(RELEASE, credit="bank")),
    (Refusal.HOLD_ALREADY_CAPTURED, replace(RELEASE, pending_id="captured")),
    (Refusal.HOLD_EXPIRED, replace(HOLD, expires_at=NOW, amount_fen=5000)),
    (Refusal.HOLD_EXPIRED, replace(HOLD, expires_at=NOW, debit="frozen")),
    (Refusal.DEBIT_ACCOUNT_FROZEN, replace(HOLD, debit="frozen", amount_fen=1)),
    (Refusal.DEBIT_ACCOUNT_FROZEN, replace(MOVE, debit="frozen bank")),
    (Refusal.DEBIT_ACCOUNT_FROZEN, replace(MOVE, debit="frozen", code="expire")),
    (Refusal.DEBIT_ACCOUNT_NOT_FOUND, replace(MOVE, ledger="programme:q")),
    (Refusal.AVAILABLE_EXCEEDED, replace(HOLD, amount_fen=351)),
]


@pytest.mark.parametrize(("refusal", "event"), ALSO)
def test_the_other_ways_to_the_same_refusals(refusal: Refusal, event: Event) -> None:
    assert answer(event) == [refusal]


ACCEPTED = [
    MOVE,
    replace(MOVE, amount_fen=350),
    replace(HOLD, amount_fen=350, expires_at=LATER),
    replace(MOVE, debit="bank", amount_fen=MAX_AMOUNT_FEN),
    CAPTURE,
    replace(CAPTURE, amount_fen=300, debit="V", credit="centre"),
    RELEASE,
    replace(RELEASE, amount_fen=300),
    replace(RELEASE, pending_id="late"),
    replace(CAPTURE, pending_id="in time", amount_fen=50),
    replace(CAPTURE, pending_id="of frozen", amount_fen=300),
    replace(RELEASE, pending_id="of frozen"),
    replace(MOVE, credit="frozen"),
    replace(HOLD, credit="frozen bank"),
]


@pytest.mark.parametrize("event", ACCEPTED)
def test_what_breaks_no_rule_is_accepted(event: Event) -> None:
    """Up to the last fen and the last second; an expired hold can still be given back, a frozen account ends
    its holds and is given to."""
    assert answer(event) == ["ok"]


def test_one_refused_event_refuses_its_journal_and_is_the_one_that_names_the_reason() -> None:
    bad = replace(MOVE, id="b", amount_fen=5000)
    assert answer(replace(MOVE, id="a"), bad, replace(MOVE, id="c")) == [
        Refusal.LINKED_FAILED,
        Refusal.AVAILABLE_EXCEEDED,
        Refusal.LINKED_FAILED,
    ]


def test_events_of_one_journal_see_those_before_them() -> None:
    assert answer(replace(MOVE, id="a", amount_fen=200), replace(MOVE, id="b", amount_fen=151)) == [
        Refusal.LINKED_FAILED,
        Refusal.AVAILABLE_EXCEEDED,
    ]
    rolling = [replace(CAPTURE, id="a", amount_fen=100), replace(HOLD, id="b", amount_fen=550)]
    assert answer(*rolling) == ["ok", "ok"], "what a capture returns may be held again at once"
    assert answer(*reversed(rolling)) == [Refusal.AVAILABLE_EXCEEDED, Refusal.LINKED_FAILED]
    twice = [replace(CAPTURE, id="a"), replace(RELEASE, id="b")]
    assert answer(*twice) == [Refusal.LINKED_FAILED, Refusal.HOLD_ALREADY_CAPTURED]


def test_a_journal_with_one_used_id_is_refused_whole() -> None:
    assert answer(replace(MOVE, id="used"), replace(MOVE, id="b")) == [
        Refusal.ID_USED_OTHERWISE,
        Refusal.LINKED_FAILED,
    ]


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_is_a_sentence_in_both_languages_and_its_facts_fill_it(refusal: Refusal) -> None:
    assert REGISTRY[f"ledger.{refusal}"] is CODES[refusal]
    events = [event for code, event in TABLE if code == refusal] or [MOVE, replace(MOVE, id="b", debit="x")]
    refused = [outcome for outcome in decided(*events).outcomes if outcome.refusal == refusal]
    error = LedgerRefused(refused, digest="sha256:this")
    assert error.code.name == f"ledger.{refusal}"
    for language in ("en", "zh"):
        assert error.sentence(language) and "{" not in error.sentence(language)


def test_the_sentence_about_too_little_money_names_both_numbers() -> None:
    sentence = str(LedgerRefused(decided(replace(MOVE, amount_fen=120000)).outcomes, digest=""))
    assert "¥1,200.00 is above the ¥3.50 available on account V" in sentence
    assert "¥6.50 is held" in sentence


def test_a_broken_program_asserts() -> None:
    for change in ({"amount_fen": 1.0}, {"pending_id": "H"}, {"expires_at": LATER}, {"id": ""}):
        with pytest.raises(AssertionError):
            replace(MOVE, **change)
    with pytest.raises(AssertionError):
        replace(CAPTURE, pending_id="")
    with pytest.raises(AssertionError):
        answer(MOVE, MOVE)
