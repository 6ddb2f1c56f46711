"""Whether the log is sound, recomputed from its rows (invariant I8): nothing is mended here.

The roots are computed leaf by leaf, not from the stored tree, and compared with what was signed. What a
database superuser rewrote behind the triggers' back shows here, and to anybody who kept a checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hesuan.errors import HesuanError
from hesuan.hub.audit import signing
from hesuan.hub.audit.models import Checkpoint, Fact
from hesuan.wire import merkle
from hesuan.wire.canonical import canonical, digest
from hesuan.wire.checkpoint import open_note, parse_checkpoint
from hesuan.wire.leaves import VERSION, is_entry, is_fact, private_digest


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must hold."""

    name: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken invariant with the rows that break it."""

    invariant: str
    en: str
    zh: str
    rows: tuple[dict[str, object], ...]


GAPLESS = Invariant(
    "I8.gapless",
    "Leaf indexes run from 0 without a gap, as many as the newest checkpoint signs.",
    "条目编号自 0 起连续无缺，数量与最新检查点所签一致。",
)
CANONICAL = Invariant(
    "I8.leaf",
    "Each leaf is canonical JSON and speaks, in public or behind its salt, of its fact's kind and subject.",
    "每个条目均为规范 JSON，且其公开内容或私有记录所载类别与对象和其事实一致。",
)
PRIVATE = Invariant(
    "I8.private",
    "The private record behind a leaf is the one whose digest the leaf carries.",
    "条目所附摘要与其私有记录一致。",
)
ROOTS = Invariant(
    "I8.roots",
    "Every checkpoint's signature holds, and its root is that of the leaves up to its size.",
    "每个检查点签名有效，且其根与相应条目重新计算的根一致。",
)
INVARIANTS = (GAPLESS, CANONICAL, PRIVATE, ROOTS)


def check(log: str = signing.PLATFORM) -> list[Finding]:
    """Recomputes a log from its first leaf; an empty list means that it is sound."""
    broken: dict[Invariant, list[dict[str, object]]] = {invariant: [] for invariant in INVARIANTS}
    checkpoints = {one.size: one for one in Checkpoint.objects.filter(log_id=log).iterator()}
    frontier = merkle.Frontier()
    for fact in _in_log(log):
        if fact.leaf_index != frontier.size:
            broken[GAPLESS].append({"expected": frontier.size, "found": fact.leaf_index})
        for invariant, row in _leaf_faults(fact):
            broken[invariant].append(row)
        frontier.append(fact.logged)
        if frontier.size in checkpoints:
            broken[ROOTS].extend(_root_faults(checkpoints.pop(frontier.size), frontier.root()))
    newest = Checkpoint.objects.filter(log_id=log).order_by("-size").first()
    if frontier.size != (newest.size if newest else 0):
        signed = newest.size if newest else 0
        broken[GAPLESS].append({"signed_size": signed, "leaves": frontier.size})
    return [Finding(one.name, one.en, one.zh, tuple(rows)) for one, rows in broken.items() if rows]


def _in_log(log: str) -> Iterator[Fact]:
    rows = Fact.objects.filter(log=log, leaf_index__isnull=False).order_by("leaf_index", "seq")
    return rows.iterator(chunk_size=1_000)


def _leaf_faults(fact: Fact) -> Iterator[tuple[Invariant, dict[str, object]]]:
    stored = fact.logged
    try:
        leaf = json.loads(stored)
        sound = canonical(leaf) == stored and _speaks_of(leaf, fact)
    except (ValueError, KeyError, TypeError, AttributeError, HesuanError):
        leaf, sound = None, False
    if not sound:
        yield CANONICAL, {"fact": fact.id, "leaf_index": fact.leaf_index}
    if fact.private is not None and "erased_by" in fact.private:
        if not _is_erased(fact):
            yield PRIVATE, {"fact": fact.id, "leaf_index": fact.leaf_index, "leaf": None, "record": "erased"}
        return
    expected = _private_digest(fact)
    written = (leaf.get("private") or leaf.get("h")) if isinstance(leaf, dict) else None
    if written != expected:
        yield PRIVATE, {"fact": fact.id, "leaf_index": fact.leaf_index, "leaf": written, "record": expected}


def _speaks_of(leaf: dict[str, Any], fact: Fact) -> bool:
    if leaf["v"] == VERSION:
        if (leaf["k"], leaf["s"]) != (fact.kind, fact.leaf_index):
            return False
        return is_entry(leaf) or (is_fact(leaf) and _is_its_subject(fact))
    return bool((leaf["kind"], leaf["subject"]) == (fact.kind, fact.subject))


def _is_its_subject(fact: Fact) -> bool:
    """Whether the record that the leaf commits to names the fact's subject; erased, nobody can say."""
    record = (fact.private or {}).get("record")
    return record is None or record.get("subject") == fact.subject


def _private_digest(fact: Fact) -> str | None:
    if fact.private is None:
        return None
    if fact.entry is None:
        return digest(fact.private)
    try:
        return private_digest(bytes.fromhex(fact.private["salt"]), fact.private["record"])
    except (ValueError, KeyError, TypeError, AssertionError, HesuanError):
        return "unreadable"


def _is_erased(fact: Fact) -> bool:
    """Whether a correction in the same log says that this fact's private record was destroyed."""
    by = (fact.private or {})["erased_by"]
    told = Fact.objects.filter(id=by, log=fact.log, kind="correction").first()
    return told is not None and json.loads(told.logged).get("of") == [fact.leaf_index]


def _root_faults(checkpoint: Checkpoint, root: bytes) -> Iterator[dict[str, object]]:
    key = signing.key_of(checkpoint.note, checkpoint.log_id)
    try:
        signed = parse_checkpoint(open_note(checkpoint.note, key))
    except HesuanError as error:
        yield {"size": checkpoint.size, "fault": str(error)}
        return
    if (signed.size, signed.root) != (checkpoint.size, root) or bytes(checkpoint.root) != root:
        yield {
            "size": checkpoint.size,
            "signed_size": signed.size,
            "signed": signed.root.hex(),
            "recomputed": root.hex(),
        }
