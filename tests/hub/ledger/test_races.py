"""Many at once: money is spent once and a hold resolved once, on the real database with real commits.

Thirty-two spend (T3) and sixteen resolve (T4), ``HESUAN_TRIALS`` times over, each trial on an account or a
hold of its own, by threads that keep their connections; ``make soak`` asks for a thousand.

Each race has its negative control: the same sixteen, with the lock taken away (they decide on what they
read before it) and absolute counters or no unique index; the control must do the damage that the lock
prevents, or the race would prove nothing.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from tests.append_only import triggers_lifted

from hesuan.hub.ledger import checks, selectors, services, store
from hesuan.hub.ledger.models import Account, Transfer
from hesuan.hub.ledger.rules import Counters, Event, Ref
from hesuan.hub.ledger.store import Locked

pytestmark = pytest.mark.django_db(transaction=True)

RACERS, SPENDERS = 16, 32
TRIALS = int(os.environ.get("HESUAN_TRIALS", "100"))
L = "l"


@pytest.fixture(autouse=True)
def _books(transactional_db: None) -> None:
    for key in ("bank", "V", "centre"):
        services.open_account(ledger=L, key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", L, 1000, "fund", "bank", "V")])


@pytest.fixture
def hold(_books: None) -> None:
    services.post_or_raise([Event("H", "hold", L, 300, "hold", "V", "centre")])


class Racers:
    """Threads with a connection each, kept from trial to trial."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count)
        self._line = threading.Barrier(count)
        self._count = count

    def race(self, events: Sequence[Event]) -> list[str]:
        """Posts all events at one moment, each in a thread of its own; what each was told."""
        assert len(events) == self._count, "or those who wait at the line wait for ever"
        return list(self._threads.map(self._run, events))

    def close(self) -> None:
        """Ends threads and connections."""
        list(self._threads.map(self._leave, range(self._count)))
        self._threads.shutdown()

    def _run(self, event: Event) -> str:
        connection.ensure_connection()
        self._line.wait(timeout=240)
        (outcome,) = services.post([event])
        return outcome.refusal.value if outcome.refusal else "ok"

    def _leave(self, _: int) -> None:
        self._line.wait(timeout=240)
        connections.close_all()


def race(events: list[Event]) -> list[str]:
    """One race of as many as there are events."""
    racers = Racers(len(events))
    try:
        return racers.race(events)
    finally:
        racers.close()


@pytest.fixture
def thirty_two(_books: None) -> Iterator[Racers]:
    racers = Racers(SPENDERS)
    yield racers
    racers.close()


@pytest.fixture
def sixteen(_books: None) -> Iterator[Racers]:
    racers = Racers(RACERS)
    yield racers
    racers.close()


def spend(number: int, account: str = "V") -> Event:
    kind, code = ("hold", "hold") if number % 2 else ("transfer", "settle")
    return Event(f"{account}:s{number}", kind, L, 300, code, account, "centre")


def resolve(number: int, hold: str = "H") -> Event:
    kind = "capture" if number % 2 else "release"
    return Event(f"{hold}:r{number}", kind, L, 300, kind, pending_id=hold)


def test_thirty_two_who_want_300_of_1000_get_it_three_times(thirty_two: Racers) -> None:
    """T3: transfers and holds mixed."""
    won: Counter[str] = Counter()
    for trial in range(TRIALS):
        account = f"V{trial}"
        services.open_account(ledger=L, key=account, kind="test")
        services.post_or_raise([Event(f"fund {account}", "transfer", L, 1000, "fund", "bank", account)])
        wanted = [spend(number, account) for number in range(SPENDERS)]
        answers = thirty_two.race(wanted)
        assert Counter(answers) == {"ok": 3, "available_exceeded": SPENDERS - 3}, (trial, answers)
        assert selectors.balance(L, account).available_fen == 100, trial
        won.update(one.kind for one, answer in zip(wanted, answers, strict=True) if answer == "ok")
    assert checks.check() == []
    print(f"{TRIALS} trials of {SPENDERS} who want 300 of 1,000 fen, {dict(won)} won, 0 violations")


def test_sixteen_who_resolve_one_hold_do_so_once(sixteen: Racers) -> None:
    """T4: captures and releases mixed."""
    won: Counter[str] = Counter()
    for trial in range(TRIALS):
        hold = f"H{trial}"
        services.post_or_raise(
            [
                Event(f"fund {hold}", "transfer", L, 300, "fund", "bank", "V"),
                Event(hold, "hold", L, 300, "hold", "V", "centre"),
            ]
        )
        wanted = [resolve(number, hold) for number in range(RACERS)]
        answers = Counter(told := sixteen.race(wanted))
        late = answers["hold_already_captured"] + answers["hold_already_released"]
        assert (answers["ok"], late) == (1, RACERS - 1), (trial, told)
        won[wanted[told.index("ok")].kind] += 1
    assert checks.check() == []
    print(f"{TRIALS} trials of {RACERS} who resolve one hold, {dict(won)} won, 0 violations")


