"""What a ledger decides, on plain values: one function for PostgreSQL, SQLite and the property test.

``decide`` looks at a *journal* (events that belong together: all happen or none does), the accounts they
touch, the attempts already known and the holds they resolve. It touches nothing; the caller writes what it
returns. The semantics are those of TigerBeetle's transfers: a hold is resolved once, and the first outcome
of an id is its outcome for ever, also when it was a refusal — otherwise a late copy of a request that was
refused, and answered as refused, could still spend.

Refusals are ranked: the first in the order of :class:`Refusal` that applies to an event is its answer. In a
journal the first event that is refused names the reason; all the others are ``linked_failed``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

Kind = Literal["transfer", "hold", "capture", "release"]
Code = Literal["fund", "issue", "deposit", "hold", "capture", "release", "settle", "expire", "reverse"]

KINDS: tuple[str, ...] = get_args(Kind)
CODES: tuple[str, ...] = get_args(Code)
RESOLVING = ("capture", "release")
MAX_AMOUNT_FEN = 2**53 - 1
"""Largest amount of one event [fen]: what a signed document can carry."""
MAX_COUNTER_FEN = 2**63 - 1
"""Largest value of an account's counter [fen]; SQLite would silently turn a larger one into a float."""

Ref = tuple[str, str]
"""An account by ``(ledger, key)``."""


class Refusal(StrEnum):
    """Why an event was refused, in order of precedence."""

    ID_USED_OTHERWISE = "id_used_otherwise"
    """The id came before with another content or in another journal; the first outcome stands."""
    LINKED_FAILED = "linked_failed"
    """Another event of the same journal was refused."""
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_ABOVE_LIMIT = "amount_above_limit"
    ACCOUNTS_MUST_DIFFER = "accounts_must_differ"
    DEBIT_ACCOUNT_NOT_FOUND = "debit_account_not_found"
    CREDIT_ACCOUNT_NOT_FOUND = "credit_account_not_found"
    HOLD_NOT_FOUND = "hold_not_found"
    NOT_A_HOLD = "not_a_hold"
    """``pending_id`` names a transfer that is no hold."""
    HOLD_ACCOUNTS_DIFFER = "hold_accounts_differ"
    """Ledger, debit or credit were named and are not those of the hold."""
    HOLD_ALREADY_CAPTURED = "hold_already_captured"
    HOLD_ALREADY_RELEASED = "hold_already_released"
    HOLD_EXPIRED = "hold_expired"
    """Too late to capture, or a new hold that would end before it begins."""
    CAPTURE_ABOVE_HOLD = "capture_above_hold"
    RELEASE_NOT_WHOLE = "release_not_whole"
    DEBIT_ACCOUNT_FROZEN = "debit_account_frozen"
    """A transfer or hold out of a frozen account; what goes into it, and the end of a hold, may happen."""
    AVAILABLE_EXCEEDED = "available_exceeded"
    COUNTER_OVERFLOW = "counter_overflow"


@dataclass(frozen=True, slots=True)
class Event:
    """What a caller asks for.

    ``transfer`` and ``hold`` name both accounts; ``capture`` and ``release`` name the hold by ``pending_id``
    (and may repeat its accounts). A capture of less than its hold gives the rest back in the same event; a
    release gives back the whole hold and says its amount, or 0 for "whatever it was".
    """

    id: str
    kind: Kind
    ledger: str
    amount_fen: int
    code: Code
    debit: str = ""
    credit: str = ""
    pending_id: str = ""
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        assert self.id and len(self.id) <= 100, f"event id {self.id!r} must have 1 to 100 characters"
        assert self.kind in KINDS, self.kind
        assert self.code in CODES, self.code
        assert type(self.amount_fen) is int, "money is an int of fen"
        assert bool(self.pending_id) == (self.kind in RESOLVING), "only captures and releases name a hold"
        assert self.expires_at is None or (self.kind == "hold" and self.expires_at.tzinfo is not None)


# Tuples with names, here and below: a batch makes thousands, and frozen dataclasses take three times as long.
class Outcome(NamedTuple):
    """The answer to one event; the same for every repetition of its id."""

    id: str
    ok: bool
    refusal: Refusal | None = None
    facts: Mapping[str, str | int] = MappingProxyType({})


class Counters(NamedTuple):
    """An account's state [fen]. Also used for a change of it, where members may be negative."""

    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0
    may_overdraw: bool = False
    frozen: bool = False

    @property
    def available_fen(self) -> int:
        """What may still be spent or held."""
        return self.credits_posted - self.debits_posted - self.debits_pending

    def plus(self, change: Counters) -> Counters:
        """The counters after a change."""
        return Counters(
            self.debits_posted + change.debits_posted,
            self.credits_posted + change.credits_posted,
            self.debits_pending + change.debits_pending,
            self.credits_pending + change.credits_pending,
            self.may_overdraw,
            self.frozen,
        )

    def largest(self) -> int:
        """The largest counter [fen]."""
        return max(self.debits_posted, self.credits_posted, self.debits_pending, self.credits_pending)


