"""Leaves of a log: what each says in public, and how a firm opens what stands behind it.

Two versions are read. Version 1 is a fact of the platform: ``kind``, ``subject``, ``at``. Version 2 is an
entry of a programme's log, short because there are many::

    {"v":2,"p":"chengdu-2026","s":48213,"k":"capture","a":65000,"b":"VOUCHER","c":"centre:02",
     "w":"f-7c1e…","h":"sha256:…","t":"2026-11-20T21:46Z","ref":48190,"rule":"r7"}

``s`` is the leaf's own index, so that a gap shows; ``a`` is an amount in fen; ``ref`` is the leaf that this
one resolves; ``w`` is the firm's pseudonym of the year, and ``h`` the digest of a salted private record. The
firm and the auditor hold salt and record; whoever destroys the salt erases the record, and the log stays
whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

from hesuan.errors import HesuanError
from hesuan.wire.canonical import MAX_INTEGER, canonical, digest

MAX_LEAF_BYTES = 4096
VERSION = 2
KINDS = (
    "programme",
    "rule",
    "key",
    "grant",
    "hold",
    "capture",
    "void",
    "expire",
    "refund",
    "clawback",
    "dispute",
    "decision",
    "settle",
    "pay",
    "correction",
    "restore",
    "incident",
    "seal",
)
BOOKS = ("VOUCHER", "CASH")
_WHOLE = ("a", "ref", "n", "first", "last")
_TEXTS = ("b", "c", "w", "h", "rule", "root", "day", "sm3", "what", "payer", "m")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
SALT_BYTES = 16
_QUICK = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_leaf(raw: bytes) -> dict[str, Any] | None:
    """A leaf of version 1 or 2 in its one canonical spelling; ``None`` for anything else."""
    try:
        leaf = json.loads(raw.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(leaf, dict) or len(raw) > MAX_LEAF_BYTES or not _is_canonical(leaf, raw):
        return None
    match leaf.get("v"):
        case 1 if all(isinstance(leaf.get(name), str) for name in ("kind", "subject", "at")):
            return leaf
        case 2 if is_entry(leaf):
            return leaf
    return None


def _is_canonical(leaf: dict[str, Any], raw: bytes) -> bool:
    # The quick way first: for keys in ASCII and numbers without a fraction both ways write the same bytes.
    quick = _QUICK.encode(leaf)
    try:
        if quick.encode() == raw:
            return b"." not in raw or canonical(leaf) == raw
        return canonical(leaf) == raw
    except (HesuanError, UnicodeEncodeError):
        return False


def is_entry(leaf: dict[str, Any]) -> bool:
    """Whether a document has the members of a version 2 leaf, each of its kind, and no others."""
    for name, value in leaf.items():
        if name in _WHOLE or name in ("v", "s"):
            if type(value) is not int or not 0 <= value <= MAX_INTEGER:
                return False
        elif name in _TEXTS or name in ("p", "k", "t"):
            if not isinstance(value, str) or not value:
                return False
        elif name == "of":
            if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
                return False
        else:
            return False
    return (
        leaf.get("k") in KINDS
        and leaf.get("v") == VERSION
        and {"p", "s", "t"} <= leaf.keys()
        and _AT.fullmatch(leaf["t"]) is not None
        and leaf.get("b", BOOKS[0]) in BOOKS
        and _DIGEST.fullmatch(leaf.get("h", f"sha256:{'0' * 64}")) is not None
    )


def private_digest(salt: bytes, record: object) -> str:
    """``h``: SHA-256 of the 16 bytes of salt and the canonical private record."""
    assert len(salt) == SALT_BYTES
    return "sha256:" + hashlib.sha256(salt + canonical(record)).hexdigest()


def opens(leaf: dict[str, Any], *, salt: str, record: object) -> bool:
    """Whether salt and record are what stands behind a leaf, whichever version it has."""
    if leaf.get("v") == 1:
        return leaf.get("private") == digest({"salt": salt, "record": record})
    try:
        return leaf.get("h") == private_digest(bytes.fromhex(salt), record)
    except (ValueError, AssertionError):
        return False


def pseudonym(firm: str, *, year: int, secret: bytes) -> str:
    """The name under which a firm stands in the logs of one year: the same all year, unlike any other year's.

    HMAC-SHA-256, so that nobody without the year's secret can try out firms.
    """
    tag = hmac.new(secret, f"hesuan-pseudonym-v1\n{year}\n{firm}".encode(), hashlib.sha256).hexdigest()
    return f"f-{tag[:24]}"
