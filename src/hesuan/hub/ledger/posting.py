"""One transaction that posts a batch of journals: read, lock, read what is known, decide, write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from hesuan.hub.ledger import clock, store
from hesuan.hub.ledger.batches import Journal, State, decide_all, refs_of
from hesuan.hub.ledger.rules import RESOLVING, Outcome

MOST_EVENTS = 500
"""Most events of one batch, unless a single journal has more."""
_TRIES = 3

T = TypeVar("T")


def batches(journals: Sequence[Journal]) -> Iterator[list[Journal]]:
    """Cuts journals, in their order, into batches of at most :data:`MOST_EVENTS` events."""
    batch: list[Journal] = []
    size = 0
    for journal in journals:
        if batch and size + len(journal.events) > MOST_EVENTS:
            yield batch
            batch, size = [], 0
        batch.append(journal)
        size += len(journal.events)
    if batch:
        yield batch


def post_batch(
    journals: Sequence[Journal], *, first: Callable[[], None] = lambda: None
) -> list[list[Outcome]]:
    """Posts a batch in one transaction, or within the caller's.

    Args:
        first: Done first in that transaction: the writer renews its lease.

    Returns:
        The outcomes of each journal. They hold once the outermost transaction has committed.
    """

    def work() -> list[list[Outcome]]:
        first()
        return _post(journals)

    return tried_again(work)


def tried_again(work: Callable[[], T]) -> T:
    """Does the work in a transaction of its own (or a savepoint), again after a clash of keys.

    A clash means that somebody wrote one of these ids, or resolved one of these holds, without sharing an
    account with us. Their transaction is over; the next look sees it.
    """
    for last in range(_TRIES - 1, -1, -1):
        try:
            with transaction.atomic():
                return work()
        except IntegrityError:
            if not last:
                raise
    raise AssertionError("unreachable")


def _post(journals: Sequence[Journal]) -> list[list[Outcome]]:
    events = [event for journal in journals for event in journal.events]
    found = store.targets(event.pending_id for event in events if event.kind in RESOLVING)
    accounts = store.lock_accounts(refs_of(events, found))
    # Only now: whoever waited for the lock sees here what the one before wrote.
    state = State(
        accounts={ref: account.counters for ref, account in accounts.items()},
        known=store.known([event.id for event in events]),
        targets=store.with_resolutions(found),
    )
    at = timezone.now()
    something_ends = any(event.expires_at for event in events) or any(
        target.expires_at for target in found.values()
    )
    decided = decide_all(journals, state, at=clock.now() if something_ends else at)
    store.remember(journals, decided.decisions, at)
    store.add_transfers(decided.decisions, accounts, at)
    store.change_counters(decided.changes, accounts)
    return [list(decision.outcomes) for decision in decided.decisions]
