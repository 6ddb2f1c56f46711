"""Reads of the audit room: facts, checkpoints, proofs, the log's key.

Leaves are public by nature; the private record behind a leaf opens to auditors and to the hub itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings

from hesuan.errors import NotFound, Refused, declare
from hesuan.hub.audit import signing
from hesuan.hub.audit.models import Checkpoint, Fact, Log, Node
from hesuan.wire import cosignature, merkle
from hesuan.wire.canonical import Json
from hesuan.wire.promise import make as make_promise
from hesuan.wire.quorum import NONE, Policy
from hesuan.wire.witness_server import read_policy

NOT_SEQUENCED = declare(
    "audit.not_sequenced",
    en="Fact {fact} is recorded and not yet in the log; the next checkpoint covers it. Ask again shortly.",
    zh="事实 {fact} 已记录，尚未进入日志；下一个检查点将包含它，请稍后再取。",
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
    """What others said of the newest checkpoint of a log."""

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
    newest, policy = latest_checkpoint(log), trust_policy()
    if newest is None or policy is None:
        return Witnessing((), reached=False)
    found = cosignature.of_note(published_note(newest), policy.witness_keys)
    reached = policy.quorum != NONE and policy.satisfied(found)
    return Witnessing(tuple(one.key.name for one in found), reached)


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


def inclusion(fact: Fact, *, earliest: bool = False) -> dict[str, Json]:
    """The proof that a fact is in the log, as a receipt file carries it.

    ``{"leaf": {...}, "index": n, "size": n, "hashes": [hex…], "checkpoint": note}``, newest checkpoint.

    Args:
        fact: The fact.
        earliest: Against the first checkpoint that covers it, so that the same proof is given for ever.

    Raises:
        Refused: ``audit.not_sequenced``.
    """
    fact.refresh_from_db(fields=["leaf_index", "entry"])
    checkpoint = latest_checkpoint(fact.log)
    if earliest and fact.leaf_index is not None:
        covering = Checkpoint.objects.filter(log_id=fact.log, size__gt=fact.leaf_index)
        checkpoint = covering.order_by("size").first()
    if fact.leaf_index is None or checkpoint is None:
        raise Refused(NOT_SEQUENCED, fact=fact.id)
    path = merkle.inclusion_proof(fact.leaf_index, checkpoint.size, NodeReader(fact.log))
    return {
        "leaf": json.loads(fact.logged),
        "index": fact.leaf_index,
        "size": checkpoint.size,
        "hashes": [value.hex() for value in path],
        "checkpoint": checkpoint.note if earliest else published_note(checkpoint),
    }


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


def facts(actor: Reader, subject: str) -> list[FactView]:
    """All facts about one object, oldest first."""
    opens = actor.is_system or actor.has("auditor")
    return [view(fact, opens=opens) for fact in Fact.objects.filter(subject=subject).order_by("seq")]


def view(fact: Fact, *, opens: bool) -> FactView:
    """A fact as somebody may see it; ``opens``: with its private record."""
    private: dict[str, Any] | None = fact.private if opens else None
    leaf: dict[str, Json] = json.loads(fact.logged)
    return FactView(fact.id, fact.kind, fact.subject, fact.at, fact.leaf_index, leaf, private)


def sequenced(log: str, indexes: Iterable[int]) -> list[Fact]:
    """The facts at some leaf indexes, in order."""
    return list(Fact.objects.filter(log=log, leaf_index__in=list(indexes)).order_by("leaf_index"))
