"""How often one may ask: a token, an organisation, a network address each have so many requests a minute.

On PostgreSQL, where several web processes may serve, all of them count as one (``shared_rates``). On SQLite
one process serves, and its own count (``rates``) is the installation's; a restart forgets it. Either protects
the machine from one busy asker; counting for a verdict over days is surveillance's work.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from hesuan.errors import Refused, declare
from hesuan.hub.identity.models import Asked, Remembered
from hesuan.hub.identity.rates import Gate
from hesuan.hub.identity.shared_rates import SharedGate

RATE_EXCEEDED = declare(
    "limit.rate_exceeded",
    en="This {of} asks more than {per_minute} times a minute. Ask again in {retry_after_s} s.",
    zh="该{of_zh}每分钟请求超过 {per_minute} 次。请在 {retry_after_s} 秒后再试。",
)
WORDS = {"token": "令牌", "organisation": "组织", "address": "网络地址"}

Count = Gate | SharedGate
_GATES: dict[tuple[str, int, bool], Count] = {}
KEPT_S = 60


def admit(of: str, keys: Iterable[str]) -> None:
    """Counts one request for each key.

    Args:
        of: ``token``, ``organisation`` or ``address``.
        keys: Who asks; one that is over its rate refuses the request.

    Raises:
        Refused: ``limit.rate_exceeded``, with ``retry_after_s``.
    """
    counted = gate(of)
    for key in keys:
        if wait_s := counted.wait_s(key):
            raise Refused(
                RATE_EXCEEDED,
                of=of,
                of_zh=WORDS[of],
                per_minute=settings.RATE_LIMITS[of],
                retry_after_s=math.ceil(wait_s),
            )


def gate(of: str) -> Count:
    """The count of one kind of key in this process, or over all of them."""
    per_minute, is_shared = settings.RATE_LIMITS[of], connection.vendor == "postgresql"
    known = _GATES.get((of, per_minute, is_shared))
    made: Count = known or (SharedGate(of, per_minute) if is_shared else Gate(per_minute))
    return _GATES.setdefault((of, per_minute, is_shared), made)


def forget() -> None:
    """What this process knows by itself; a restart does the same."""
    _GATES.clear()
    _dropped_at.clear()


def drop_past() -> int:
    """Drops the rows that say nothing any more, once a minute; returns how many."""
    now = timezone.now()
    if _dropped_at and now - _dropped_at[0] < timedelta(seconds=KEPT_S):
        return 0
    _dropped_at[:] = [now]
    past = Asked.objects.filter(used_up_at__lt=time.time() - KEPT_S).delete()[0]
    return past + Remembered.objects.filter(until__lte=now).delete()[0]


_dropped_at: list[datetime] = []


def network_of(address: str) -> str:
    """What one household has: an IPv4 address, or the /64 of an IPv6 one; other text as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
