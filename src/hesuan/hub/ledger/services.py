"""The ledger's verbs.

**Callers.** Put everything that must happen together into *one* ``post``: its accounts are locked in one
global order, so two posts never wait for each other in a ring. Two posts inside one transaction may.

**Refusals outlive their transaction.** ``post`` answers refusals as outcomes and commits the memory of them
with the caller's transaction. ``post_or_raise`` raises: a caller's ``transaction.atomic()`` then rolls back,
and with it the memory, so that a late copy of a request that was *answered as refused* could be accepted
after a deposit. Use :func:`atomic` instead: it is ``transaction.atomic()`` that, once rolled back by a
ledger's refusal, writes the refusal down. Nested, each layer does so and the outermost one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from hesuan.hub.ledger.errors import LedgerRefused
from hesuan.hub.ledger.models import Account, Attempt, Transfer
from hesuan.hub.ledger.rules import (
    RESOLVING,
    Counters,
    Decision,
    Event,
    Outcome,
    Ref,
    Refusal,
    Remembered,
    Target,
    decide,
)
from hesuan.wire.canonical import digest

__all__ = [
    "Event",
    "LedgerRefused",
    "Outcome",
    "Refusal",
    "atomic",
    "expire_holds",
    "lock",
    "open_account",
    "post",
    "post_or_raise",
]

_TRIES = 3


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
    return {ref: _counters(account) for ref, account in _lock_accounts(set(refs)).items()}


def post(events: Sequence[Event]) -> list[Outcome]:
    """Posts one journal: all events happen or none does. The same journal again has the same outcomes.

    Returns:
        One outcome an event, in their order. A refusal is an outcome, and is remembered.
    """
    for last in range(_TRIES - 1, -1, -1):
        try:
            with transaction.atomic():
                return _post(events)
        except IntegrityError:
            # Somebody wrote one of these ids, or resolved one of these holds, without sharing an account
            # with us. Their transaction is over; the next look sees it.
            if not last:
                raise
    raise AssertionError("unreachable")


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
    """Releases every open hold whose time is over; safe to call as often as one likes.

    Returns:
        Ids of the holds released by this call.
    """
    now = at or timezone.now()
    due = Transfer.objects.filter(kind="hold", expires_at__lte=now, resolutions__isnull=True)
    released = []
    for hold in due.select_related("debit").order_by("seq"):
        event = Event(f"expire:{hold.seq}", "release", hold.debit.ledger, 0, "expire", pending_id=hold.id)
        if post([event])[0].ok:
            released.append(hold.id)
    return released


def request_digest(events: Sequence[Event]) -> str:
    """Digest of a journal as it was asked for."""
    return digest(
        [
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
    )


def _post(events: Sequence[Event]) -> list[Outcome]:
    """One transaction: read targets, lock accounts, only then read attempts, decide, write."""
    targets = _targets(events)
    accounts = _lock_accounts(_refs(events, targets))
    known = _known([event.id for event in events])
    at = timezone.now()
    request = request_digest(events)
    decision = decide(
        events,
        accounts={ref: _counters(account) for ref, account in accounts.items()},
        known=known,
        pending=_with_resolutions(targets),
        digest=request,
        at=at,
    )
    _remember(decision.new, request, at)
    _write(decision, accounts, at)
    return list(decision.outcomes)


def _targets(events: Sequence[Event]) -> dict[str, Target]:
    """The transfers that captures and releases name. Rows never change, so no lock is needed for these."""
    ids = [event.pending_id for event in events if event.kind in RESOLVING]
    if not ids:
        return {}
    rows = Transfer.objects.filter(id__in=ids).select_related("debit", "credit")
    return {
        row.id: Target(
            row.id,
            row.kind,
            row.debit.ledger,
            row.debit.key,
            row.credit.key,
            row.amount_fen,
            row.expires_at,
        )
        for row in rows
    }


def _with_resolutions(targets: dict[str, Target]) -> dict[str, Target]:
    """The targets with what became of them; read after the lock, since this does change."""
    if not targets:
        return {}
    rows = Transfer.objects.filter(pending__in=list(targets))
    resolved = {str(hold): kind for hold, kind in rows.values_list("pending_id", "kind")}
    return {hold: replace(target, resolved_by=resolved.get(hold, "")) for hold, target in targets.items()}


def _refs(events: Sequence[Event], targets: dict[str, Target]) -> set[Ref]:
    refs = {(event.ledger, key) for event in events for key in (event.debit, event.credit) if key}
    for target in targets.values():
        refs |= {(target.ledger, target.debit), (target.ledger, target.credit)}
    return refs


def _lock_accounts(refs: set[Ref]) -> dict[Ref, Account]:
    """Reads accounts under lock, in id order everywhere, so that two journals never wait in a ring.

    PostgreSQL locks the rows; on SQLite the transaction was begun IMMEDIATE and is alone.
    """
    ledgers = {ledger for ledger, _ in refs}
    ids = [
        pk
        for pk, ledger, key in Account.objects.filter(
            ledger__in=ledgers, key__in={key for _, key in refs}
        ).values_list("pk", "ledger", "key")
        if (ledger, key) in refs
    ]
    locked = Account.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids).order_by("pk")
    return {(account.ledger, account.key): account for account in locked}


def _known(ids: list[str]) -> dict[str, Remembered]:
    return {row.id: _remembered(row) for row in Attempt.objects.filter(id__in=ids)}


def _remembered(row: Attempt) -> Remembered:
    refusal = None if row.result == "ok" else Refusal(row.result)
    outcome = Outcome(row.id, ok=refusal is None, refusal=refusal, facts=row.facts)
    return Remembered(row.digest, outcome)


def _counters(account: Account) -> Counters:
    return Counters(
        account.debits_posted,
        account.credits_posted,
        account.debits_pending,
        account.credits_pending,
        may_overdraw=account.may_overdraw,
    )


def _remember(outcomes: Sequence[Outcome], request: str, at: datetime) -> None:
    Attempt.objects.bulk_create(
        Attempt(id=outcome.id, **_attempt_fields(outcome, request, at)) for outcome in outcomes
    )


def _remember_again(refused: LedgerRefused) -> None:
    """Writes down refusals whose transaction was rolled back.

    Whatever came first under one of these ids in the meantime stands.
    """
    at = timezone.now()
    with transaction.atomic():
        for outcome in refused.outcomes:
            if not outcome.ok:
                fields = _attempt_fields(outcome, refused.digest, at)
                Attempt.objects.get_or_create(id=outcome.id, defaults=fields)


def _attempt_fields(outcome: Outcome, request: str, at: datetime) -> dict[str, Any]:
    result = outcome.refusal.value if outcome.refusal else "ok"
    return {"digest": request, "result": result, "facts": outcome.facts, "at": at}


def _write(decision: Decision, accounts: dict[Ref, Account], at: datetime) -> None:
    if not decision.movements:
        return
    journal = decision.movements[0].event.id
    Transfer.objects.bulk_create(
        Transfer(
            id=movement.event.id,
            kind=movement.event.kind,
            pending_id=movement.event.pending_id or None,
            debit=accounts[movement.debit],
            credit=accounts[movement.credit],
            amount_fen=movement.amount_fen,
            code=movement.event.code,
            journal=journal,
            at=at,
            expires_at=movement.event.expires_at,
        )
        for movement in decision.movements
    )
    _change_counters(decision.changes, accounts)


def _change_counters(changes: dict[Ref, Counters], accounts: dict[Ref, Account]) -> None:
    for ref, change in sorted(changes.items(), key=lambda item: accounts[item[0]].pk):
        # Deltas, never absolutes: a counter stays the sum of its transfers whatever was read before.
        Account.objects.filter(pk=accounts[ref].pk).update(
            debits_posted=F("debits_posted") + change.debits_posted,
            credits_posted=F("credits_posted") + change.credits_posted,
            debits_pending=F("debits_pending") + change.debits_pending,
            credits_pending=F("credits_pending") + change.credits_pending,
            version=F("version") + 1,
        )
