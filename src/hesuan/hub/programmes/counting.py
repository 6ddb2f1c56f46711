"""Counters of caps and budgets: ledger accounts, read and posted under one lock. Internal to the room.

Which counters a decision reads is the engine's to say (:func:`hesuan.policy.keys.needed`). Each is an account
``limit → counter → counted`` that is filled up to its limit and cannot be overdrawn: even a decision gone
wrong cannot count past it. A hold on an account is an amount promised and not yet counted; it binds alike.

The one budget whose money the programme's own ledger holds is not counted twice: its account is the counter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from django.db.models import Sum

from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.rules import Counters as Locked
from hesuan.hub.ledger.selectors import Balance
from hesuan.hub.programmes import accounts, rules
from hesuan.hub.programmes.models import BudgetYear, Count, Voucher
from hesuan.policy.decision import Counters, Facts
from hesuan.policy.keys import BY_CLAIM, Needed, needed
from hesuan.policy.programme import CLAIM_FEN, Programme

Ref = tuple[str, str]
Code = Literal["fund", "issue", "expire", "reverse"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One counter as it stands [fen]."""

    needed: Needed
    account: str
    funded_fen: int
    """Filled up to, over all time."""
    counted_fen: int
    held_fen: int
    rolled_fen: int
    """Counted before a rolling window began, and not given back yet."""

    @property
    def used_fen(self) -> int:
        """What a decision must take for used: counted and promised."""
        return self.counted_fen - self.rolled_fen + self.held_fen


@dataclass(frozen=True, slots=True)
class Taken:
    """Counters under the caller's lock, with the journal entries that keep them right."""

    book: str
    standings: tuple[Standing, ...]
    funded: Mapping[str, int] = field(default_factory=dict)
    """Budget that the money ledger holds → what of it is used."""

    def counters(self) -> Counters:
        """What the engine asks for."""
        return as_counters(self.standings, self.funded)

    def counters_after(self, more: Mapping[str, int]) -> Counters:
        """The same once more was taken of some accounts [fen], which the books do not know yet."""
        return as_counters(
            [replace(one, held_fen=one.held_fen + more.get(one.account, 0)) for one in self.standings],
            {budget: fen + more.get(accounts.BUDGET, 0) for budget, fen in self.funded.items()},
        )

    def preparing(self, subject: str, done: Collection[str] = ()) -> list[ledger.Event]:
        """What comes before anything is counted: what left a rolling window, and the fill up to the limit.

        Args:
            subject: Names the entries.
            done: Accounts that the same journal has prepared already.
        """
        return [
            event
            for place, one in enumerate(self.standings)
            if one.account not in done
            for event in self._prepare(place, one, subject)
        ]

    def _prepare(self, place: int, one: Standing, subject: str) -> Iterable[ledger.Event]:
        if one.rolled_fen:
            yield self._move(
                f"roll:{subject}:{place}", accounts.COUNTED, one.account, one.rolled_fen, code="expire"
            )
        missing_fen = (one.needed.limit_fen or 0) - one.funded_fen
        if missing_fen > 0:
            yield self._move(f"cap:{subject}:{place}", accounts.LIMIT, one.account, missing_fen, code="fund")

    def counting(self, counted: Sequence[tuple[Needed, int]], subject: str) -> list[ledger.Event]:
        """The entries that count a decision."""
        fens = dict(counted)
        return [
            self._move(
                f"count:{subject}:{place}", one.account, accounts.COUNTED, fens[one.needed], code="issue"
            )
            for place, one in enumerate(self.standings)
            if fens.get(one.needed)
        ]

    def holding(self, most_fen: int, subject: str) -> list[ledger.Event]:
        """The holds that promise at most an amount, or one claim where claims are counted."""
        return [
            ledger.Event(
                id=f"{subject}:{place}:hold",
                kind="hold",
                ledger=self.book,
                amount_fen=CLAIM_FEN if one.needed.counts in BY_CLAIM else most_fen,
                code="hold",
                debit=one.account,
                credit=accounts.COUNTED,
            )
            for place, one in enumerate(self.standings)
        ]

    def _move(self, event_id: str, debit: str, credit: str, amount_fen: int, *, code: Code) -> ledger.Event:
        return transfer(event_id, self.book, debit, credit, amount_fen=amount_fen, code=code)


def read(document: Programme, facts: Facts) -> Counters:
    """What is used of every cap and budget that binds; without a lock, for a preview or a quote."""
    return seen(document, facts).counters()


def seen(document: Programme, facts: Facts) -> Taken:
    """The counters that bind, as they stand without a lock: to be decided on, never to be posted on."""
    book = accounts.caps_ledger_of(document.id)
    standings = []
    for need in _counters(document, facts):
        account = accounts.counter_account(need)
        balance = balances.balance(book, account) if balances.exists(book, account) else Balance(0, 0, 0, 0)
        standings.append(_standing(document.id, need, account, balance))
    return Taken(book, tuple(standings), funded_used(document, facts))


