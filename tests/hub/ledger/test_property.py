"""Random histories: the ledger and a naive one answer alike, after every step, and every invariant holds.

Histories repeat ids on purpose, with the same and with other content, after refusals and after acceptance.
Every code of the ledger is posted, holds end while hours pass, and the worker ends what is over.
The same machine runs over ``decide`` in memory and over the real tables: 2,000 histories of 50 steps on
SQLite and on PostgreSQL where continuous integration says so (it sets ``HESUAN_TEST_REQUIRE``), fewer
elsewhere, ``HESUAN_HISTORIES`` for a night. A ledger that forgets refusals, one whose clock stands still
and one that freezes nothing are the negative controls: the machine must find them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.hub.ledger.driven import (
    ACCOUNTS,
    BEGIN,
    LEDGER,
    OUTSIDE,
    ClockStandsStill,
    ForgetsRefusals,
    FreezesNothing,
    InMemory,
    Ledger,
    OnCommitted,
    OnTables,
    expiry,
)
from tests.hub.ledger.naive import Naive

from hesuan.hub.ledger.rules import CODES, KINDS, Event, Refusal

MOMENT = timedelta(seconds=30)
"""Half of what the worker may be late."""
SEED = 20260503

Histories = dict[str, int]
IN_MEMORY: Histories = {"max_examples": 250, "stateful_step_count": 40}
IN_CI = {"max_examples": 2_000, "stateful_step_count": 50}
ON_TABLES: Histories = (
    IN_CI if "HESUAN_TEST_REQUIRE" in os.environ else {"max_examples": 60, "stateful_step_count": 50}
)
if "HESUAN_HISTORIES" in os.environ:
    ON_TABLES = IN_CI | {"max_examples": int(os.environ["HESUAN_HISTORIES"])}

AMOUNTS = st.integers(-1, 12)
IDS = st.integers(0, 25).map(lambda number: f"e{number}")
ANY_ACCOUNT = st.sampled_from([*ACCOUNTS, "nobody"])


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(["transfer", "transfer", "hold", "hold", "capture", "release"]))
    amount, code = draw(AMOUNTS), draw(st.sampled_from(CODES))
    if kind in ("capture", "release"):
        return Event(draw(IDS), kind, LEDGER, amount, code, pending_id=draw(IDS))
    return Event(draw(IDS), kind, LEDGER, amount, code, draw(ANY_ACCOUNT), draw(ANY_ACCOUNT))


MOVES = {
    "deposit": (OUTSIDE, "V2"),
    "issue": ("budget", "V1"),
    "settle": ("centre", OUTSIDE),
    "reverse": ("centre", "V1"),
}


class Machine(RuleBasedStateMachine):
    """Journals of one to three events, and whole journals repeated."""

    make: ClassVar[Callable[[], Ledger]]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.ledger = type(self).make()
        self.ledger.open()
        self.naive = Naive(set(ACCOUNTS), {OUTSIDE}, BEGIN)
        self.past: list[list[Event]] = []
        self.serial = 0

    @rule(key=st.sampled_from(ACCOUNTS[1:]), amount=st.integers(20, 200))
    def fund(self, key: str, amount: int) -> None:
        self.ask([Event(self.new_id(), "transfer", LEDGER, amount, "fund", OUTSIDE, key)])

    @rule(code=st.sampled_from(sorted(MOVES)), amount=st.integers(1, 12))
    def move(self, code: str, amount: int) -> None:
        """Takes money in, issues a voucher, pays a centre out, takes back what it had earned."""
        debit, credit = MOVES[code]
        self.ask([Event(self.new_id(), "transfer", LEDGER, amount, code, debit, credit)])

    @rule(
        debit=st.sampled_from(ACCOUNTS),
        credit=st.sampled_from(ACCOUNTS),
        amount=st.integers(1, 12),
        moments=st.sampled_from([None, None, 0, 1, 3]),
    )
    def hold(self, debit: str, credit: str, amount: int, moments: int | None) -> None:
        until = None if moments is None else self.naive.now + moments * MOMENT
        self.ask([Event(self.new_id(), "hold", LEDGER, amount, "hold", debit, credit, expires_at=until)])

    @rule(moments=st.integers(1, 3))
    def pass_time(self, moments: int) -> None:
        """The clock goes on; the worker ends what is over, at the latest within its minute."""
        naive = self.naive
        naive.now += moments * MOMENT
        self.ledger.wait(naive.now)
        if moments > 1 or naive.over(naive.now - MOMENT):
            self.ledger.expire()
            for hold in naive.over(naive.now):
                naive.ask(expiry(hold))
                self.seen["expire"] += 1

    @rule(key=st.sampled_from(["budget", "V1", "V2"]))
    def freeze(self, key: str) -> None:
        """Also an account that is frozen already: it stays as it is."""
        self.naive.frozen.add(key)
        self.ledger.freeze(key, frozen=True)
        self.seen["freeze"] += 1

    @precondition(lambda self: self.naive.frozen)
    @rule(data=st.data())
    def thaw(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.naive.frozen)))
        self.naive.frozen.remove(key)
        self.ledger.freeze(key, frozen=False)
        self.seen["thaw"] += 1

    @precondition(lambda self: self.holds())
    @rule(data=st.data(), kind=st.sampled_from(["capture", "release"]), amount=st.integers(0, 12))
    def resolve(self, data: st.DataObject, kind: str, amount: int) -> None:
        anything = [name for entry in self.naive.entries if not (name := entry["id"]).startswith("expire:")]
        hold = data.draw(st.sampled_from(self.holds()) | st.sampled_from(anything))
        whole = kind == "release" and data.draw(st.booleans())
        self.ask([Event(self.new_id(), kind, LEDGER, 0 if whole else amount, kind, pending_id=hold)])

    @precondition(lambda self: self.holds())
    @rule(data=st.data(), used=st.integers(1, 6), more=st.integers(1, 12))
    def roll(self, data: st.DataObject, used: int, more: int) -> None:
        """Captures what was used and holds anew, in one journal."""
        hold = data.draw(st.sampled_from(self.holds()))
        capture = Event(self.new_id(), "capture", LEDGER, used, "capture", pending_id=hold)
        self.ask([capture, Event(self.new_id(), "hold", LEDGER, more, "hold", "V1", "centre")])

    @rule(journal=st.lists(events(), min_size=1, max_size=3, unique_by=lambda event: event.id))
    def post(self, journal: list[Event]) -> None:
        self.ask(journal)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.past)))

    @precondition(lambda self: self.past)
    @rule(data=st.data(), amount=st.integers(1, 12))
    def repeat_with_another_amount(self, data: st.DataObject, amount: int) -> None:
        first, *rest = data.draw(st.sampled_from(self.past))
        self.ask([replace(first, amount_fen=amount), *rest])

    def new_id(self) -> str:
        self.serial += 1
        return f"n{self.serial}"

    def holds(self) -> list[str]:
        return [entry["id"] for entry in self.naive.entries if entry["kind"] == "hold"]

    def ask(self, journal: list[Event]) -> None:
        self.past.append(journal)
        answers = self.ledger.post(journal)
        assert answers == self.naive.ask(*journal)
        for event, answer in zip(journal, answers, strict=True):
            self.seen.update({event.kind, event.code} if answer == "ok" else [answer])

    @invariant()
    def balances_agree(self) -> None:
        self.ledger.look()
        for key in ACCOUNTS:
            naive = self.naive
            recounted = (
                naive.posted_out(key),
                naive.posted_in(key),
                naive.held_out(key),
                naive.held_in(key),
            )
            assert tuple(self.ledger.counters(key)) == recounted

    def teardown(self) -> None:
        self.ledger.close()


OUT_OF_REACH = {
    Refusal.AMOUNT_ABOVE_LIMIT,
    Refusal.COUNTER_OVERFLOW,
    Refusal.HOLD_ACCOUNTS_DIFFER,
}
"""Large numbers and other ledgers are the matter of ``test_refusals.py``."""


def run(ledger: Callable[[], Ledger], histories: Histories, **options: Any) -> Counter[str]:
    """Runs the histories; returns how often each answer was given."""
    seen: Counter[str] = Counter()
    machine = type(f"Machine{ledger.__name__}", (Machine,), {"make": staticmethod(ledger), "seen": seen})
    chosen = settings(
        **histories,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        **options,
    )
    print(f"seed {SEED}, {histories['max_examples']} histories of {histories['stateful_step_count']} steps")
    run_state_machine_as_test(seed(SEED)(machine), settings=chosen)
    print(seen)
    return seen


def test_decide_answers_as_the_naive_ledger_does() -> None:
    seen = run(InMemory, IN_MEMORY)
    assert {*KINDS, *Refusal} - set(seen) <= OUT_OF_REACH, "histories must reach every answer"


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_real_tables_answer_as_the_naive_ledger_does() -> None:
    seen = run(OnCommitted if connection.vendor == "postgresql" else OnTables, ON_TABLES)
    must = {*KINDS, *CODES, Refusal.HOLD_EXPIRED, Refusal.DEBIT_ACCOUNT_FROZEN, "freeze", "thaw"}
    assert must <= set(seen), "histories must do everything"


@pytest.mark.parametrize("control", [ForgetsRefusals, ClockStandsStill, FreezesNothing])
def test_a_ledger_that_forgets_refusals_the_time_or_what_is_frozen_is_found(control: type[InMemory]) -> None:
    with pytest.raises(AssertionError):
        run(control, IN_MEMORY, phases=[Phase.generate])
