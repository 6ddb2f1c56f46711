"""Who sends more than any person does (A15): counted at the doors, refused there, told to surveillance.

Each process counts the submissions and cancellations of each account by the second, whatever becomes of them:
one that another limit refuses is counted too. Over the rule's numbers the answer is 429 at once, without a
look at anything. Once a second what was counted is added to the table, where several processes' counts make
one; a process that dies takes at most its last second with it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from hesuan.errors import Refused, declare
from hesuan.hub.flags.models import CallCount
from hesuan.surveillance.facts import day_of, start_of
from hesuan.surveillance.thresholds import DEFAULT

FLOODING = declare(
    "limit.flooding",
    en="This account sent {count} submissions and cancellations {period}; {most} is more than any person"
    " sends, and stops it. Wait {retry_after_s} s; surveillance looks at it.",
    zh="该账号{period_zh}提交与撤销 {count} 次；达到 {most} 次即超出人力所能，予以阻止。"
    "请等待 {retry_after_s} 秒；监测规则会审视。",
)
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEPT = timedelta(days=40)


class _Tally:
    """The counts of this process that are not in the table yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seconds: Counter[tuple[str, datetime]] = Counter()
        self.days: dict[str, tuple[datetime, int]] = {}
        """Account → the day's beginning, and how many were counted in it as far as this process knows."""


_TALLY = _Tally()


def note(account: str, method: str) -> None:
    """Counts one request of an account; what only reads is not counted.

    Args:
        account: The identity's id.
        method: Of the request.

    Raises:
        Refused: ``limit.flooding``, with ``retry_after_s``.
    """
    if method not in UNSAFE:
        return
    now = timezone.now()
    second = now.replace(microsecond=0)
    with _TALLY.lock:
        _TALLY.seconds[account, second] += 1
        in_second = _TALLY.seconds[account, second]
        is_over = [key for key in _TALLY.seconds if key[1] < second]
        done = {key: _TALLY.seconds.pop(key) for key in is_over}
    if done:
        _store(done)
    in_day = _in_day(account, now)
    if in_second >= DEFAULT.a15_per_second:
        _refuse(in_second, DEFAULT.a15_per_second, 1, ("in one second", "在一秒内"))
    if in_day >= DEFAULT.a15_per_day:
        midnight = start_of(day_of(now) + timedelta(days=1))
        wait_s = max(1, int((midnight - now).total_seconds()))
        _refuse(in_day, DEFAULT.a15_per_day, wait_s, ("today", "当日"))


def flush() -> None:
    """Puts everything counted into the table, the second in progress too."""
    with _TALLY.lock:
        done = dict(_TALLY.seconds)
        _TALLY.seconds.clear()
    _store(done)


def counted(since: datetime, until: datetime) -> Iterable[tuple[str, datetime, int]]:
    """``(account, second, count)``, oldest first."""
    rows = CallCount.objects.filter(at__gte=since, at__lte=until).order_by("at", "account")
    return rows.values_list("account", "at", "count")


def forget_old(now: datetime) -> int:
    """Drops counts that no round looks at any more; returns how many."""
    return CallCount.objects.filter(at__lt=now - KEPT).delete()[0]


def forget() -> None:
    """Begins anew, as a restart does."""
    with _TALLY.lock:
        _TALLY.seconds.clear()
        _TALLY.days.clear()


def _store(done: dict[tuple[str, datetime], int]) -> None:
    """Adds counts to the rows of their seconds; two processes that do so at once both count."""
    with transaction.atomic():
        for (account, second), count in sorted(done.items()):
            _, is_new = CallCount.objects.get_or_create(account=account, at=second, defaults={"count": count})
            if not is_new:
                CallCount.objects.filter(account=account, at=second).update(count=F("count") + count)


def _in_day(account: str, now: datetime) -> int:
    """How many this account sent today; read from the table once a day and process, then counted on."""
    begin = start_of(day_of(now))
    with _TALLY.lock:
        day, count = _TALLY.days.get(account, (begin, -1))
    if day != begin or count < 0:
        rows = CallCount.objects.filter(account=account, at__gte=begin)
        count = rows.aggregate(all=Sum("count"))["all"] or 0
    with _TALLY.lock:
        _TALLY.days[account] = (begin, count + 1)
    return count + 1


def _refuse(count: int, most: int, retry_after_s: int, period: tuple[str, str]) -> None:
    raise Refused(
        FLOODING,
        count=count,
        most=most,
        retry_after_s=retry_after_s,
        period=period[0],
        period_zh=period[1],
    )