def test_sixteen_copies_of_one_request_happen_once_and_are_all_told_so() -> None:
    assert race([spend(1)] * RACERS) == ["ok"] * RACERS
    assert selectors.balance(L, "V").available_fen == 700
    assert Transfer.objects.filter(id=spend(1).id).count() == 1
    assert checks.check() == []


def test_sixteen_different_requests_with_one_id_and_no_common_account_happen_once() -> None:
    """No lock brings these together: the id itself does, by its primary key."""
    for number in range(RACERS):
        for key in (f"a{number}", f"b{number}"):
            services.open_account(ledger=L, key=key, kind="test", may_overdraw=True)
    events = [Event("one", "transfer", L, 1, "settle", f"a{n}", f"b{n}") for n in range(RACERS)]
    assert Counter(race(events)) == {"ok": 1, "id_used_otherwise": RACERS - 1}
    assert checks.check() == []


def test_journals_that_name_the_same_accounts_in_opposite_order_do_not_wait_in_a_ring() -> None:
    services.open_account(ledger=L, key="W", kind="test")
    services.post_or_raise([Event("fund W", "transfer", L, 1000, "fund", "bank", "W")])
    there_and_back = [
        Event(f"t{n}", "transfer", L, 1, "settle", *(("V", "W") if n % 2 else ("W", "V")))
        for n in range(RACERS)
    ]
    assert race(there_and_back) == ["ok"] * RACERS
    assert selectors.balance(L, "V").available_fen == selectors.balance(L, "W").available_fen == 1000
    assert checks.check() == []


# The negative controls.


@pytest.fixture
def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every racer decides on what all of them read before anybody wrote; counters become absolutes.

    The read is put before the transaction, as a program without the lock would come to do it: on SQLite a
    transaction is alone from its beginning, so that only a read outside it can be stale.
    """
    everybody_has_read = threading.Barrier(RACERS)
    stale = threading.local()
    post, read = services.post, store.lock_accounts

    def read_first(events: list[Event]) -> list[services.Outcome]:
        stale.accounts = read((a.ledger, a.key) for a in Account.objects.all())
        everybody_has_read.wait(timeout=240)
        return post(events)

    def no_lock(refs: Iterable[Ref]) -> dict[Ref, Locked]:
        return {ref: stale.accounts[ref] for ref in refs}

    def absolutes(changes: dict[Ref, Counters], accounts: dict[Ref, Locked]) -> None:
        for ref, change in changes.items():
            after = accounts[ref].counters.plus(change)
            Account.objects.filter(pk=accounts[ref].id).update(
                debits_posted=after.debits_posted,
                credits_posted=after.credits_posted,
                debits_pending=after.debits_pending,
                credits_pending=after.credits_pending,
            )

    monkeypatch.setattr(services, "post", read_first)
    monkeypatch.setattr(store, "lock_accounts", no_lock)
    monkeypatch.setattr(store, "change_counters", absolutes)
    yield


@pytest.mark.broken_books
@pytest.mark.usefixtures("without_the_lock")
def test_without_lock_and_deltas_more_than_there_is_would_be_spent() -> None:
    answers = Counter(race([spend(number) for number in range(RACERS)]))
    assert answers["ok"] > 3
    assert "I4" in {finding.invariant for finding in checks.check()}, "and the check sees it"


@pytest.fixture
def without_the_unique_index(_books: None) -> Iterator[None]:
    """Nor the triggers: on SQLite one of them refuses what the index would."""
    (unique,) = [c for c in Transfer._meta.constraints if c.name == "ledger_hold_resolved_once"]
    with triggers_lifted(connection):
        with connection.schema_editor() as editor:
            editor.remove_constraint(Transfer, unique)
        yield
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM ledger_transfer WHERE pending_id IS NOT NULL")
        with connection.schema_editor() as editor:
            editor.add_constraint(Transfer, unique)


@pytest.mark.broken_books
@pytest.mark.usefixtures("hold", "without_the_lock", "without_the_unique_index")
def test_without_lock_and_unique_index_a_hold_would_be_resolved_more_than_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "with_resolutions", lambda targets: targets)
    answers = Counter(race([resolve(number) for number in range(RACERS)]))
    assert answers["ok"] > 1
    assert "I6a" in {finding.invariant for finding in checks.check()}, "and the check sees it"
