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
from hesuan.hub.audit.publishing import publish, refuse_behind
from hesuan.hub.audit.selectors import NodeReader, latest_checkpoint
from hesuan.hub.audit.witnessing import anchor, ask
from hesuan.wire import checkpoint as notes
from hesuan.wire import merkle
from hesuan.wire.canonical import Json, canonical, digest

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

MAX_LEAF_BYTES = 4096
BATCH = 2_000
"""Facts sequenced in one transaction, under one checkpoint."""
RESERVED = frozenset({"v", "kind", "subject", "at", "private", "w"})

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
        subject: Id of the object it happened to.
        actor: Identity id, agent id, or ``system``.
        public: Members of the public leaf: amounts in fen, states, rule versions; no names of people.
        private: What only parties and auditors may open; the leaf carries its salted digest.
        firm: Id of an organisation that the fact is about: it stands in the private record, and the public
            leaf shows its pseudonym of the year.
        log: Name of the log.
    """
    at = timezone.now()
    if firm:
        private = {**(private or {}), "organisation": firm}
    sealed = None if private is None else {"salt": secrets.token_hex(16), "record": dict(private)}
    members = dict(public or {})
    assert RESERVED.isdisjoint(members), f"{RESERVED & set(members)} are the log's own members of a leaf"
    leaf: dict[str, Json] = {
        "v": 1,
        "kind": kind,
        "subject": subject,
        "at": at.strftime("%Y-%m-%dT%H:%MZ"),
        **members,
    }
    if firm:
        leaf["w"] = pseudonym(firm, at.year)
    if sealed is not None:
        leaf["private"] = digest(sealed)
    content = canonical(leaf)
    assert len(content) <= MAX_LEAF_BYTES, f"a leaf of {len(content)} bytes; at most {MAX_LEAF_BYTES}"
    return Fact(log=log, kind=kind, subject=subject, actor=actor, at=at, leaf=content, private=sealed)


def sequence(log: str = signing.PLATFORM) -> Checkpoint | None:
    """Gives every committed fact without one its leaf index, and signs a checkpoint.

    Never inside another transaction: a checkpoint speaks to the world, and what it covers must be committed.
    Any number of callers may call at once; the log's row lets them in one by one.

    Returns:
        The newest checkpoint made, or ``None`` when there was nothing new.

    Raises:
        Refused: ``audit.log_forked``, ``audit.behind_the_published_log``: nothing inconsistent with an
            earlier checkpoint is ever signed.
    """
    refuse_behind(log)
    newest = None
    while made := _sequence_batch(log):
        newest = made
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
    return Checkpoint.objects.create(log_id=log, size=size, root=root, note=note, at=timezone.now())


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
