"""Base 64 and hexadecimal read strictly: one byte string has exactly one spelling.

Python's decoders forgive unused bits, capital letters and white space. A receipt altered in one such
character would still decode to the same bytes, so every decoded text is encoded again and compared.
"""

from __future__ import annotations

import base64
import binascii


def to_base64(data: bytes) -> str:
    """Standard base 64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: object) -> bytes | None:
    """The bytes of a base 64 text in its one canonical spelling; ``None`` for anything else."""
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if to_base64(data) == text else None


def from_hex(text: object) -> bytes | None:
    """The bytes of a lower-case hexadecimal text; ``None`` for anything else."""
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data if data.hex() == text else None
