"""The log's signed promise for a receipt whose entry no checkpoint covers yet.

Without it a log proves only that what is in it did not change. Whoever holds a promise and finds no entry
once its day is over holds the proof that the log broke its word, signed with the log's own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import HesuanError, declare
from hesuan.wire import keys
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.checkpoint import parse_log_key
from hesuan.wire.checks import Check, Outcome, broken
from hesuan.wire.leaves import VERSION
from hesuan.wire.merkle import leaf_hash
from hesuan.wire.messages import format_at, parse_at
from hesuan.wire.reading import shown

DOMAIN = "hesuan-promise-v1"
MERGE_DELAY = timedelta(hours=24)
"""How long after it was recorded a fact may be missing from the log."""

FALSE = declare(
    "verify.promise",
    en="Promise: it is not signed with the log key of this file; receipt, promise or key was changed.",
    zh="承诺：并非以本文件的日志密钥签名：回执、承诺或密钥被改动。",
)
NOT_A_TIME = declare(
    "verify.promise_time",
    en="Promise: `due_by` is {found}; a time such as 2026-11-21T09:00:00.000000Z is needed.",
    zh="承诺：`due_by` 为 {found}；应为 2026-11-21T09:00:00.000000Z 这样的时间。",
)
WAITING = declare(
    "verify.promise_waits",
    en="Promise: the log {log} will hold entry {hash} by {due}. Fetch the receipt again for its proof.",
    zh="承诺：日志 {log} 将于 {due} 前载入条目 {hash}。请届时重新下载回执，以获得证明。",
)
BROKEN = declare(
    "verify.promise_overdue",
    en="Promise: the log {log} promised entry {hash} by {due}, {late} ago, and this file has no proof of it."
    " Fetch the receipt again. If the log, read whole with `hesuan verify`, does not hold that entry, this"
    " file is the evidence that it broke its signed promise: keep it, and show it to the auditor.",
    zh="承诺：日志 {log} 承诺于 {due} 前载入条目 {hash}，现已逾期 {late}，而本文件没有证明。请重新下载回执。"
    "若以 `hesuan verify` 通读该日志仍无此条目，本文件即为其违背所签承诺的证据：请保存并提交审计方。",
)


def make(leaf: Mapping[str, Json], *, recorded_at: datetime, private: Ed25519PrivateKey) -> dict[str, Json]:
    """A promise: the leaf, the day by which the log will hold it, and the log's signature over both.

    The same fact gives the same promise for ever. A version 2 leaf is promised without ``s``: it gets its
    number with its place.
    """
    told: dict[str, Json] = {"leaf": dict(leaf), "due_by": format_at(recorded_at + MERGE_DELAY)}
    return told | {"signature": keys.sign(private, domain=DOMAIN, value=told)}


def of_promise(file: Mapping[str, Any], *, now: datetime) -> Check:
    """Whether the log's key signed the promise, and whether its time is over.

    A promise proves nothing about the log: held or broken, the outcome is no more than a note.
    """
    promise = file["promise"]
    told = {name: promise[name] for name in ("leaf", "due_by")}
    try:
        key = parse_log_key(file["log_key"])
        signed = keys.verify(
            keys.public_text(key.public), domain=DOMAIN, value=told, signature=promise["signature"]
        )
    except HesuanError:
        signed = False
    if not signed:
        return broken("promise", FALSE)
    due = _time(promise["due_by"])
    if due is None:
        return broken("promise", NOT_A_TIME, found=shown(promise["due_by"]))
    facts: dict[str, object] = {
        "log": shown(key.name),
        "hash": _entry_shown(promise["leaf"]),
        "due": promise["due_by"],
        "late": _span(now - due),
    }
    return Check("promise", Outcome.NOTE, BROKEN if now > due else WAITING, facts)


def _entry_shown(leaf: Mapping[str, Any]) -> str:
    """By what to find the promised leaf in the log: its ``h``, which its salt makes its own, or its hash."""
    return shown(leaf["h"]) if leaf["v"] == VERSION else leaf_hash(canonical(leaf)).hex()


def is_overdue(check: Check) -> bool:
    """Whether a promise's time was over."""
    return check.code is BROKEN


def _time(text: str) -> datetime | None:
    try:
        return parse_at(text)
    except HesuanError:
        return None


def _span(late: timedelta) -> str:
    """Hours and minutes: ``26 h 05 min``."""
    minutes = max(0, int(late.total_seconds()) // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def present() -> datetime:
    """The reader's clock."""
    return datetime.now(UTC)
