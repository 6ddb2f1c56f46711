"""The audit room's verbs: record a fact, sequence facts into the log and sign a checkpoint."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused, declare
from hesuan.hub.audit import signing
from hesuan.hub.audit.entries import log_of, number_entries, pseudonym, record_entry
from hesuan.hub.audit.models import Checkpoint, Fact, Log, Node
from hesuan.hub.audit.publishing import publish, refuse_behind, refuse_lost
from hesuan.hub.audit.selectors import NodeReader, latest_checkpoint
from hesuan.hub.audit.witnessing import anchor, ask
from hesuan.wire import checkpoint as notes
from hesuan.wire import merkle
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.leaves import (
    MAX_LEAF_BYTES,
    SALT_BYTES,
    VERSION,
    is_fact,
    names_an_id,
    private_digest,
)

__all__ = [
    "anchor",
    "ask",
    "drafted",
    "log_of",
    "publish",
    "record",
    "record_all",
    "record_entry",
    "sequence",
]

BATCH = 2_000
"""Facts sequenced in one transaction, under one checkpoint."""
RESERVED = frozenset({"v", "p", "s", "k", "t", "w", "h"})

FORKED = declare(
    "audit.log_forked",
    en="Log {log}: the stored tree no longer leads to the checkpoint signed at size {size}:"
    " signed root {signed}, stored root {stored}. No checkpoint was signed."
    " Compare the database with a backup before anything else.",
    zh="日志 {log}：库中的树与规模 {size} 处已签名的检查点不符：已签根 {signed}，库中根 {stored}。"
    "未签发检查点。请先与备份比对数据库。",
)


def record(
    *,
    kind: str,
    subject: str,
    actor: str,
    public: Mapping[str, Json] | None = None,
    private: Mapping[str, Json] | None = None,
    firm: str = "",
    log: str = signing.PLATFORM,
) -> Fact:
    """Writes one fact inside the caller's transaction; see :func:`drafted`."""
    fact = drafted(
        kind=kind, subject=subject, actor=actor, public=public, private=private, firm=firm, log=log
    )
    fact.save(force_insert=True)
    return fact


def record_all(facts: Sequence[Fact]) -> None:
    """Writes many drafted facts inside the caller's transaction, in their order, by few statements."""
    Fact.objects.bulk_create(facts, batch_size=500)


def drafted(
    *,
    kind: str,
    subject: str,
    actor: str,
    public: Mapping[str, Json] | None = None,
    private: Mapping[str, Json] | None = None,
    firm: str = "",
    log: str = signing.PLATFORM,
) -> Fact:
    """A fact that is not written yet.

    Args:
        kind: What happened, ``room.verb`` in the past tense, such as ``run.finished``.
        subject: Id of the object it happened to; it stands in the private record.
        actor: Identity id, agent id, or ``system``.
        public: Members of the public leaf: amounts in fen, states, rule versions, ``c`` a centre; no names of
            people. What holds an id, such as one typed into a reason, goes behind the salt all the same.
        private: What only parties and auditors may open; the leaf carries the salted digest of the record.
        firm: Id of an organisation that the fact is about: it stands in the private record, and the public
            leaf shows its pseudonym of the year.
        log: Name of the log.
    """
    at, members = timezone.now(), dict(public or {})
    hidden = {name: value for name, value in members.items() if names_an_id(value)}
    record: dict[str, Json] = {**hidden, **(private or {})}
    assert "subject" not in record, f"{kind}: a record says its subject itself"
    record |= {"subject": subject, **({"organisation": firm} if firm else {})}
    assert RESERVED.isdisjoint(members), f"{RESERVED & set(members)} are the log's own members of a leaf"
    leaf: dict[str, Json] = {"v": VERSION, "p": log, "k": kind, "t": at.strftime("%Y-%m-%dT%H:%MZ")}
    leaf |= {name: value for name, value in members.items() if name not in hidden}
    if firm:
        leaf["w"] = pseudonym(firm, at.year)
    salt = secrets.token_bytes(SALT_BYTES)
    leaf["h"] = private_digest(salt, record)
    content = canonical(leaf)
    assert is_fact(leaf | {"s": 0}), f"{leaf} is no fact"
    assert len(content) <= MAX_LEAF_BYTES - 64, f"a leaf of {len(content)} bytes and its number"
    sealed = {"salt": salt.hex(), "record": record}
    return Fact(log=log, kind=kind, subject=subject, actor=actor, at=at, leaf=content, private=sealed)


def sequence(log: str = signing.PLATFORM) -> Checkpoint | None:
    """Gives every committed fact without one its leaf index, and signs a checkpoint.

    Never inside another transaction: a checkpoint speaks to the world, and what it covers must be committed.
    Any number of callers may call at once; the log's row lets them in one by one.

    Returns:
        The newest checkpoint made, or ``None`` when there was nothing new.

    Raises:
        Refused: ``audit.log_forked``, ``audit.behind_the_published_log``, ``audit.behind_the_key``,
            ``audit.folder_lost``: nothing inconsistent with an earlier checkpoint is ever signed, nor
            anything while that cannot be told.
    """
    refuse_behind(log)
    refuse_lost(log)
    newest = latest_checkpoint(log)
    if newest is not None:  # a process killed between commit and mark
        signing.set_mark(log, newest.size, bytes(newest.root))
    newest = None
    while made := _sequence_batch(log):
        newest = made
        # After the commit: what was rolled back was shown to nobody, and may be signed otherwise.
        signing.set_mark(log, made.size, bytes(made.root))
    return newest


@transaction.atomic(durable=True)
def _sequence_batch(log: str) -> Checkpoint | None:
    Log.objects.bulk_create([Log(name=log)], ignore_conflicts=True)
    Log.objects.select_for_update().get(name=log)
    # Only now, under the lock, each statement sees all that earlier holders committed.
    previous = latest_checkpoint(log)
    size = previous.size if previous else 0
    facts = list(Fact.objects.filter(log=log, leaf_index=None).order_by("seq")[:BATCH])
    if not facts:
        return None
    reader = NodeReader(log)
    if previous:
        _refuse_a_fork(previous, reader)
    _append(log, facts, size, reader)
    size += len(facts)
    root = merkle.root(size, reader)
    text = notes.Checkpoint(signing.origin(log), size, root).text()
    note = notes.sign_note(text, name=signing.origin(log), private=signing.private_key(log))
    # Never before the one that it follows: the application's clock may have been set back.
    at = max(timezone.now(), previous.at) if previous else timezone.now()
    return Checkpoint.objects.create(log_id=log, size=size, root=root, note=note, at=at)


def _append(log: str, facts: Sequence[Fact], size: int, reader: NodeReader) -> None:
    nodes = []
    number_entries(log, facts, size)
    for index, fact in enumerate(facts, start=size):
        fact.leaf_index = index
        for level, position, value in merkle.new_nodes(index, merkle.leaf_hash(fact.logged), reader):
            reader.known[level, position] = value
            nodes.append(Node(log_id=log, level=level, index=position, hash=value))
    Fact.objects.bulk_update(facts, ["leaf_index", "entry"], batch_size=250)
    Node.objects.bulk_create(nodes, batch_size=500)


def _refuse_a_fork(previous: Checkpoint, reader: NodeReader) -> None:
    stored = merkle.root(previous.size, reader)
    if stored != bytes(previous.root):
        raise Refused(
            FORKED,
            log=previous.log_id,
            size=previous.size,
            signed=bytes(previous.root).hex(),
            stored=stored.hex(),
        )
