"""Whether what was recorded gets into its log in time, watched by the hub itself.

The log promises a day at most (:data:`hesuan.wire.promise.MERGE_DELAY`). Seconds are usual, so minutes are a
warning. A breach is put on record as an incident of the log that was late, before what was late is given its
place: a hub that was down for a day says so when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Min
from django.utils import timezone

from hesuan.hub.audit import entries, publishing
from hesuan.hub.audit.checks import Invariant
from hesuan.hub.audit.models import Fact, Log
from hesuan.hub.audit.selectors import latest_checkpoint, logs
from hesuan.hub.disclosure.models import Disclosed
from hesuan.hub.ledger.checks import Finding
from hesuan.wire import notices
from hesuan.wire.promise import MERGE_DELAY

LATE_AFTER = timedelta(minutes=10)
"""How long something may wait for its place in a log, or a checkpoint for its files, before people hear."""
IN_TIME = Invariant(
    "I8.late",
    "What was recorded is in its log, and published, within ten minutes.",
    "所记录的事项在十分钟内进入其日志并公布。",
)


@dataclass(frozen=True, slots=True)
class Late:
    """What of one log has waited too long: ``facts``, ``transfers``, or its published ``files``."""

    log: str
    what: str
    count: int
    since: datetime


def late(now: datetime, after: timedelta = LATE_AFTER) -> list[Late]:
    """Everything that has waited for longer than ``after``."""
    return [*_waiting(now - after), *_unpublished(now - after)]


def check(now: datetime | None = None) -> list[Finding]:
    """What waits too long, as a finding; an empty list means that every log is up to date."""
    rows = tuple(
        {"log": one.log, "what": one.what, "count": one.count, "since": one.since.isoformat()}
        for one in late(now or timezone.now())
    )
    return [Finding(IN_TIME.name, IN_TIME.en, IN_TIME.zh, rows)] if rows else []


def record_breaches() -> int:
    """Puts each breach of the promised day on record, once; returns how many were new."""
    return sum(_record(one) for one in _waiting(timezone.now() - MERGE_DELAY))


@transaction.atomic
def _record(one: Late) -> int:
    Log.objects.bulk_create([Log(name=one.log)], ignore_conflicts=True)
    Log.objects.select_for_update().get(name=one.log)
    subject = f"late:{one.what}:{one.since:%Y%m%dT%H%M%S%f}"
    if Fact.objects.filter(log=one.log, subject=subject).exists():
        return 0
    hours = int(MERGE_DELAY.total_seconds()) // 3600
    since = f"{one.count} {one.what}, {one.since:%Y-%m-%dT%H:%MZ}"
    said = f"more than {hours} h late / 迟于承诺的 {hours} 小时: {since}"
    entries.record_entry(log=one.log, kind=notices.INCIDENT, subject=subject, public={"what": said})
    return 1


def _waiting(before: datetime) -> Iterator[Late]:
    facts = Fact.objects.filter(leaf_index=None, at__lt=before).order_by()
    for log, count, since in facts.values_list("log").annotate(count=Count("seq"), since=Min("at")):
        yield Late(log, "facts", count, since)
    untold = Disclosed.objects.filter(entry=None, transfer__at__lt=before).order_by()
    for programme, count, since in untold.values_list("programme").annotate(
        count=Count("transfer"), since=Min("transfer__at")
    ):
        yield Late(entries.log_of(programme), "transfers", count, since)


def _unpublished(before: datetime) -> Iterator[Late]:
    for log in logs():
        newest = latest_checkpoint(log)
        if newest is not None and newest.at < before:
            missing = newest.size - publishing.published_size(log)
            if missing > 0:
                yield Late(log, "files", missing, newest.at)
