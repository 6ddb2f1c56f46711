"""Random histories: the ledger and a naive one answer alike, after every step, and every invariant holds.

Histories repeat ids on purpose, with the same and with other content, after refusals and after acceptance.
The same machine runs over ``decide`` in memory and over the real tables: 2,000 histories of 50 steps on
SQLite and 500 on PostgreSQL where continuous integration says so (it sets ``HESUAN_TEST_REQUIRE``), fewer
elsewhere, ``HESUAN_HISTORIES`` for a night. A ledger that forgets refusals is the negative control: the
machine must find it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.hub.ledger.naive import Naive

from hesuan.hub.ledger import checks, selectors, services
from hesuan.hub.ledger.models import Account
from hesuan.hub.ledger.rules import KINDS, Counters, Event, Refusal, Remembered, Target, decide

LEDGER = "l"
OUTSIDE = "bank"
ACCOUNTS = (OUTSIDE, "budget", "V1", "V2", "centre")
SEED = 20260503

Histories = dict[str, int]
IN_MEMORY: Histories = {"max_examples": 250, "stateful_step_count": 40}
IN_CI = {"max_examples": 2_000, "stateful_step_count": 50}
ON_A_SERVER = {"max_examples": 500}
"""A server takes 0.3 s a history, every invariant asked after every step: 2,000 take eleven minutes."""
ON_TABLES: Histories = (
    IN_CI if "HESUAN_TEST_REQUIRE" in os.environ else {"max_examples": 60, "stateful_step_count": 30}
)
if "HESUAN_HISTORIES" in os.environ:
    ON_TABLES = IN_CI | {"max_examples": int(os.environ["HESUAN_HISTORIES"])}


class Ledger(Protocol):
    """What the machine drives."""

    def open(self) -> None: ...
    def post(self, events: list[Event]) -> list[str]: ...
    def counters(self, key: str) -> tuple[int, int, int, int]: ...
    def check(self) -> None: ...
    def close(self) -> None: ...


class InMemory:
    """``decide`` with dictionaries for tables."""

    def open(self) -> None:
        self.accounts = {(LEDGER, key): Counters(may_overdraw=key == OUTSIDE) for key in ACCOUNTS}
        self.known: dict[str, Remembered] = {}
        self.targets: dict[str, Target] = {}

    def post(self, events: list[Event]) -> list[str]:
        digest = services.request_digest(events)
        known = {e.id: self.known[e.id] for e in events if e.id in self.known}
        decision = decide(
            events,
            accounts=self.accounts,
            known=known,
            pending=self.targets,
            digest=digest,
            at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        self.remember(digest, decision.new)
        for ref, change in decision.changes.items():
            self.accounts[ref] = self.accounts[ref].plus(change)
        for move in decision.movements:
            self._keep(move.event, move.debit[1], move.credit[1], move.amount_fen)
        return [outcome.refusal.value if outcome.refusal else "ok" for outcome in decision.outcomes]

    def remember(self, digest: str, outcomes: Any) -> None:
        self.known.update({outcome.id: Remembered(digest, outcome) for outcome in outcomes})

    def _keep(self, event: Event, debit: str, credit: str, amount_fen: int) -> None:
        self.targets[event.id] = Target(event.id, event.kind, LEDGER, debit, credit, amount_fen)
        if event.pending_id:
            hold = self.targets[event.pending_id]
            self.targets[hold.id] = Target(
                hold.id, hold.kind, LEDGER, debit, credit, hold.amount_fen, resolved_by=event.kind
            )

    def counters(self, key: str) -> tuple[int, int, int, int]:
        found = self.accounts[LEDGER, key]
        return found.debits_posted, found.credits_posted, found.debits_pending, found.credits_pending

    def check(self) -> None:
        posted = [self.counters(key) for key in ACCOUNTS]
        assert sum(row[0] for row in posted) == sum(row[1] for row in posted)
        assert sum(row[2] for row in posted) == sum(row[3] for row in posted)

    def close(self) -> None:
        pass


class ForgetsRefusals(InMemory):
    """The negative control: TigerBeetle's rule "a refused id stays refused" left out."""

    def remember(self, digest: str, outcomes: Any) -> None:
        super().remember(digest, [outcome for outcome in outcomes if outcome.ok])