class Target(NamedTuple):
    """A transfer that a capture or release names: normally a hold, and what became of it."""

    id: str
    kind: str
    ledger: str
    debit: str
    credit: str
    amount_fen: int
    expires_at: datetime | None = None
    resolved_by: str = ""
    """``capture``, ``release``, or empty while the hold is open."""


class Remembered(NamedTuple):
    """An attempt already on record: the digest of its journal, and its outcome."""

    digest: str
    outcome: Outcome


class Movement(NamedTuple):
    """A transfer to be written."""

    event: Event
    debit: Ref
    credit: Ref
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to answer (one outcome an event, in their order) and what to write."""

    outcomes: tuple[Outcome, ...]
    new: tuple[Outcome, ...] = ()
    """Outcomes to remember; the others were remembered before."""
    movements: tuple[Movement, ...] = ()
    changes: dict[Ref, Counters] = field(default_factory=dict)
    """Account → what to add to its counters."""
    targets: dict[str, Target] = field(default_factory=dict)
    """What later journals may name of this one, and the holds it resolved."""


@dataclass(slots=True)
class _Books:
    """The accounts and holds while one journal is decided: what was read, and over it what has changed."""

    read_accounts: Mapping[Ref, Counters]
    read_targets: Mapping[str, Target]
    at: datetime
    accounts: dict[Ref, Counters] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    changes: dict[Ref, Counters] = field(default_factory=dict)

    def account(self, ref: Ref) -> Counters | None:
        """An account as the events so far left it."""
        return self.accounts.get(ref) or self.read_accounts.get(ref)

    def target(self, name: str) -> Target | None:
        """A transfer, with what became of it so far."""
        return self.targets.get(name) or self.read_targets.get(name)


class _No(Exception):
    def __init__(self, refusal: Refusal, **facts: str | int) -> None:
        self.refusal = refusal
        self.facts = facts


def decide(
    events: Sequence[Event],
    *,
    accounts: Mapping[Ref, Counters],
    known: Mapping[str, Remembered],
    pending: Mapping[str, Target],
    digest: str,
    at: datetime,
) -> Decision:
    """Decides one journal.

    Args:
        events: At least one, ids distinct; decided in this order, each seeing the ones before it.
        accounts: State of every account that exists among those the events touch, read under lock; others
            may be there too.
        known: Attempts on record, at least those among the events' ids, read after the lock.
        pending: At least the transfers that captures and releases name, with their resolution.
        digest: Digest of the whole journal.
        at: The server's time.
    """
    assert events and len({event.id for event in events}) == len(events), "a journal has distinct ids"
    if any(event.id in known for event in events):
        return _repeated(events, known, digest)
    books = _Books(accounts, pending, at)
    for event in events:
        try:
            _apply(event, books)
        except _No as no:
            return _refused(events, event, no)
    outcomes = tuple([Outcome(event.id, ok=True) for event in events])
    return Decision(outcomes, outcomes, tuple(books.movements), books.changes, books.targets)


def _repeated(events: Sequence[Event], known: Mapping[str, Remembered], digest: str) -> Decision:
    """At least one id is on record. Ids of the same journal were recorded together, so all of them are."""
    outcomes, new = [], []
    culprit = next((event.id for event in events if event.id in known), "")
    for event in events:
        before = known.get(event.id)
        if before is None:
            facts: dict[str, str | int] = {"id": event.id, "by": culprit}
            outcome = Outcome(event.id, ok=False, refusal=Refusal.LINKED_FAILED, facts=facts)
            new.append(outcome)
        elif before.digest == digest:
            outcome = before.outcome
        else:
            outcome = Outcome(event.id, ok=False, refusal=Refusal.ID_USED_OTHERWISE, facts={"id": event.id})
        outcomes.append(outcome)
    return Decision(tuple(outcomes), new=tuple(new))


def _refused(events: Sequence[Event], culprit: Event, no: _No) -> Decision:
    outcomes = tuple(
        Outcome(event.id, ok=False, refusal=no.refusal, facts={"id": event.id, **no.facts})
        if event is culprit
        else Outcome(
            event.id, ok=False, refusal=Refusal.LINKED_FAILED, facts={"id": event.id, "by": culprit.id}
        )
        for event in events
    )
    return Decision(outcomes, new=outcomes)


def _apply(event: Event, books: _Books) -> None:
    """Adds one event's movement and changes to the books.

    Raises:
        _No: with the first refusal that applies.
    """
    if event.kind != "release" or event.amount_fen:
        _check_amount(event)
    if event.kind in RESOLVING:
        _resolve(event, books)
    else:
        _move(event, books)


def _check_amount(event: Event) -> None:
    if event.amount_fen <= 0:
        raise _No(Refusal.AMOUNT_NOT_POSITIVE, asked_fen=event.amount_fen)
    if event.amount_fen > MAX_AMOUNT_FEN:
        raise _No(Refusal.AMOUNT_ABOVE_LIMIT, asked_fen=event.amount_fen, limit_fen=MAX_AMOUNT_FEN)


def _move(event: Event, books: _Books) -> None:
    debit, credit = (event.ledger, event.debit), (event.ledger, event.credit)
    amount = event.amount_fen
    if debit == credit:
        raise _No(Refusal.ACCOUNTS_MUST_DIFFER, ledger=event.ledger, account=event.debit)
    payer, payee = books.account(debit), books.account(credit)
    if payer is None:
        raise _No(Refusal.DEBIT_ACCOUNT_NOT_FOUND, ledger=event.ledger, account=event.debit)
    if payee is None:
        raise _No(Refusal.CREDIT_ACCOUNT_NOT_FOUND, ledger=event.ledger, account=event.credit)
    if event.expires_at is not None and event.expires_at <= books.at:
        raise _No(
            Refusal.HOLD_EXPIRED, hold=event.id, expired_at=_text(event.expires_at), now=_text(books.at)
        )
    if payer.frozen:
        raise _No(Refusal.DEBIT_ACCOUNT_FROZEN, ledger=debit[0], account=debit[1])
    if not payer.may_overdraw and payer.available_fen < amount:
        available = payer.available_fen
        raise _No(
            Refusal.AVAILABLE_EXCEEDED,
            ledger=debit[0],
            account=debit[1],
            asked_fen=amount,
            available_fen=available,
            held_fen=payer.debits_pending,
        )
    if event.kind == "hold":
        _change(books, debit, payer, Counters(debits_pending=amount))
        _change(books, credit, payee, Counters(credits_pending=amount))
    else:
        _change(books, debit, payer, Counters(debits_posted=amount))
        _change(books, credit, payee, Counters(credits_posted=amount))
    _move_into(books, Movement(event, debit, credit, amount))


def _resolve(event: Event, books: _Books) -> None:
    hold = _open_hold(event, books)
    if event.kind == "capture" and event.amount_fen > hold.amount_fen:
        raise _No(
            Refusal.CAPTURE_ABOVE_HOLD, hold=hold.id, asked_fen=event.amount_fen, held_fen=hold.amount_fen
        )
    if event.kind == "release" and event.amount_fen not in (0, hold.amount_fen):
        raise _No(
            Refusal.RELEASE_NOT_WHOLE, hold=hold.id, asked_fen=event.amount_fen, held_fen=hold.amount_fen
        )
    captured = event.amount_fen if event.kind == "capture" else 0
    debit, credit = (hold.ledger, hold.debit), (hold.ledger, hold.credit)
    payer, payee = books.account(debit), books.account(credit)
    assert payer is not None and payee is not None, "a hold's accounts are read with it"
    _change(books, debit, payer, Counters(debits_posted=captured, debits_pending=-hold.amount_fen))
    _change(books, credit, payee, Counters(credits_posted=captured, credits_pending=-hold.amount_fen))
    books.targets[hold.id] = hold._replace(resolved_by=event.kind)
    _move_into(books, Movement(event, debit, credit, captured or hold.amount_fen))


def _move_into(books: _Books, movement: Movement) -> None:
    """Later events of the journal may name this one."""
    event = movement.event
    (ledger, debit), (_, credit) = movement.debit, movement.credit
    books.movements.append(movement)
    books.targets[event.id] = Target(
        event.id, event.kind, ledger, debit, credit, movement.amount_fen, event.expires_at
    )


def _open_hold(event: Event, books: _Books) -> Target:
    hold = books.target(event.pending_id)
    if hold is None:
        raise _No(Refusal.HOLD_NOT_FOUND, hold=event.pending_id)
    if hold.kind != "hold":
        raise _No(Refusal.NOT_A_HOLD, hold=hold.id, kind=hold.kind)
    named = (event.ledger, event.debit or hold.debit, event.credit or hold.credit)
    if named != (hold.ledger, hold.debit, hold.credit):
        raise _No(Refusal.HOLD_ACCOUNTS_DIFFER, hold=hold.id)
    if hold.resolved_by == "capture":
        raise _No(Refusal.HOLD_ALREADY_CAPTURED, hold=hold.id)
    if hold.resolved_by == "release":
        raise _No(Refusal.HOLD_ALREADY_RELEASED, hold=hold.id)
    if event.kind == "capture" and hold.expires_at is not None and hold.expires_at <= books.at:
        raise _No(Refusal.HOLD_EXPIRED, hold=hold.id, expired_at=_text(hold.expires_at), now=_text(books.at))
    return hold


def _change(books: _Books, ref: Ref, now: Counters, change: Counters) -> None:
    after = now.plus(change)
    if after.largest() > MAX_COUNTER_FEN:
        raise _No(Refusal.COUNTER_OVERFLOW, ledger=ref[0], account=ref[1], limit_fen=MAX_COUNTER_FEN)
    books.accounts[ref] = after
    before = books.changes.get(ref)
    books.changes[ref] = change if before is None else before.plus(change)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
