"""The ledger's verbs.

**Callers.** Put everything that must happen together into *one* ``post``: its accounts are locked in one
global order, so two posts never wait for each other in a ring. Two posts inside one transaction may.

**Two roads, one decision.** Inside a transaction ``post`` joins it: what the caller writes and what the
ledger writes commit together. Outside of one, and for many journals at once (:func:`post_all`), the batching
writer of this process takes it if there is one (:mod:`.writer`), and answers after its commit: decision 0012.

**Refusals outlive their transaction.** ``post`` answers refusals as outcomes and commits the memory of them
with the caller's transaction. ``post_or_raise`` raises: a caller's ``transaction.atomic()`` then rolls back,
and with it the memory, so that a late copy of a request that was *answered as refused* could be accepted
after a deposit. Use :func:`atomic` instead: it is ``transaction.atomic()`` that, once rolled back by a
ledger's refusal, writes the refusal down. Nested, each layer does so and the outermost one counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from hesuan.hub.ledger import clock, posting, store, writer
from hesuan.hub.ledger.batches import Journal
from hesuan.hub.ledger.errors import LedgerRefused
from hesuan.hub.ledger.freezing import freeze, thaw, thawed
from hesuan.hub.ledger.models import Account, Transfer
from hesuan.hub.ledger.rules import Counters, Event, Outcome, Ref, Refusal

__all__ = [
    "Event",
    "LedgerRefused",
    "Outcome",
    "Refusal",
    "atomic",
    "expire_holds",
    "freeze",
    "lock",
    "open_account",
    "post",
    "post_all",
    "post_or_raise",
    "thaw",
    "thawed",
]

_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def open_account(*, ledger: str, key: str, kind: str, may_overdraw: bool = False) -> None:
    """Opens an account unless it is open; its kind and licence to overdraw are set once."""
    Account.objects.get_or_create(
        ledger=ledger, key=key, defaults={"kind": kind, "may_overdraw": may_overdraw}
    )


def lock(refs: Iterable[Ref]) -> dict[Ref, Counters]:
    """Reads accounts under the lock of the caller's transaction, in the one global order.

    For callers that must decide on what accounts hold before they post: name *every* account the journal will
    touch, then post it once. Nobody changes them in between, and no two callers wait in a ring.

    Args:
        refs: Accounts by ``(ledger, key)``; those that are not open are left out of the answer.
    """
    return {ref: account.counters for ref, account in store.lock_accounts(set(refs)).items()}


def post(events: Sequence[Event]) -> list[Outcome]:
    """Posts one journal: all events happen or none does. The same journal again has the same outcomes.

    Returns:
        One outcome an event, in their order. A refusal is an outcome, and is remembered.
    """
    (outcomes,) = post_all([events])
    return outcomes


def post_all(journals: Sequence[Sequence[Event]]) -> list[list[Outcome]]:
    """Posts many journals, each accepted or refused by itself, in order, in as few transactions as it takes.

    Inside a transaction all of them are part of it. Outside of one a process that ends half-way has posted
    the first of them and not the rest; the same call again posts the rest.

    Returns:
        The outcomes of each journal, in their order.
    """
    asked = [Journal(tuple(events), request_digest(events)) for events in journals]
    if not connection.in_atomic_block:
        answered = writer.answers(asked)
        if answered is not None:
            return answered
    return [outcomes for batch in posting.batches(asked) for outcomes in posting.post_batch(batch)]


def post_or_raise(events: Sequence[Event]) -> None:
    """Posts one journal, which must be accepted. See the head of this module about transactions.

    Raises:
        LedgerRefused: the first refusal that names a reason, ``ledger.<refusal>``, with its facts.
    """
    outcomes = post(events)
    if not all(outcome.ok for outcome in outcomes):
        raise LedgerRefused(outcomes, digest=request_digest(events))


@contextmanager
def atomic() -> Iterator[None]:
    """``transaction.atomic()`` whose rollback does not forget a ledger's refusal."""
    try:
        with transaction.atomic():
            yield
    except LedgerRefused as refused:
        _remember_again(refused)
        raise


def expire_holds(at: datetime | None = None) -> list[str]:
    """Releases every open hold whose time is over by :mod:`.clock`; safe to call as often as one likes.

    Returns:
        Ids of the holds released by this call.
    """
    now = at or clock.now()
    due = Transfer.objects.filter(kind="hold", expires_at__lte=now, resolutions__isnull=True)
    holds = list(due.order_by("seq").values_list("seq", "id", "debit__ledger"))
    journals = [
        [Event(f"expire:{seq}", "release", ledger, 0, "expire", pending_id=hold)]
        for seq, hold, ledger in holds
    ]
    answers = post_all(journals)
    return [hold for (_, hold, _), (outcome,) in zip(holds, answers, strict=True) if outcome.ok]


def request_digest(events: Sequence[Event]) -> str:
    """Digest of a journal as it was asked for: canonical JSON (RFC 8785), all of it strings."""
    asked = [
        [
            event.id,
            event.kind,
            event.ledger,
            str(event.amount_fen),
            event.code,
            event.debit,
            event.credit,
            event.pending_id,
            event.expires_at.isoformat() if event.expires_at else None,
        ]
        for event in events
    ]
    # For lists of strings and null, what the standard library writes is what RFC 8785 asks for, and quicker.
    return "sha256:" + hashlib.sha256(_CANONICAL.encode(asked).encode()).hexdigest()


def _remember_again(refused: LedgerRefused) -> None:
    """Writes down refusals whose transaction was rolled back.

    Whatever came first under one of these ids in the meantime stands.
    """
    again = [(outcome, refused.digest) for outcome in refused.outcomes if not outcome.ok]
    posting.tried_again(lambda: store.remember_outcomes(again, timezone.now(), unless_known=True))
