"""Accounts frozen and thawed: acts that are added and never changed. Part of :mod:`.services`.

From a frozen account nothing new is taken, whoever asks: a transfer or a hold out of it is refused
(``debit_account_frozen``) by ``decide``, and by a trigger where ``decide`` was not asked. What was held
before is captured or released as it was promised, and money still comes in: a correction, or what comes back.

TigerBeetle's *closed* account, which this is modelled on, takes part in nothing but the release of a hold.
Here it may end its holds either way, since a centre has worked for them; and what comes back must find it.

A road that has to take from a frozen account all the same, such as the return of a revoked voucher's rest to
its budget, says so by :func:`thawed`, and both acts are on record with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from hesuan.errors import NotFound
from hesuan.hub.audit import services as audit
from hesuan.hub.ledger import store
from hesuan.hub.ledger.models import Account, Freezing, Transfer
from hesuan.hub.ledger.rules import Ref
from hesuan.hub.ledger.selectors import ACCOUNT_UNKNOWN


def freeze(refs: Collection[Ref], *, actor: str, reason: str) -> list[Ref]:
    """Freezes accounts, in the caller's transaction or one of its own; what is frozen stays as it is.

    Args:
        refs: Accounts by ``(ledger, key)``.
        actor: Identity id of whoever decided, or ``system``.
        reason: Why; on record.

    Returns:
        Those that were frozen by this call, in order.

    Raises:
        NotFound: ``ledger.account_unknown``.
    """
    return _set(refs, frozen=True, actor=actor, reason=reason)


def thaw(refs: Collection[Ref], *, actor: str, reason: str) -> list[Ref]:
    """Ends what :func:`freeze` began; otherwise as it. What was refused meanwhile stays refused."""
    return _set(refs, frozen=False, actor=actor, reason=reason)


@contextmanager
def thawed(refs: Collection[Ref], *, actor: str, reason: str) -> Iterator[None]:
    """Thaws those of the accounts that are frozen within the block, and freezes them again at its end.

    All of it is one transaction (or savepoint): of a block that fails nothing stays, no thaw either. The
    caller posts within it, under locks it holds already or on nothing but these accounts.
    """
    with transaction.atomic():
        opened = thaw(refs, actor=actor, reason=reason)
        yield
        freeze(opened, actor=actor, reason=reason)


def _set(refs: Collection[Ref], *, frozen: bool, actor: str, reason: str) -> list[Ref]:
    assert reason, "who freezes or thaws says why"
    with transaction.atomic():
        rows = store.lock_accounts(refs)
        for ledger, key in sorted(set(refs) - set(rows)):
            raise NotFound(ACCOUNT_UNKNOWN, ledger=ledger, account=key)
        changed = [ref for ref in sorted(rows) if rows[ref].counters.frozen != frozen]
        for ref in changed:
            _write(rows[ref].id, frozen=frozen, actor=actor, reason=reason)
            audit.record(
                kind="account.frozen" if frozen else "account.thawed",
                subject=ref[1],
                actor=actor,
                private={"ledger": ref[0], "reason": reason},
            )
    return changed


def _write(account_id: int, *, frozen: bool, actor: str, reason: str) -> None:
    """The row, then the account: in the other order the database refuses. The account is locked."""
    last = Transfer.objects.filter(debit_id=account_id).aggregate(seq=Max("seq"))["seq"]
    Freezing.objects.create(
        account_id=account_id,
        number=Freezing.objects.filter(account_id=account_id).count() + 1,
        frozen=frozen,
        after_seq=last or 0,
        actor=actor,
        reason=reason,
        at=timezone.now(),
    )
    Account.objects.filter(pk=account_id).update(frozen=frozen)
