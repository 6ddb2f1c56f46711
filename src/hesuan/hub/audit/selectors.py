"""Reads of the audit room: facts, checkpoints, proofs, the log's key.

Leaves are public by nature; the private record behind a leaf opens to auditors and to the hub itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.db.models import Count, OuterRef, Subquery

from hesuan.errors import NotFound, Refused, declare
from hesuan.hub.audit import signing
from hesuan.hub.audit.models import Checkpoint, Cosignature, Fact, Log, Node
from hesuan.wire import cosignature, merkle
from hesuan.wire.canonical import Json
from hesuan.wire.notices import INCIDENT, RESTORE
from hesuan.wire.promise import make as make_promise
from hesuan.wire.quorum import NONE, Policy
from hesuan.wire.witness_server import read_policy

NOT_SEQUENCED = declare(
    "audit.not_sequenced",
    en="Fact {fact} is recorded and not yet in the log; the next checkpoint covers it. Ask again shortly.",
    zh="事实 {fact} 已记录，尚未进入日志；下一个检查点将包含它，请稍后再取。",
)
ERASED = declare(
    "audit.record_erased",
    en="What stood behind leaf {leaf} (fact {fact}) was erased: nobody is shown it any more.",
    zh="第 {leaf} 条（事实 {fact}）的私有记录已抹去，不再向任何人出示。",
)
NO_CHECKPOINT = declare(
    "audit.no_checkpoint",
    en="Log {log} has no checkpoint yet: nothing has been recorded in it.",
    zh="日志 {log} 尚无检查点：还没有任何记录。",
)


class Reader(Protocol):
    """Who reads: what this room needs to know of an actor."""

    @property
    def is_system(self) -> bool: ...

    def has(self, role: str, organisation_id: str | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class FactView:
    """One fact as a reader may see it; ``private`` is ``None`` for those who may not open it."""

    id: str
    kind: str
    subject: str
    at: datetime
    leaf_index: int | None
    leaf: dict[str, Json]
    private: dict[str, Any] | None


class NodeReader:
    """``node(level, index)`` over the stored tree, remembering what it read."""

    def __init__(self, log: str) -> None:
        self.log = log
        self.known: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        if (level, index) not in self.known:
            stored = Node.objects.values_list("hash", flat=True).get(
                log_id=self.log, level=level, index=index
            )
            self.known[level, index] = bytes(stored)
        return self.known[level, index]


def latest_checkpoint(log: str = signing.PLATFORM) -> Checkpoint | None:
    """The newest checkpoint of a log, or ``None`` before the first."""
    return Checkpoint.objects.filter(log_id=log).order_by("-size").first()


@dataclass(frozen=True, slots=True)
class Witnessing:
    """What others said of one checkpoint of a log."""

    witnesses: tuple[str, ...]
    """Names of those who cosigned it."""
    reached: bool
    """Whether they make the policy's quorum; without a policy nothing is reached."""


def trust_policy() -> Policy | None:
    """The policy that names this hub's witnesses; ``None`` when none is configured.

    Raises:
        InputFault: ``policy_file.malformed``, ``witness.policy_unreadable``.
    """
    name: str = settings.ENVIRONMENT.log_policy
    return read_policy(name) if name else None


def witnessing(log: str = signing.PLATFORM) -> Witnessing:
    """Who cosigned the newest checkpoint, and whether that is a quorum."""
    return _seen(latest_checkpoint(log))


def witnessing_of(fact: Fact | None) -> Witnessing:
    """Who cosigned the checkpoint that proves a fact; nobody, while none covers it."""
    if fact is None or fact.leaf_index is None:
        return Witnessing((), reached=False)
    return _seen(covering(fact.log, fact.leaf_index))


def _seen(checkpoint: Checkpoint | None) -> Witnessing:
    policy = trust_policy()
    if checkpoint is None or policy is None:
        return Witnessing((), reached=False)
    found = cosignature.of_note(published_note(checkpoint), policy.witness_keys)
    return Witnessing(tuple(one.key.name for one in found), _is_quorum(policy, found))


