"""Ids: ULIDs, 26 characters that sort by the time they were made (Crockford base 32, no I L O U).

Source: the ULID specification, 48 bits of milliseconds and 80 random bits.
"""

from __future__ import annotations

import re
import secrets
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 26
_FORM = re.compile(f"[0-7][{ALPHABET}]{{25}}")


def new_id() -> str:
    """A fresh ULID."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: object) -> bool:
    """Whether a text has the form of a ULID."""
    return isinstance(text, str) and _FORM.fullmatch(text) is not None
