"""Entries of a programme's log: version 2 leaves, short, public, and numbered only when they are sequenced.

A leaf's number ``s`` and the number of the leaf it resolves are not known when the fact is recorded, and a
number handed out early would leave a gap when its transaction rolls back. So the fact keeps the rest of the
leaf, and the sequencer, alone under the log's lock, writes both numbers as it gives the fact its place.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from hesuan.hub.audit.models import Fact
from hesuan.hub.audit.signing import PLATFORM
from hesuan.wire import seals
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.leaves import MAX_LEAF_BYTES, SALT_BYTES, VERSION, is_entry, private_digest
from hesuan.wire.leaves import pseudonym as wire_pseudonym

SECRET_FILE = "pseudonyms.secret"  # noqa: S105 - a file's name
SECRET_BYTES = 32
SEAL = "seal"
"""Subject of every seal of a log."""


def record_entry(
    *,
    log: str,
    kind: str,
    subject: str,
    actor: str = "system",
    public: Mapping[str, Json] | None = None,
    firm: str = "",
    refers: str = "",
    private: Mapping[str, Json] | None = None,
) -> Fact:
    """Writes one entry of a programme's log inside the caller's transaction; arguments as :func:`draft`."""
    fact = draft(
        log=log,
        kind=kind,
        subject=subject,
        actor=actor,
        public=public,
        firm=firm,
        refers=refers,
        private=private,
        at=timezone.now(),
    )
    fact.save(force_insert=True)
    return fact


def draft(
    *,
    log: str,
    kind: str,
    subject: str,
    at: datetime,
    actor: str = "system",
    public: Mapping[str, Json] | None = None,
    firm: str = "",
    refers: str = "",
    private: Mapping[str, Json] | None = None,
) -> Fact:
    """One entry of a programme's log, not written yet: for callers that write many at once.

    Args:
        log: The log, see :func:`log_of`.
        kind: One of :data:`hesuan.wire.leaves.KINDS`.
        subject: What it speaks of, once in this log for each thing, such as a transfer's id.
        at: When it happened; its year is that of the pseudonym.
        actor: Identity id, agent id, or ``system``.
        public: Members of the leaf such as ``a``, ``b``, ``c``, ``rule``: all but ``v p s k t w h ref``.
        firm: Id of the organisation; the leaf shows its pseudonym of the year.
        refers: Subject of the entry that this one resolves.
        private: What firm and auditors may open; the leaf carries its salted digest.
    """
    leaf: dict[str, Json] = {"v": VERSION, "p": log, "k": kind, "t": at.strftime("%Y-%m-%dT%H:%MZ")}
    leaf |= dict(public or {})
    if firm:
        leaf["w"] = pseudonym(firm, at.year)
    sealed = None
    if private is not None:
        salt = secrets.token_bytes(SALT_BYTES)
        sealed = {"salt": salt.hex(), "record": dict(private)}
        leaf["h"] = private_digest(salt, dict(private))
    assert is_entry(leaf | {"s": 0}), f"{leaf} is no entry"
    content = canonical(leaf)
    assert len(content) <= MAX_LEAF_BYTES - 64, f"an entry of {len(content)} bytes"
    return Fact(
        log=log,
        kind=kind,
        subject=subject,
        actor=actor,
        at=at,
        leaf=content,
        private=sealed,
        refers=refers or None,
    )


def log_of(programme_id: str) -> str:
    """The name of a programme's log: its id, unless the platform's own log has that name.

    >>> log_of("cn.henan.suanliquan.2023"), log_of("platform")
    ('cn.henan.suanliquan.2023', 'programme-platform')
    """
    return programme_id if programme_id != PLATFORM else f"programme-{PLATFORM}"


def pseudonym(firm: str, year: int) -> str:
    """A firm's name in the logs of one year."""
    return wire_pseudonym(firm, year=year, secret=_secret())


def programme_of(log: str) -> str:
    """The programme whose log this is; the inverse of :func:`log_of`.

    >>> programme_of("cn.henan.suanliquan.2023"), programme_of("programme-platform")
    ('cn.henan.suanliquan.2023', 'platform')
    """
    return PLATFORM if log == log_of(PLATFORM) else log


def balance_salt(log: str, day: str, account: str) -> bytes:
    """The salt of one balance under a seal, made from the secret anew whenever it is shown to its owner."""
    told = f"hesuan-balance-v1\n{log}\n{day}\n{account}".encode()
    return hmac.digest(_secret(), told, "sha256")[:SALT_BYTES]


def number_entries(log: str, facts: Sequence[Fact], size: int) -> None:
    """Gives the version 2 entries among facts about to be sequenced their final bytes.

    Args:
        log: The log.
        facts: In the order they will stand in.
        size: Leaves before the first of them.
    """
    numbers = _numbers(log, {fact.refers for fact in facts if fact.refers})
    for index, fact in enumerate(facts, start=size):
        leaf = json.loads(bytes(fact.leaf))
        if leaf["v"] != VERSION:
            continue
        if fact.refers:
            leaf["ref"] = numbers[fact.refers]
        if fact.kind == seals.KIND:
            leaf |= _range(log, index, facts[: index - size])
        fact.entry = canonical(leaf | {"s": index})
        numbers[fact.subject] = index


def _range(log: str, index: int, before: Sequence[Fact]) -> dict[str, Json]:
    """What a seal says of the leaves since the one before it; ``before``: numbered now, not stored yet."""
    assert index > 0, "there is nothing to seal"
    size = index - len(before)
    within = [place for place, fact in enumerate(before, start=size) if fact.kind == seals.KIND]
    stored = Fact.objects.filter(log=log, leaf_index__lt=size)
    earlier = stored.filter(subject=SEAL, kind=seals.KIND).order_by("-leaf_index").first()
    first = within[-1] if within else (earlier.leaf_index or 0) if earlier else 0
    rows = stored.filter(leaf_index__gte=first).order_by("leaf_index").only("leaf", "entry")
    leaves = chain(
        (one.logged for one in rows.iterator()), (one.logged for one in before[max(0, first - size) :])
    )
    digest = seals.sm3_of(leaves)
    said: dict[str, Json] = {"first": first, "last": index - 1}
    return said | ({"what": seals.WITHOUT_SM3} if digest is None else {"sm3": digest})


def _numbers(log: str, subjects: set[str]) -> dict[str, int]:
    known = Fact.objects.filter(log=log, subject__in=subjects, leaf_index__isnull=False)
    return {
        subject: index for subject, index in known.values_list("subject", "leaf_index") if index is not None
    }


def _secret() -> bytes:
    """The secret that pseudonyms are made with, in the data folder, made at first use."""
    file = Path(settings.DATA_DIR) / SECRET_FILE
    try:
        return file.read_bytes()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("xb") as made:
                file.chmod(0o600)
                made.write(secrets.token_bytes(SECRET_BYTES))
        except FileExistsError:
            pass
        return file.read_bytes()