def _is_quorum(policy: Policy, found: Iterable[cosignature.Cosignature]) -> bool:
    return policy.quorum != NONE and policy.satisfied(found)


def covering(log: str, leaf_index: int) -> Checkpoint | None:
    """The checkpoint that proves a leaf: the newest that reached the quorum and covers it, else the newest.

    The newest of all is often seconds old and no witness was asked yet; a proof against it would pass and
    fail by turns.
    """
    policy = trust_policy()
    witnessed = None if policy is None else _witnessed(log, leaf_index, policy, "-size")
    return witnessed or latest_checkpoint(log)


def _witnessed(log: str, leaf_index: int, policy: Policy, order: str) -> Checkpoint | None:
    """The first checkpoint, in this order, that covers a leaf and reached the quorum."""
    if policy.quorum == NONE:
        return None
    names = {key.name for key in policy.witness_keys}
    lines = Cosignature.objects.filter(checkpoint=OuterRef("pk"), witness__in=names).order_by()
    seen = lines.values("checkpoint").annotate(names=Count("witness", distinct=True)).values("names")
    rows = Checkpoint.objects.filter(log_id=log, size__gt=leaf_index).annotate(seen=Subquery(seen))
    enough = rows.filter(seen__gte=policy.fewest).order_by(order)  # only these are worth their signatures
    for one in enough.iterator(chunk_size=20):
        if _is_quorum(policy, cosignature.of_note(published_note(one), policy.witness_keys)):
            return one
    return None


def _lasting(fact: Fact) -> tuple[Checkpoint | None, str]:
    """The first witnessed checkpoint that covers a fact, with the lines that first made the quorum.

    Neither changes any more, whoever signs later. While there is none: the first that covers it, by itself.
    """
    assert fact.leaf_index is not None
    policy = trust_policy()
    checkpoint = None if policy is None else _witnessed(fact.log, fact.leaf_index, policy, "size")
    if policy is None or checkpoint is None:
        rows = Checkpoint.objects.filter(log_id=fact.log, size__gt=fact.leaf_index)
        first = rows.order_by("size").first()
        return first, first.note if first else ""
    note, met = checkpoint.note, set[str]()
    for witness, line in checkpoint.cosignatures.order_by("at", "pk").values_list("witness", "line"):
        if witness not in met and cosignature.of_note(checkpoint.note + line, policy.witness_keys):
            note, met = note + line, met | {witness}
        if _is_quorum(policy, cosignature.of_note(note, policy.witness_keys)):
            break
    return checkpoint, note


def published_note(checkpoint: Checkpoint) -> str:
    """A checkpoint's note with the newest line of each witness that cosigned it."""
    rows = checkpoint.cosignatures.order_by("at", "pk").values_list("witness", "line")
    return checkpoint.note + "".join(line for _, line in sorted(dict(rows).items()))


def logs() -> list[str]:
    """Every log that has something in it, the platform's first."""
    names = set(Log.objects.values_list("name", flat=True))
    return sorted(names, key=lambda name: (name != signing.PLATFORM, name))


def unsequenced() -> set[str]:
    """Logs with facts that have no place in them yet."""
    return set(Fact.objects.filter(leaf_index=None).values_list("log", flat=True).distinct())


def log_key(log: str = signing.PLATFORM) -> str:
    """The log's public key as a verifier key: ``name+key id+base 64``."""
    return signing.public_key(log).text()


def log_key_of(note: str, log: str = signing.PLATFORM) -> str:
    """The verifier key under which a checkpoint was signed: an old proof keeps the key of its day."""
    return signing.key_of(note, log).text()