def refs(document: Programme, facts: Facts) -> list[Ref]:
    """Opens the counters that bind and names every account their journal touches."""
    book = accounts.caps_ledger_of(document.id)
    ledger.open_account(ledger=book, key=accounts.LIMIT, kind="limit", may_overdraw=True)
    ledger.open_account(ledger=book, key=accounts.COUNTED, kind="counted")
    found = {accounts.counter_account(need): need.kind for need in _counters(document, facts)}
    for account, kind in sorted(found.items()):
        ledger.open_account(ledger=book, key=account, kind=kind)
    return [(book, accounts.LIMIT), (book, accounts.COUNTED), *((book, account) for account in found)]


def taken(document: Programme, facts: Facts, locked: Mapping[Ref, Locked]) -> Taken:
    """The counters that bind, as they stand under a lock on all of :func:`refs`."""
    book = accounts.caps_ledger_of(document.id)
    standings = []
    for need in _counters(document, facts):
        account = accounts.counter_account(need)
        one = locked[book, account]
        balance = Balance(one.debits_posted, one.credits_posted, one.debits_pending, one.credits_pending)
        standings.append(_standing(document.id, need, account, balance))
    return Taken(book, tuple(standings), funded_used(document, facts))


def write_down(
    events: Iterable[ledger.Event], took: Taken, *, voucher: Voucher, day: date, at: datetime
) -> None:
    """Keeps for what and on which day an amount was counted."""
    places = {one.account: one.needed for one in took.standings}
    Count.objects.bulk_create(
        Count(
            id=event.id,
            programme_id=voucher.programme_version.programme_id,
            voucher=voucher,
            rule=places[event.debit].id,
            counts=places[event.debit].counts,
            account=event.debit,
            day=day,
            amount_fen=event.amount_fen,
            at=at,
        )
        for event in events
    )


def funded_used(document: Programme, facts: Facts) -> dict[str, int]:
    """What is used of the budget whose money the programme's ledger holds."""
    budget = rules.funding_budget(document)
    need = next((one for one in needed(document, facts) if is_funding(document, one)), None)
    if budget is None or need is None:
        return {}
    row = BudgetYear.objects.filter(
        programme_id=document.id, budget=budget.id, window=need.window.name
    ).first()
    if row is None:
        return {budget.id: 0}
    money = accounts.ledger_of(document.id)
    left = 0 if row.closed_at else balances.balance(money, accounts.BUDGET).available_fen
    return {budget.id: row.funded_fen - left}


def is_funding(document: Programme, need: Needed) -> bool:
    """Whether a counter is the money account itself."""
    budget = rules.funding_budget(document)
    return budget is not None and (need.kind, need.id, need.counts) == ("budget", budget.id, "issued")


def as_counters(standings: Iterable[Standing], funded: Mapping[str, int]) -> Counters:
    """The engine's counters by cap and budget."""
    used: dict[str, dict[str, int]] = {"cap": {}, "budget": dict(funded)}
    for one in standings:
        used[one.needed.kind][one.needed.id] = one.used_fen
    return Counters(caps=used["cap"], budgets=used["budget"])


def _counters(document: Programme, facts: Facts) -> list[Needed]:
    return [need for need in needed(document, facts) if not is_funding(document, need)]


def _standing(programme_id: str, need: Needed, account: str, balance: Balance) -> Standing:
    book = accounts.caps_ledger_of(programme_id)
    back_fen = balances.moved_fen(book, accounts.COUNTED, to=account) if balance.credits_posted else 0
    counted_fen = balance.debits_posted - back_fen
    rolled_fen = 0
    if accounts.is_rolling(need) and need.window.begin is not None:
        rolled_fen = rules.rolled_off(
            _entries(programme_id, account), begin=need.window.begin, standing_fen=counted_fen
        )
    return Standing(
        needed=need,
        account=account,
        funded_fen=balance.credits_posted - back_fen,
        counted_fen=counted_fen,
        held_fen=balance.debits_pending,
        rolled_fen=rolled_fen,
    )


def _entries(programme_id: str, account: str) -> list[tuple[date, int]]:
    found = Count.objects.filter(programme_id=programme_id, account=account)
    return list(found.values_list("day").annotate(total=Sum("amount_fen")))


def transfer(
    event_id: str, book: str, debit: str, credit: str, *, amount_fen: int, code: Code
) -> ledger.Event:
    """One movement between two accounts of one book."""
    return ledger.Event(
        id=event_id,
        kind="transfer",
        ledger=book,
        amount_fen=amount_fen,
        code=code,
        debit=debit,
        credit=credit,
    )
