"""Reads of the ledger. The ledger knows no organisation: rooms above say whose account a key is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from hesuan.errors import NotFound, declare
from hesuan.hub.ledger.models import Account, Transfer

ACCOUNT_UNKNOWN = declare(
    "ledger.account_unknown",
    en="Ledger {ledger} has no account {account}.",
    zh="账本 {ledger} 中没有账户 {account}。",
)


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's four counters [fen]."""

    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int

    @property
    def available_fen(self) -> int:
        """What may still be spent or held; negative only where the account may overdraw."""
        return self.credits_posted - self.debits_posted - self.debits_pending

    @property
    def posted_fen(self) -> int:
        """What is there, holds not counted."""
        return self.credits_posted - self.debits_posted


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One transfer as a reader sees it; accounts by key."""

    seq: int
    id: str
    kind: str
    code: str
    debit: str
    credit: str
    amount_fen: int
    journal: str
    pending_id: str
    at: datetime
    expires_at: datetime | None


def balance(ledger: str, key: str) -> Balance:
    """An account's counters.

    Raises:
        NotFound: ``ledger.account_unknown``.
    """
    counters = (
        Account.objects.filter(ledger=ledger, key=key)
        .values_list("debits_posted", "credits_posted", "debits_pending", "credits_pending")
        .first()
    )
    if counters is None:
        raise NotFound(ACCOUNT_UNKNOWN, ledger=ledger, account=key)
    return Balance(*counters)


def is_frozen(ledger: str, key: str) -> bool:
    """Whether nothing new is taken from an account; one that was not opened is not frozen."""
    return Account.objects.filter(ledger=ledger, key=key, frozen=True).exists()


def exists(ledger: str, key: str) -> bool:
    """Whether an account was opened."""
    return Account.objects.filter(ledger=ledger, key=key).exists()


def transfers(ledger: str, key: str) -> list[TransferRow]:
    """Every transfer of an account on either side, in order."""
    touching = Q(debit__ledger=ledger, debit__key=key) | Q(credit__ledger=ledger, credit__key=key)
    return list(_rows(touching))


def net_flows(ledger: str, key: str) -> dict[str, int]:
    """What an account got from each other account, less what it gave to it [fen]; open holds not counted."""
    moved = Transfer.objects.filter(kind__in=("transfer", "capture"))
    net: dict[str, int] = {}
    for side, other, sign in (("credit", "debit__key", 1), ("debit", "credit__key", -1)):
        rows = moved.filter(**{f"{side}__ledger": ledger, f"{side}__key": key}).order_by()
        for name, fen in rows.values_list(other).annotate(total=Sum("amount_fen")):
            net[name] = net.get(name, 0) + sign * fen
    return net


def balances(ledger: str) -> dict[str, Balance]:
    """Every account of a ledger with its counters, in one query."""
    names = ("key", "debits_posted", "credits_posted", "debits_pending", "credits_pending")
    rows = Account.objects.filter(ledger=ledger).values_list(*names)
    return {key: Balance(*counters) for key, *counters in rows}


def balances_at(ledger: str, number: int) -> dict[str, Balance]:
    """Every account of a ledger as it stood after a transfer, by its number in the journal; from the rows.

    Accounts that nothing had touched by then are left out.
    """
    so_far = Transfer.objects.filter(seq__lte=number, debit__ledger=ledger).order_by()
    resolved = so_far.filter(pending_id__isnull=False).values("pending_id")
    moved = so_far.filter(kind__in=("transfer", "capture"))
    held = so_far.filter(kind="hold").exclude(id__in=resolved)
    counters: dict[str, list[int]] = {}
    for side in ("debit__key", "credit__key"):
        for key in so_far.values_list(side, flat=True).distinct():
            counters.setdefault(key, [0, 0, 0, 0])
    for place, (rows, side) in enumerate(
        [(moved, "debit__key"), (moved, "credit__key"), (held, "debit__key"), (held, "credit__key")]
    ):
        for key, total in rows.values_list(side).annotate(total=Sum("amount_fen")):
            counters[key][place] = total
    return {key: Balance(*found) for key, found in counters.items()}


def all_flows(ledger: str) -> dict[tuple[str, str], int]:
    """From which account to which how much went, over all time [fen]; open holds not counted."""
    moved = Transfer.objects.filter(kind__in=("transfer", "capture"), debit__ledger=ledger).order_by()
    rows = moved.values_list("debit__key", "credit__key").annotate(total=Sum("amount_fen"))
    return {(debit, credit): total for debit, credit, total in rows}


def moved_fen(ledger: str, key: str, *, to: str) -> int:
    """What went from one account to another outside of holds, over all time [fen]."""
    sides = Q(debit__ledger=ledger, debit__key=key, credit__ledger=ledger, credit__key=to)
    return _total(sides & Q(kind="transfer"))


def held_and_captured_fen(keys: Iterable[str], *, since: datetime) -> tuple[int, int]:
    """What is held now out of the accounts of these keys, and what was captured out of them since [fen]."""
    accounts = list(Account.objects.filter(key__in=list(keys)).values_list("id", "debits_pending"))
    captured = Q(kind="capture", debit__in=[name for name, _ in accounts], at__gte=since)
    return sum(held for _, held in accounts), _total(captured)


def _total(which: Q) -> int:
    return Transfer.objects.filter(which).aggregate(total=Sum("amount_fen"))["total"] or 0


def journal(event_id: str) -> list[TransferRow]:
    """Every transfer posted together with an event, in order; empty when it was refused or unknown."""
    ids = Transfer.objects.filter(id=event_id).values_list("journal", flat=True)
    return list(_rows(Q(journal__in=list(ids))))


def by_number(numbers: Iterable[int]) -> list[TransferRow]:
    """Transfers by their place in the journal, in order; numbers that stand for none are left out."""
    return list(_rows(Q(seq__in=list(numbers))))


def open_holds(event_ids: Iterable[str]) -> list[TransferRow]:
    """Holds posted together with any of some events that nothing has ended yet, in order."""
    journals = Transfer.objects.filter(id__in=list(event_ids)).values_list("journal", flat=True)
    return list(_rows(Q(journal__in=list(journals), kind="hold", resolutions__isnull=True)))


def _rows(which: Q) -> Iterator[TransferRow]:
    for row in Transfer.objects.filter(which).select_related("debit", "credit").order_by("seq"):
        yield TransferRow(
            seq=row.seq,
            id=row.id,
            kind=row.kind,
            code=row.code,
            debit=row.debit.key,
            credit=row.credit.key,
            amount_fen=row.amount_fen,
            journal=row.journal,
            pending_id=row.pending_id or "",
            at=row.at,
            expires_at=row.expires_at,
        )
