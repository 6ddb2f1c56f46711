"""How often one may ask: a token, an organisation, a network address each have so many requests a minute.

The generic cell rate algorithm: of each key one number is kept, the moment at which its requests so far would
be used up at the even rate; whoever is more than :data:`BURST_S` ahead of that waits. The numbers live in
this process alone: a hub of four web processes lets four times as much through, and a restart forgets. That
protects the machine from one busy asker; counting for a verdict over days is surveillance's work.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from django.conf import settings

from hesuan.errors import Refused, declare

RATE_EXCEEDED = declare(
    "limit.rate_exceeded",
    en="This {of} asks more than {per_minute} times a minute. Ask again in {retry_after_s} s.",
    zh="该{of_zh}每分钟请求超过 {per_minute} 次。请在 {retry_after_s} 秒后再试。",
)
WORDS = {"token": "令牌", "organisation": "组织", "address": "网络地址"}

BURST_S = 6
"""How much of its even rate a key may use at once [s]."""
MOST_KEYS = 100_000
"""Keys kept in mind; the longest silent is forgotten first."""


class Gate:
    """One rate for many keys; see the module."""

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float] = time.monotonic, most_keys: int = MOST_KEYS
    ) -> None:
        self.per_minute = per_minute
        self._interval_s = 60 / per_minute
        self._clock = clock
        self._most_keys = most_keys
        self._used_up_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        """Lets one request of a key through (0), or says how long it waits [s]; who waits is not counted."""
        with self._lock:
            now = self._clock()
            used_up_at = max(now, self._used_up_at.get(key, now))
            ahead_s = used_up_at + self._interval_s - now
            if ahead_s > max(BURST_S, self._interval_s):
                return ahead_s - max(BURST_S, self._interval_s)
            self._used_up_at[key] = used_up_at + self._interval_s
            self._used_up_at.move_to_end(key)
            if len(self._used_up_at) > self._most_keys:
                self._used_up_at.popitem(last=False)
            return 0


_GATES: dict[tuple[str, int], Gate] = {}


def admit(of: str, keys: Iterable[str]) -> None:
    """Counts one request for each key.

    Args:
        of: ``token``, ``organisation`` or ``address``.
        keys: Who asks; one that is over its rate refuses the request.

    Raises:
        Refused: ``limit.rate_exceeded``, with ``retry_after_s``.
    """
    per_minute = settings.RATE_LIMITS[of]
    gate = _GATES.setdefault((of, per_minute), Gate(per_minute))
    for key in keys:
        if wait_s := gate.wait_s(key):
            raise Refused(
                RATE_EXCEEDED,
                of=of,
                of_zh=WORDS[of],
                per_minute=per_minute,
                retry_after_s=math.ceil(wait_s),
            )


def forget() -> None:
    """Begins anew, as a restart does."""
    _GATES.clear()


def network_of(address: str) -> str:
    """What one household has: an IPv4 address, or the /64 of an IPv6 one; other text as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