class OnTables:
    """The real services on the real database, each history in a transaction that is rolled back.

    A step asks two more questions than its post: all balances, and whether any invariant is broken.
    """

    def open(self) -> None:
        self.whole = transaction.atomic()
        self.whole.__enter__()
        Account.objects.bulk_create(
            Account(ledger=LEDGER, key=key, kind="test", may_overdraw=key == OUTSIDE) for key in ACCOUNTS
        )
        self.read: dict[str, selectors.Balance] | None = None

    def post(self, events: list[Event]) -> list[str]:
        self.read = None
        return [o.refusal.value if o.refusal else "ok" for o in services.post(events)]

    def counters(self, key: str) -> tuple[int, int, int, int]:
        if self.read is None:
            self.read = selectors.balances(LEDGER)
        found = self.read[key]
        return found.debits_posted, found.credits_posted, found.debits_pending, found.credits_pending

    def check(self) -> None:
        assert checks.broken() == []

    def close(self) -> None:
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)


AMOUNTS = st.integers(-1, 12)
IDS = st.integers(0, 25).map(lambda number: f"e{number}")
ANY_ACCOUNT = st.sampled_from([*ACCOUNTS, "nobody"])


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(["transfer", "transfer", "hold", "hold", "capture", "release"]))
    amount = draw(AMOUNTS)
    if kind in ("capture", "release"):
        return Event(draw(IDS), kind, LEDGER, amount, kind, pending_id=draw(IDS))
    return Event(draw(IDS), kind, LEDGER, amount, "settle", draw(ANY_ACCOUNT), draw(ANY_ACCOUNT))


class Machine(RuleBasedStateMachine):
    """Journals of one to three events, and whole journals repeated."""

    make: ClassVar[Callable[[], Ledger]]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.ledger = type(self).make()
        self.ledger.open()
        self.naive = Naive(set(ACCOUNTS), {OUTSIDE})
        self.past: list[list[Event]] = []
        self.serial = 0

    @rule(key=st.sampled_from(ACCOUNTS[1:]), amount=st.integers(20, 200))
    def fund(self, key: str, amount: int) -> None:
        self.ask([Event(self.new_id(), "transfer", LEDGER, amount, "fund", OUTSIDE, key)])

    @rule(debit=st.sampled_from(ACCOUNTS), credit=st.sampled_from(ACCOUNTS), amount=st.integers(1, 12))
    def hold(self, debit: str, credit: str, amount: int) -> None:
        self.ask([Event(self.new_id(), "hold", LEDGER, amount, "hold", debit, credit)])

    @precondition(lambda self: self.holds())
    @rule(data=st.data(), kind=st.sampled_from(["capture", "release"]), amount=st.integers(0, 12))
    def resolve(self, data: st.DataObject, kind: str, amount: int) -> None:
        anything = [entry["id"] for entry in self.naive.entries]
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
        self.seen.update(
            event.kind if answer == "ok" else answer for event, answer in zip(journal, answers, strict=True)
        )

    @invariant()
    def balances_agree(self) -> None:
        for key in ACCOUNTS:
            naive = self.naive
            recounted = (
                naive.posted_out(key),
                naive.posted_in(key),
                naive.held_out(key),
                naive.held_in(key),
            )
            assert self.ledger.counters(key) == recounted
        self.ledger.check()

    def teardown(self) -> None:
        self.ledger.close()


OUT_OF_REACH = {
    Refusal.AMOUNT_ABOVE_LIMIT,
    Refusal.COUNTER_OVERFLOW,
    Refusal.HOLD_ACCOUNTS_DIFFER,
    Refusal.HOLD_EXPIRED,
}
"""Large numbers, other ledgers and clocks are the matter of ``test_refusals.py``."""


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


@pytest.mark.django_db
def test_the_real_tables_answer_as_the_naive_ledger_does() -> None:
    fewer = ON_A_SERVER if ON_TABLES is IN_CI and connection.vendor == "postgresql" else {}
    seen = run(OnTables, ON_TABLES | fewer)
    assert set(KINDS) <= set(seen), "histories must do everything"


def test_a_ledger_that_forgets_refusals_is_found() -> None:
    with pytest.raises(AssertionError):
        run(ForgetsRefusals, IN_MEMORY, phases=[Phase.generate])
