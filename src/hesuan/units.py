"""Units: seconds held, bytes, and how people read them.

Names carry their unit last (``wall_ms``, ``held_core_s``, ``peak_memory_bytes``).
Resources are sold by the hour and stored by the second: a card-hour is 3600 card-seconds.
"""

from __future__ import annotations

SECONDS_PER_HOUR = 3600
MS_PER_SECOND = 1000


def ceil_div(value: int, divisor: int) -> int:
    """Integer division rounded up; ``divisor`` is positive."""
    assert divisor > 0
    return -(-value // divisor)


def billed_seconds(wall_ms: int) -> int:
    """Started seconds of a wall time in milliseconds: 1 ms is one second, 1000 ms is one, 1001 ms are two."""
    assert wall_ms >= 0
    return ceil_div(wall_ms, MS_PER_SECOND)


def format_bytes(size_bytes: int) -> str:
    """``3221225472`` → ``"3.0 GiB"``; binary prefixes."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def format_seconds(seconds: float) -> str:
    """``3725`` → ``"1 h 02 min 05 s"``, ``12.34`` → ``"12.3 s"``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, rest = divmod(whole, SECONDS_PER_HOUR)
    minutes, secs = divmod(rest, 60)
    return f"{hours} h {minutes:02d} min {secs:02d} s" if hours else f"{minutes} min {secs:02d} s"
