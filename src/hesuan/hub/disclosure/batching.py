"""The leaf of a batch: what it paid, said once in its programme's log when its payments stand there.

A payment's number is known only once it was sequenced, so the leaf comes a round later. What it says of its
own rows is held against the leaves first: where they differ nothing is written, and I8.batch names the batch.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Concat

from hesuan.hub.audit import entries
from hesuan.hub.audit.models import Fact, Log
from hesuan.hub.settlement.models import Batch, Payment
from hesuan.wire import batches
from hesuan.wire.canonical import Json
from hesuan.wire.totals import FLOATS

KIND, PAY = "settle", "pay"
SUBJECT = "batch:"
"""With the batch's id behind it, what its leaves are about."""
RUNS = 100
"""Runs in one leaf; a batch that lies in more has several leaves."""
ROWS = 500
"""Ids asked for by one statement."""

log_of_this = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A batch's payments, and where they stand in the log."""

    owed: dict[str, int]
    """Payment → fen, as the batch's rows say."""
    told: dict[str, int]
    """Payment → fen, as its leaf says; without those that have no place in the log yet."""
    mine: dict[int, int]
    """Leaf → fen of the same, in the order of the log."""
    others: list[int]
    """Leaves of payments between them that are not this batch's."""

    @property
    def waits(self) -> bool:
        """Whether a payment has no place in the log yet."""
        return len(self.told) < len(self.owed)


def tell_batches() -> int:
    """Writes the leaves of paid batches that have none; safe to call at any time, by any number.

    Returns:
        How many were written.
    """
    return sum(_tell(batch) for batch in untold())


def paid() -> QuerySet[Batch]:
    """The batches that paid anything."""
    with_payments = Payment.objects.filter(batch=OuterRef("pk"))
    return Batch.objects.filter(Exists(with_payments), state=Batch.State.PAID).order_by("opened_at", "id")


def untold() -> QuerySet[Batch]:
    """Those of them that no leaf speaks of; one question, however many were told before."""
    subject = Concat(Value(SUBJECT), OuterRef("pk"))
    return paid().exclude(Exists(Fact.objects.filter(kind=KIND, subject=subject)))


def of_batch(batch: Batch) -> QuerySet[Fact]:
    """The leaves that speak of a batch, in the order of the log."""
    log = entries.log_of(batch.programme_id)
    return Fact.objects.filter(log=log, kind=KIND, subject=_subject(batch)).order_by("seq")


def found(batch: Batch) -> Found:
    """The payments of a batch, by its rows and by the log."""
    log = entries.log_of(batch.programme_id)
    payments = Fact.objects.filter(log=log, kind=PAY, leaf_index__isnull=False)
    owed = dict(Payment.objects.filter(batch=batch).values_list("id", "amount_fen"))
    told, mine = dict[str, int](), dict[int, int]()
    for ids in (list(owed)[at : at + ROWS] for at in range(0, len(owed), ROWS)):
        for fact in payments.filter(subject__in=ids):
            assert fact.leaf_index is not None
            told[fact.subject] = mine[fact.leaf_index] = json.loads(fact.logged)["a"]
    others = []
    if mine:
        between = payments.filter(leaf_index__range=(min(mine), max(mine))).order_by("leaf_index")
        others = [
            fact.leaf_index
            for fact in between.iterator()
            if fact.leaf_index is not None and fact.leaf_index not in mine and not _is_float(fact)
        ]
    return Found(owed, told, dict(sorted(mine.items())), others)


def said(batch: Batch, where: Found) -> Iterator[dict[str, Json]]:
    """The public members of a batch's leaves."""
    every = batches.runs(list(where.mine), where.others)
    for some in (every[at : at + RUNS] for at in range(0, len(every), RUNS)):
        inside = [
            fen for leaf, fen in where.mine.items() if any(first <= leaf <= last for first, last in some)
        ]
        public: dict[str, Json] = {
            "what": batches.BATCH,
            "m": batch.period,
            "b": "VOUCHER",
            "n": len(inside),
            "a": sum(inside),
            "first": some[0][0],
            "last": some[-1][1],
        }
        yield public | ({"of": [end for run in some for end in run]} if len(some) > 1 else {})


@transaction.atomic
def _tell(batch: Batch) -> int:
    log = entries.log_of(batch.programme_id)
    Log.objects.select_for_update().filter(name=log).first()
    where = found(batch)
    # Under the lock: what another worker told meanwhile is seen only now.
    if where.waits or of_batch(batch).exists():
        return 0
    if where.told != where.owed:
        log_of_this.error("batch %s: its payments are not those of its log %s", batch.id, log)
        return 0
    made = [
        entries.record_entry(
            log=log, kind=KIND, subject=_subject(batch), public=public, private={"batch": batch.id}
        )
        for public in said(batch, where)
    ]
    return len(made)


def _subject(batch: Batch) -> str:
    return f"{SUBJECT}{batch.id}"


def _is_float(fact: Fact) -> bool:
    return json.loads(fact.logged).get("what") in FLOATS
