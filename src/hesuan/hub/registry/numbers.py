"""Contract, invoice and project numbers in one form, so that two writings of one number are one number. Pure.

``（2026）-合 001／A`` and ``(2026)合001/a`` are the same: full width becomes half, letters become capitals,
everything that is neither letter nor digit goes. Zeros stay: ``001`` and ``1`` are two numbers.
"""

from __future__ import annotations

import hashlib
import unicodedata

KINDS = ("contract", "invoice", "project")


def normal(text: str) -> str:
    """The number's normal form; empty where nothing is left of it."""
    wide = unicodedata.normalize("NFKC", text).upper()
    return "".join(letter for letter in unicodedata.normalize("NFKC", wide) if letter.isalnum())


def number_sha256(text: str) -> str:
    """SHA-256 of the normal form; empty for a number of which nothing is left."""
    found = normal(text)
    return hashlib.sha256(found.encode()).hexdigest() if found else ""
