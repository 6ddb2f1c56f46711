"""What stands in a run's log where it was cut, by the site or by the hub; the same line in every language."""

from __future__ import annotations


def cut_mark(at_bytes: int, total_bytes: int | None = None) -> str:
    """``[✂ 16777216 B]`` or, where the whole's size is known, ``[✂ 16777216 B / 53687091 B]``, as a line."""
    whole = "" if total_bytes is None else f" / {total_bytes} B"
    return f"\n[✂ {at_bytes} B{whole}]\n"
