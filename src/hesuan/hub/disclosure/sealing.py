"""Seals each day of each log: a root over all balances, of which any one can be shown without the others.

A seal is written in the first round after the day is over (UTC), once everything the ledger had moved by
then is told. The balances under its root are those that the leaves before it come to. They are not kept: the
journal cannot change, so they are computed again from its rows up to the number that the seal's private
record names, and their salts from the hub's secret.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta

from django.db import transaction
from django.utils import timezone

from hesuan.hub.audit import entries, signing
from hesuan.hub.audit.models import Fact, Log
from hesuan.hub.disclosure.models import Disclosed
from hesuan.hub.ledger import selectors as journal
from hesuan.hub.programmes import accounts
from hesuan.wire import seals
from hesuan.wire.canonical import Json


@dataclass(frozen=True, slots=True)
class Sealed:
    """One day's balances: each account's leaf, in the order of the accounts' names."""

    day: str
    upto: int
    """Number of the last transfer that is in them."""
    balances: dict[str, dict[str, Json]]

    def leaves(self) -> list[bytes]:
        """What the root is over."""
        return [seals.balance_leaf(one) for one in self.balances.values()]

    def root(self) -> str:
        """As a seal writes it."""
        return f"sha256:{seals.balance_root(self.leaves()).hex()}"


def seal_due() -> int:
    """Seals yesterday in every log that has something of it or of a day before; returns how many."""
    day = timezone.now().astimezone(UTC).date() - timedelta(days=1)
    names = list(Log.objects.values_list("name", flat=True))
    return sum(_seal(name, day.isoformat()) for name in names if _is_due(name, day.isoformat()))


def sealed(log: str, day: str, upto: int) -> Sealed:
    """A day's balances, computed from the journal; none for the platform's own log."""
    if log == signing.PLATFORM:
        return Sealed(day, upto, {})
    standing = journal.balances_at(accounts.ledger_of(entries.programme_of(log)), upto)
    return Sealed(
        day,
        upto,
        {
            account: {
                "p": log,
                "day": day,
                "account": account,
                "salt": entries.balance_salt(log, day, account).hex(),
                **asdict(standing[account]),
            }
            for account in sorted(standing)
        },
    )


def of_seal(fact: Fact) -> Sealed:
    """The balances that a seal speaks of."""
    assert fact.private is not None
    record = fact.private["record"]
    return sealed(fact.log, record["day"], record["upto"])


def _is_due(log: str, day: str) -> bool:
    last = Fact.objects.filter(log=log, subject=entries.SEAL, kind=seals.KIND).order_by("-seq").first()
    if last is not None and (last.leaf_index is None or (last.private or {})["record"]["day"] >= day):
        return False
    first = 0 if last is None or last.leaf_index is None else last.leaf_index + 1
    unsealed = Fact.objects.filter(log=log, leaf_index=first).first()
    midnight = datetime.combine(datetime.fromisoformat(day).date() + timedelta(days=1), time(), UTC)
    return unsealed is not None and unsealed.at < midnight


@transaction.atomic
def _seal(log: str, day: str) -> int:
    Log.objects.select_for_update().get(name=log)
    # Under the lock: what another worker sealed meanwhile, and what waits to be told, is seen only now.
    return seal(log, day) if _is_due(log, day) else 0


def seal(log: str, day: str) -> int:
    """Seals a day of a log, whose row the caller holds locked; 0 while a transfer waits for its entry."""
    told = Disclosed.objects.filter(programme=entries.programme_of(log))
    if log != signing.PLATFORM and told.filter(entry=None).exists():
        return 0
    last = told.order_by("-transfer").values_list("transfer", flat=True).first()
    made = sealed(log, day, (last or 0) if log != signing.PLATFORM else 0)
    public: dict[str, Json] = {"day": day}
    if made.balances:
        public |= {"root": made.root(), "n": len(made.balances)}
    entries.record_entry(
        log=log,
        kind=seals.KIND,
        subject=entries.SEAL,
        public=public,
        private={"day": day, "upto": made.upto, "accounts": len(made.balances)},
    )
    return 1
