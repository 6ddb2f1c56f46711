"""Limits on use after the fact: a credit note or a recovery takes back what a line counted, or counts more.

What a line counted is what its rows of :class:`~.models.Count` say, found by the names of the ledger's
events; nothing is ever given back twice, and what has left a rolling window by itself is not given back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, counting, rules
from hesuan.hub.programmes.engine import programme_of
from hesuan.hub.programmes.models import Count, Voucher
from hesuan.policy.keys import counted_as
from hesuan.policy.programme import Budget, Cap, Programme
from hesuan.policy.windows import window_of

BY_CLAIM = ("claims", "active")


@dataclass(frozen=True, slots=True)
class Change:
    """What a limit counts more, or less, than it did."""

    place: int
    """Of its rule among the document's caps and budgets."""
    account: str
    fen: int
    """Negative where it gets back."""


@dataclass(slots=True)
class Recount:
    """Journal entries, and the rows to be written once they are posted."""

    events: list[ledger.Event] = field(default_factory=list)
    rows: list[Count] = field(default_factory=list)

    def add(self, other: Recount) -> None:
        """One journal of both."""
        self.events += other.events
        self.rows += other.rows

    def write(self) -> None:
        """Keeps what was counted and given back, for what and on which day."""
        Count.objects.bulk_create(self.rows)


def recount(
    voucher_id: str, names: Sequence[str], changes: Iterable[Change], *, subject: str, day: date
) -> Recount:
    """The entries that change what a line counted; at most all of it is given back.

    Args:
        voucher_id: The voucher it draws on.
        names: How the ids of its events on limits begin.
        changes: By limit.
        subject: Names the new entries; begins with one of the names, so that they are found again.
        day: The day on which more is counted; what is given back is so on the day it was counted.
    """
    voucher = Voucher.objects.select_related("programme_version").get(pk=voucher_id)
    case = _Case(voucher, programme_of(voucher.programme_version), tuple(names), subject)
    made = Recount()
    for number, one in enumerate(changes):
        if one.fen > 0:
            made.add(case.more(one, day, number))
        elif one.fen < 0:
            made.add(case.less(one, number))
    return made


def taken_back(voucher_id: str, names: Sequence[str], fen: int) -> list[Change]:
    """What an amount that came back takes off every limit that counted its line; a claim made stays made."""
    limits = standing(voucher_id, names).exclude(counts__in=BY_CLAIM)
    totals = limits.values_list("account", "rule").annotate(total=Sum("amount_fen")).order_by("account")
    voucher = Voucher.objects.select_related("programme_version").get(pk=voucher_id)
    document = programme_of(voucher.programme_version)
    rules_: tuple[Cap | Budget, ...] = (*document.caps, *document.budgets)
    places = {rule.id: place for place, rule in enumerate(rules_)}
    return [
        Change(places.get(rule, -1), account, -min(fen, total))
        for account, rule, total in totals
        if min(fen, total) > 0
    ]


def has_room(programme_id: str, changes: Iterable[Change]) -> bool:
    """Whether every limit has what would be counted more of it."""
    book = accounts.caps_ledger_of(programme_id)
    return all(
        balances.exists(book, one.account) and balances.balance(book, one.account).available_fen >= one.fen
        for one in changes
        if one.fen > 0
    )


def lock_limits(programme_id: str, keys: Iterable[str]) -> None:
    """Locks limits before anything is posted on the programme's money.

    Journals lock limits before money, because the limits' ledger sorts before the money's; who posts on both
    in several journals must do so too, or two of them may wait for each other.
    """
    book = accounts.caps_ledger_of(programme_id)
    ledger.lock({(book, accounts.COUNTED), *((book, key) for key in keys)})


@dataclass(frozen=True, slots=True)
class _Case:
    """One line's limits."""

    voucher: Voucher
    document: Programme
    names: tuple[str, ...]
    subject: str

    def more(self, change: Change, day: date, number: int) -> Recount:
        event = self._move(f"{self.subject}:count:{number}", change.account, accounts.COUNTED, change.fen)
        return Recount([event], [self._row(event.id, change, day, change.fen)])

    def less(self, change: Change, number: int) -> Recount:
        """The latest day first, and of no day more than stands there."""
        made, left = Recount(), -change.fen
        rows = standing(self.voucher.id, self.names).filter(account=change.account).order_by("-day")
        days = rows.values_list("day").annotate(total=Sum("amount_fen"))
        for part, (day, total) in enumerate(days):
            fen = min(left, total)
            if fen <= 0:
                continue
            left -= fen
            if self._has_left(change.place, day):
                continue
            event_id = f"{self.subject}:count:{number}:{part}"
            event = self._move(event_id, accounts.COUNTED, change.account, fen)
            made.add(Recount([event], [self._row(event.id, change, day, -fen)]))
        return made

    def _move(self, event_id: str, debit: str, credit: str, fen: int) -> ledger.Event:
        book = accounts.caps_ledger_of(self.document.id)
        code: counting.Code = "issue" if credit == accounts.COUNTED else "reverse"
        return counting.transfer(event_id, book, debit, credit, amount_fen=fen, code=code)

    def _row(self, event_id: str, change: Change, day: date, fen: int) -> Count:
        rule = self._rule(change.place)
        return Count(
            id=event_id,
            programme_id=self.document.id,
            voucher=self.voucher,
            rule=rule.id if rule else "",
            counts=(counted_as(self.document, rule.counts, "redeem") if rule else None) or "redeemed",
            account=change.account,
            day=day,
            amount_fen=fen,
            at=timezone.now(),
        )

    def _rule(self, place: int) -> Cap | Budget | None:
        """Rows that orders counted name no rule."""
        limits = self._limits
        return limits[place] if 0 <= place < len(limits) else None

    def _has_left(self, place: int, day: date) -> bool:
        """Whether an amount has left its rolling window; without a name, any of them."""
        rule = self._rule(place)
        windows = [one.window for one in ((rule,) if rule else self._limits)]
        rolling = [one for one in windows if isinstance(one, str) and one.startswith("rolling")]
        today = rules.programme_day(timezone.now())
        return any(not window_of(one, today).holds(day) for one in rolling)

    @property
    def _limits(self) -> tuple[Cap | Budget, ...]:
        return (*self.document.caps, *self.document.budgets)


def standing(voucher_id: str, names: Sequence[str]) -> QuerySet[Count]:
    """Everything that was counted, and given back, under some names, in no order."""
    begins = Q()
    for name in names:
        begins |= Q(id__startswith=name)
    return Count.objects.filter(begins, voucher_id=voucher_id).order_by()
