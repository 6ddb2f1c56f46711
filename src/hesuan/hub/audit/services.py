"""The audit room's verbs: record a fact (here), sequence facts into the log and sign checkpoints."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from django.utils import timezone

from hesuan.hub.audit.models import Fact
from hesuan.wire.canonical import Json, canonical, digest


def record(
    *,
    kind: str,
    subject: str,
    actor: str,
    public: Mapping[str, Json] | None = None,
    private: Mapping[str, Json] | None = None,
    log: str = "platform",
) -> Fact:
    """Writes one fact inside the caller's transaction.

    Args:
        kind: What happened, ``room.verb`` in the past tense, such as ``run.finished``.
        subject: Id of the object it happened to.
        actor: Identity id, agent id, or ``system``.
        public: Members of the public leaf: amounts in fen, states, rule versions; no names of people.
        private: What only parties and auditors may open; the leaf carries its salted digest.
        log: Name of the log.
    """
    at = timezone.now()
    sealed = None if private is None else {"salt": secrets.token_hex(16), "record": dict(private)}
    leaf: dict[str, Json] = {
        "v": 1,
        "kind": kind,
        "subject": subject,
        "at": at.strftime("%Y-%m-%dT%H:%MZ"),
        **dict(public or {}),
    }
    if sealed is not None:
        leaf["private"] = digest(sealed)
    return Fact.objects.create(
        log=log, kind=kind, subject=subject, actor=actor, at=at, leaf=canonical(leaf), private=sealed
    )
