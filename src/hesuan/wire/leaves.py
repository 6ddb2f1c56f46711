"""Leaves of a log: what each says in public, and how a firm opens what stands behind it.

Two versions are read. Version 1 was a fact of the platform: ``kind``, ``subject``, ``at``, ``private``; none
is written any more, and those that were verify for ever. Version 2 is an entry about a log's money, short
because there are many::

    {"v":2,"p":"chengdu-2026","s":48213,"k":"capture","a":65000,"b":"VOUCHER","c":"centre:02",
     "w":"f-7c1e…","h":"sha256:…","t":"2026-11-20T21:46Z","ref":48190,"rule":"r7"}

``s`` is the leaf's own index, so that a gap shows; ``a`` is an amount in fen; ``ref`` is the leaf that this
one resolves; ``w`` is the firm's pseudonym of the year, and ``h`` the digest of a salted private record. The
firm and the auditor hold salt and record; whoever destroys the salt erases the record, and the log stays
whole.

A fact of the platform is version 2 with a kind of two words, ``order.placed``, and members of its own::

    {"v":2,"p":"platform","s":17,"k":"receipt.issued","c":"centre:01K…","charge_fen":420,"h":"sha256:…",
     "site_key":"ed25519:…","t":"2026-11-20T21:46Z"}

What it is about stands behind ``h``. No member holds an id, but of a centre and of what a centre offers: one
that does is no leaf, whoever signed it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

from hesuan.errors import HesuanError
from hesuan.wire.canonical import MAX_INTEGER, canonical, digest
from hesuan.wire.ids import ALPHABET

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
_FACT_KIND = re.compile(r"[a-z][a-z_]*\.[a-z][a-z0-9_]*")
_FACT_MEMBER = re.compile("[a-z][a-z0-9_]{0,63}")
_PSEUDONYM = re.compile("f-[0-9a-f]{24}")
_FRAME = frozenset({"v", "p", "s", "k", "t", "w", "h"})
"""The log's own members of a fact."""
_ID = re.compile(f"(?<![A-Za-z0-9])[0-7][{ALPHABET}]{{25}}(?![A-Za-z0-9])")
_IN_PUBLIC = re.compile(rf"(?:centre|offering):{_ID.pattern}")
"""Centres are paid in public, and what they offer is offered to everybody."""
SALT_BYTES = 16


def _no_number(text: str) -> int:
    """Numbers with a fraction, NaN and the infinities stand in no leaf."""
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_float=_no_number, parse_constant=_no_number)
_QUICK = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_leaf(raw: bytes) -> dict[str, Any] | None:
    """A leaf of version 1 or 2 in its one canonical spelling; ``None`` for anything else."""
    if len(raw) > MAX_LEAF_BYTES:
        return None
    try:
        leaf = _DECODER.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(leaf, dict) or not _is_canonical(leaf, raw) or type(leaf.get("v")) is not int:
        return None
    match leaf["v"]:
        case 1 if all(isinstance(leaf.get(name), str) for name in ("kind", "subject", "at")):
            return leaf
        case 2 if is_entry(leaf) or is_fact(leaf):
            return leaf
    return None


def _is_canonical(leaf: dict[str, Any], raw: bytes) -> bool:
    # The quick way only where both ways write the same bytes: keys that are not ASCII have another order, and
    # only the slow way refuses numbers beyond what every reader keeps exactly.
    try:
        if raw.isascii() and _is_plain(leaf):
            return _QUICK.encode(leaf).encode() == raw
        return canonical(leaf) == raw
    except (HesuanError, UnicodeEncodeError):
        return False


def _is_plain(leaf: dict[str, Any]) -> bool:
    """Whether a leaf has texts and numbers that every reader keeps, and nothing else."""
    for value in leaf.values():
        if type(value) is not str and (type(value) is not int or not -MAX_INTEGER <= value <= MAX_INTEGER):
            return False
    return True


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


def is_fact(leaf: dict[str, Any]) -> bool:
    """Whether a document has the form of a version 2 fact of the platform, and names nobody by an id."""
    for name, value in leaf.items():
        if name in _FRAME:
            continue
        if not _FACT_MEMBER.fullmatch(name) or names_an_id(value):
            return False
        if type(value) is int:
            if abs(value) > MAX_INTEGER:
                return False
        elif value is not None and not isinstance(value, bool | str):
            return False
    texts = [leaf.get(name) for name in ("p", "k", "t")]
    number = leaf.get("s")
    return (
        leaf.get("v") == VERSION
        and type(number) is int
        and 0 <= number <= MAX_INTEGER
        and all(isinstance(one, str) and one for one in texts)
        and _FACT_KIND.fullmatch(leaf["k"]) is not None
        and _AT.fullmatch(leaf["t"]) is not None
        and not names_an_id(leaf["p"])
        and _has_form(leaf, "w", _PSEUDONYM)
        and _has_form(leaf, "h", _DIGEST)
    )


def _has_form(leaf: dict[str, Any], name: str, form: re.Pattern[str]) -> bool:
    """Whether a member is absent, or a text of that form."""
    return name not in leaf or (isinstance(leaf[name], str) and form.fullmatch(leaf[name]) is not None)


def names_an_id(value: object) -> bool:
    """Whether a text holds an id of anything but a centre or its offering.

    >>> names_an_id("01K0FRM0000000000000000000"), names_an_id("centre:01K0CENTRE0000000000000000")
    (True, False)
    """
    return isinstance(value, str) and _ID.search(_IN_PUBLIC.sub("", value)) is not None


def private_digest(salt: bytes, record: object) -> str:
    """``h``: SHA-256 of the 16 bytes of salt and the canonical private record."""
    assert len(salt) == SALT_BYTES
    return "sha256:" + hashlib.sha256(salt + canonical(record)).hexdigest()


def opens(leaf: dict[str, Any], *, salt: str, record: object) -> bool:
    """Whether salt and record are what stands behind a leaf, whichever version it has."""
    if leaf.get("v") == 1:
        return leaf.get("private") == digest({"salt": salt, "record": record})
    try:
        raw = bytes.fromhex(salt)
        return raw.hex() == salt and leaf.get("h") == private_digest(raw, record)
    except (ValueError, AssertionError):
        return False


def pseudonym(firm: str, *, year: int, secret: bytes) -> str:
    """The name under which a firm stands in the logs of one year: the same all year, unlike any other year's.

    HMAC-SHA-256, so that nobody without the year's secret can try out firms.
    """
    tag = hmac.new(secret, f"hesuan-pseudonym-v1\n{year}\n{firm}".encode(), hashlib.sha256).hexdigest()
    return f"f-{tag[:24]}"