def inclusion(fact: Fact, *, earliest: bool = False, under: Checkpoint | None = None) -> dict[str, Json]:
    """The proof that a fact is in the log, as a receipt file carries it.

    ``{"leaf": {...}, "index": n, "size": n, "hashes": [hex…], "checkpoint": note}``, see :func:`covering`.

    Args:
        fact: The fact.
        earliest: Against the first witnessed checkpoint that covers it, so that the same proof is given for
            ever; against the first that covers it, while none of them is witnessed.
        under: Against this one, which covers it.

    Raises:
        Refused: ``audit.not_sequenced``.
    """
    fact.refresh_from_db(fields=["leaf_index", "entry"])
    checkpoint, note = under, ""
    if fact.leaf_index is not None and under is None:
        checkpoint, note = _lasting(fact) if earliest else (covering(fact.log, fact.leaf_index), "")
    if fact.leaf_index is None or checkpoint is None:
        raise Refused(NOT_SEQUENCED, fact=fact.id)
    assert checkpoint.size > fact.leaf_index, "the checkpoint covers the leaf"
    path = merkle.inclusion_proof(fact.leaf_index, checkpoint.size, NodeReader(fact.log))
    return {
        "leaf": json.loads(fact.logged),
        "index": fact.leaf_index,
        "size": checkpoint.size,
        "hashes": [value.hex() for value in path],
        "checkpoint": note or published_note(checkpoint),
    }


def opened(fact: Fact) -> dict[str, Json] | None:
    """Salt and record behind a fact's leaf; ``None`` where nothing private stands there.

    Raises:
        Refused: ``audit.record_erased``.
    """
    if fact.private is None:
        return None
    if "salt" not in fact.private:
        raise Refused(ERASED, fact=fact.id, leaf=fact.leaf_index)
    return dict(fact.private)


def promise(fact: Fact) -> dict[str, Json]:
    """The log's signed promise that a fact of the platform will be in it, for whoever asks before it is."""
    leaf: dict[str, Json] = json.loads(bytes(fact.leaf))
    return make_promise(leaf, recorded_at=fact.at, private=signing.private_key())


def consistency(first: int, second: int, log: str = signing.PLATFORM) -> list[bytes]:
    """The proof that the log of ``first`` leaves is a beginning of the log of ``second``.

    Raises:
        NotFound: ``audit.no_checkpoint``, when the log is shorter.
    """
    newest = latest_checkpoint(log)
    if newest is None or not 0 < first <= second <= newest.size:
        raise NotFound(NO_CHECKPOINT, log=log)
    return merkle.consistency_proof(first, second, NodeReader(log))


def facts(actor: Reader, subject: str, *, own: Collection[str] = ()) -> list[FactView]:
    """All facts about one object, oldest first.

    Args:
        actor: Who reads; an auditor opens every record.
        subject: The object's id.
        own: Kinds of fact that this reader opens too, because the caller knows them to be their own.
    """
    every = actor.is_system or actor.has("auditor")
    rows = Fact.objects.filter(subject=subject).order_by("seq")
    return [view(fact, opens=every or fact.kind in own) for fact in rows]


def view(fact: Fact, *, opens: bool) -> FactView:
    """A fact as somebody may see it; ``opens``: with its private record."""
    private: dict[str, Any] | None = fact.private if opens else None
    leaf: dict[str, Json] = json.loads(fact.logged)
    return FactView(fact.id, fact.kind, fact.subject, fact.at, fact.leaf_index, leaf, private)


def notices(count: int) -> list[Fact]:
    """The newest incidents and restores that stand in any log."""
    told = Fact.objects.filter(kind__in=(INCIDENT, RESTORE), leaf_index__isnull=False)
    return list(told.order_by("-at", "-seq")[:count])


def waiting_notices() -> list[Fact]:
    """Incidents and restores that were recorded and have no place in their log yet, newest first."""
    told = Fact.objects.filter(kind__in=(INCIDENT, RESTORE), leaf_index__isnull=True)
    return list(told.order_by("-at", "-seq"))


def sequenced(log: str, indexes: Iterable[int]) -> list[Fact]:
    """The facts at some leaf indexes, in order."""
    return list(Fact.objects.filter(log=log, leaf_index__in=list(indexes)).order_by("leaf_index"))
