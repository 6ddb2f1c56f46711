"""CSV that a spreadsheet opens as text and numbers, never as a formula. UTF-8 with its mark, for Excel."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
"""A plain number is not a formula, and an amount that comes back is written with its minus."""


def safe(value: object) -> str:
    """A cell; text that a spreadsheet would take for a formula gets an apostrophe in front.

    >>> safe('=HYPERLINK("http://x")')
    '\\'=HYPERLINK("http://x")'
    >>> safe("-12.00")
    '-12.00'
    """
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(DANGEROUS) and not _NUMBER.fullmatch(text) else text


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A whole file: every cell safe, lines ended as RFC 4180 says."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    for row in (head, *rows):
        writer.writerow([safe(cell) for cell in row])
    return "\ufeff".encode() + out.getvalue().encode()
