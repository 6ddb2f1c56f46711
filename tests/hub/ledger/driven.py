"""What the random histories drive: ``decide`` over dictionaries, the services over real tables, and ledgers
that leave one rule out, which the histories must find.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol
from unittest import mock

from django.db import connection, transaction

from hesuan.hub.ledger import checks, clock, services, store
from hesuan.hub.ledger.models import Account
from hesuan.hub.ledger.rules import Counters, Event, Remembered, Target, decide

LEDGER = "l"
OUTSIDE = "bank"
ACCOUNTS = (OUTSIDE, "budget", "V1", "V2", "centre")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def expiry(hold: str) -> Event:
    """As the worker ends a hold whose time is over."""
    return Event(f"expire:{hold}", "release", LEDGER, 0, "expire", pending_id=hold)


class Ledger(Protocol):
    """What the machine drives."""

    def open(self) -> None: ...
    def wait(self, now: datetime) -> None: ...
    def expire(self) -> None: ...
    def freeze(self, key: str, frozen: bool) -> None: ...
    def post(self, events: list[Event]) -> list[str]: ...
    def counters(self, key: str) -> tuple[int, int, int, int]: ...
    def look(self) -> None: ...
    def close(self) -> None: ...


class InMemory:
    """``decide`` with dictionaries for tables."""

    def open(self) -> None:
        self.now = BEGIN
        self.accounts = {(LEDGER, key): Counters(may_overdraw=key == OUTSIDE) for key in ACCOUNTS}
        self.known: dict[str, Remembered] = {}
        self.targets: dict[str, Target] = {}

    def wait(self, now: datetime) -> None:
        self.now = now

    def expire(self) -> None:
        over = [
            hold
            for hold in self.targets.values()
            if hold.kind == "hold"
            and not hold.resolved_by
            and hold.expires_at
            and hold.expires_at <= self.now
        ]
        for hold in over:
            self.post([expiry(hold.id)])

    def freeze(self, key: str, frozen: bool) -> None:
        self.accounts[LEDGER, key] = self.accounts[LEDGER, key]._replace(frozen=frozen)

    def post(self, events: list[Event]) -> list[str]:
        digest = services.request_digest(events)
        known = {e.id: self.known[e.id] for e in events if e.id in self.known}
        decision = decide(
            events,
            accounts=self.accounts,
            known=known,
            pending=self.targets,
            digest=digest,
            at=self.now,
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
        made = Target(event.id, event.kind, LEDGER, debit, credit, amount_fen, event.expires_at)
        self.targets[event.id] = made
        if event.pending_id:
            hold = self.targets[event.pending_id]
            self.targets[hold.id] = hold._replace(resolved_by=event.kind)

    def counters(self, key: str) -> tuple[int, int, int, int]:
        found = self.accounts[LEDGER, key]
        return found.debits_posted, found.credits_posted, found.debits_pending, found.credits_pending

    def look(self) -> None:
        posted = [self.counters(key) for key in ACCOUNTS]
        assert sum(row[0] for row in posted) == sum(row[1] for row in posted)
        assert sum(row[2] for row in posted) == sum(row[3] for row in posted)

    def close(self) -> None:
        pass


class ForgetsRefusals(InMemory):
    """The negative control: TigerBeetle's rule "a refused id stays refused" left out."""

    def remember(self, digest: str, outcomes: Any) -> None:
        super().remember(digest, [outcome for outcome in outcomes if outcome.ok])


class ClockStandsStill(InMemory):
    """The negative control of the hours: whoever decides never looks at the clock again."""

    def wait(self, now: datetime) -> None:
        pass


class FreezesNothing(InMemory):
    """The negative control of the frozen accounts: whoever decides is not told of them."""

    def freeze(self, key: str, frozen: bool) -> None:
        pass


class OnTables:
    """The real services on the real database, each history in a transaction of its own that is rolled back.

    Not within another: what is rolled back there stays in PostgreSQL's way, and every history is slower.

    A step asks one more question than its post: all balances, and whether any invariant is broken. What is
    asked a hundred thousand times is planned once: PostgreSQL spends more on a plan than on these few rows.
    """

    def open(self) -> None:
        self.now = BEGIN
        self.patched = mock.patch.object(clock, "now", lambda: self.now)
        self.patched.start()
        self.begin()
        Account.objects.bulk_create(
            Account(ledger=LEDGER, key=key, kind="test", may_overdraw=key == OUTSIDE) for key in ACCOUNTS
        )
        self.read: dict[str, tuple[int, int, int, int]] = {}
        if connection.vendor == "postgresql":
            connection.connection.prepare_threshold = 5

    def begin(self) -> None:
        self.whole = transaction.atomic()
        self.whole.__enter__()

    def end(self) -> None:
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)

    def wait(self, now: datetime) -> None:
        self.now = now

    def expire(self) -> None:
        services.expire_holds()

    def freeze(self, key: str, frozen: bool) -> None:
        act = services.freeze if frozen else services.thaw
        act([(LEDGER, key)], actor="test", reason="a history")

    def post(self, events: list[Event]) -> list[str]:
        return [o.refusal.value if o.refusal else "ok" for o in services.post(events)]

    def look(self) -> None:
        """Reads all balances, and the names of the invariants that are broken, which are none."""
        late = connection.ops.adapt_datetimefield_value(self.now - checks.EXPIRY_GRACE)
        with store._cursor() as cursor:
            cursor.execute(BALANCES_AND_BROKEN, [late])
            rows = cursor.fetchall()
        assert [row[0] for row in rows if row[1] is None] == []
        self.read = {key: counters for key, *counters in rows}

    def counters(self, key: str) -> tuple[int, int, int, int]:
        return tuple(self.read[key])

    def close(self) -> None:
        self.end()
        self.patched.stop()
        if connection.vendor == "postgresql":
            connection.connection.prepare_threshold = None


class OnCommitted(OnTables):
    """Each post committed, and the rows swept away after the history: on PostgreSQL.

    A transaction that reads its own rows again and again looks each of its savepoints up for each of them.
    """

    def begin(self) -> None:
        pass

    def end(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # no triggers
            for table in ("freezing", "transfer", "attempt", "account"):
                cursor.execute(f"DELETE FROM ledger_{table}")
            cursor.execute("SET session_replication_role = origin")


BALANCES_AND_BROKEN = (
    "SELECT key, debits_posted, credits_posted, debits_pending, credits_pending FROM ledger_account"
    f" UNION ALL SELECT name, NULL, NULL, NULL, NULL FROM ({checks.BROKEN}) AS broken"
)
