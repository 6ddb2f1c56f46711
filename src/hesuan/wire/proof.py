"""Proofs that travel as text: ``c2sp.org/tlog-proof@v1``, checked offline against a policy.

Source: https://c2sp.org/tlog-proof.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hesuan.errors import InputFault, declare
from hesuan.wire.encoding import from_base64, to_base64
from hesuan.wire.merkle import HASH_BYTES

FIRST_LINE = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
MAX_HASHES = 63
_INDEX = re.compile("0|[1-9][0-9]{0,15}")

NOT_A_PROOF = declare(
    "proof.malformed",
    en="This is not a log proof (c2sp.org/tlog-proof@v1): {what}.",
    zh="这不是日志证明（c2sp.org/tlog-proof@v1）：{what}。",
)


@dataclass(frozen=True, slots=True)
class Proof:
    """Where a leaf stands and how to reach the root from it; nothing here is checked yet."""

    index: int
    hashes: tuple[bytes, ...]
    """RFC 6962 inclusion proof, the leaf's sibling first."""
    checkpoint: str
    """The signed note, verbatim."""
    extra: bytes = b""
    """Opaque, and authenticated by nothing."""

    def text(self) -> str:
        """The proof in its text form."""
        lines = [FIRST_LINE, *([f"extra {to_base64(self.extra)}"] if self.extra else [])]
        lines += [f"index {self.index}", *map(to_base64, self.hashes), "", self.checkpoint]
        return "\n".join(lines)


def is_proof(data: bytes) -> bool:
    """Whether bytes begin as a proof does."""
    return data.startswith(FIRST_LINE.encode() + b"\n")


def parse_proof(data: bytes) -> Proof:
    """Reads a proof.

    Raises:
        InputFault: ``proof.malformed``.
    """
    try:
        head, gap, checkpoint = data.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise _fault("it is not UTF-8") from None
    lines = head.split("\n")
    if not gap or lines.pop(0) != FIRST_LINE:
        raise _fault("the first line or the checkpoint is missing")
    extra = _extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else b""
    word, _, index = (lines.pop(0) if lines else "").partition(" ")
    if word != "index" or not _INDEX.fullmatch(index):
        raise _fault("no line `index N`")
    hashes = [from_base64(line) for line in lines]
    if len(hashes) > MAX_HASHES or any(one is None or len(one) != HASH_BYTES for one in hashes):
        raise _fault("a line of the path is not the base 64 of 32 bytes, or there are more than 63")
    return Proof(int(index), tuple(one for one in hashes if one is not None), checkpoint, extra)


def _extra(line: str) -> bytes:
    extra = from_base64(line.removeprefix("extra "))
    if extra is None:
        raise _fault("`extra` is not base 64")
    return extra


def _fault(what: str) -> InputFault:
    return InputFault(NOT_A_PROOF, what=what)
