"""The files that a run has left, as agent and hub speak of them: the list, its digest, and what travels.

The list has every name in the output folder; its digest is the ``output_digest`` of the usage record, so that
the list needs no signature of its own. Which files travel follows from the sizes and a bound alone: the
smallest first, so that one large file costs no more than itself, and so that what travels under a lower bound
travels under a higher one too. Either side computes it: the site with its bound, the hub with the lower.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from hesuan.wire.canonical import Json, digest

PIECE_BYTES = 512 << 10
"""Of a file, in one request [byte]."""
MOST_FILES = 2_000
LONGEST_PATH = 1_024
LONGEST_LIST_BYTES = 384 << 10
"""Of the canonical list [byte]: a list must fit into one request."""
NO_FILE = ("link", "special")
"""What stands for the SHA-256 of what is no plain file; such are named, and never travel."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One name in a run's output folder, with ``/`` between folders."""

    path: str
    bytes: int
    sha256: str
    """64 hexadecimal digits; or of :data:`NO_FILE`."""

    def entry(self) -> list[Json]:
        """As it is digested."""
        return [self.path, self.bytes, self.sha256]


def list_digest(listed: Sequence[Listed]) -> str:
    """The digest of a whole list in its order."""
    return digest({"files": [one.entry() for one in listed]})


def escapes(path: str) -> bool:
    """Whether a path is none that a folder can hold: absolute, climbing, or with an empty part."""
    parts = path.split("/")
    return "\0" in path or any(part in ("", ".", "..") for part in parts)


def is_nameable(path: str) -> bool:
    """Whether a file may travel under its name: short, without invisible characters or backslashes."""
    hidden = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in path)
    return len(path) <= LONGEST_PATH and "\\" not in path and not hidden and not escapes(path)


def travelling(listed: Sequence[Listed], bound_bytes: int) -> frozenset[int]:
    """The numbers (places in the list, from 0) of the files that travel under a bound.

    Args:
        listed: The whole list.
        bound_bytes: How much may travel altogether [byte].
    """
    found, total = set[int](), 0
    for number in sorted(range(len(listed)), key=lambda number: (listed[number].bytes, number)):
        one = listed[number]
        if one.sha256 in NO_FILE or not is_nameable(one.path):
            continue
        total += one.bytes
        if total > bound_bytes:
            break
        found.add(number)
    return frozenset(found)
