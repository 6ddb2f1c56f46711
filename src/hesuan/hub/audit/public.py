"""The public log for whoever asks: no login, no actor, no address; pages and API are thin doors to this.

Leaves go out as the very bytes that were hashed, so that anybody can recompute every root from the first leaf
on: ``SHA-256(0x00 || line)``, line ends left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from django.conf import settings

from hesuan.errors import NotFound, declare
from hesuan.hub.audit import selectors, signing
from hesuan.hub.audit.models import Fact
from hesuan.wire.canonical import Json
from hesuan.wire.leaves import read_leaf
from hesuan.wire.proof import Proof
from hesuan.wire.quorum import without_logs
from hesuan.wire.totals import Totals

MAX_LEAVES = 1_000
"""Leaves in one answer."""

MAX_TOTALLED = 5_000
"""Leaves that a page adds up; longer logs are added up by ``hesuan verify``."""

NO_LEAF = declare(
    "audit.no_such_leaf",
    en="The log has {size} leaves, numbered from 0; there is no leaf {asked}.",
    zh="日志共有 {size} 条，自 0 起编号；没有第 {asked} 条。",
)


@dataclass(frozen=True, slots=True)
class Leaves:
    """Some leaves in order, each exactly as hashed, and the size of the log they are from."""

    first: int
    size: int
    leaves: tuple[bytes, ...]

    def lines(self) -> bytes:
        """One leaf a line (newline-delimited JSON)."""
        return b"".join(leaf + b"\n" for leaf in self.leaves)


def checkpoint(log: str = signing.PLATFORM) -> str:
    """The newest signed checkpoint, exactly as signed.

    Raises:
        NotFound: ``audit.no_checkpoint``.
    """
    newest = selectors.latest_checkpoint(log)
    if newest is None:
        raise NotFound(selectors.NO_CHECKPOINT, log=log)
    return selectors.published_note(newest)


def size(log: str = signing.PLATFORM) -> int:
    """Leaves under the newest checkpoint; 0 before the first."""
    newest = selectors.latest_checkpoint(log)
    return newest.size if newest else 0


def key(log: str = signing.PLATFORM) -> str:
    """The log's verifier key: ``name+key id+base 64``."""
    return selectors.log_key(log)


def policy() -> str:
    """A policy file (C2SP tlog-policy) for ``hesuan verify --policy`` and tools of others.

    This hub's logs, each under every key it ever had, and the witnesses and quorum that it asks; ``quorum
    none`` where it asks nobody.

    Whoever relies on it compares the keys with what they got elsewhere, and chooses witnesses of their own.
    """
    names = selectors.logs() or [signing.PLATFORM]
    lines = [f"log {one.text()}" for log in names for one in signing.public_keys(log)]
    name: str = settings.ENVIRONMENT.log_policy
    rest = Path(name).read_bytes().decode(errors="replace") if name else "quorum none\n"
    return "\n".join([*lines, *without_logs(rest)]) + "\n"


def trust(site_keys: Mapping[str, str], log: str = signing.PLATFORM) -> dict[str, Json]:
    """The content of a trust file for ``hesuan verify --trust``; ``site_keys``: agent id → public key."""
    former: list[Json] = [one.text() for one in signing.public_keys(log)[1:]]
    told: dict[str, Json] = {"log_key": key(log), "site_keys": dict(site_keys)}
    return told | ({"former_log_keys": former} if former else {})


def leaves(first: int, count: int = MAX_LEAVES, log: str = signing.PLATFORM) -> Leaves:
    """Leaves from an index on, at most ``MAX_LEAVES``; none past the end.

    Raises:
        NotFound: ``audit.no_such_leaf``, when ``first`` is no index and not the log's size either.
    """
    total = size(log)
    if not 0 <= first <= total:
        raise NotFound(NO_LEAF, size=total, asked=first)
    last = min(first + min(count, MAX_LEAVES), total)
    rows = Fact.objects.filter(log=log, leaf_index__gte=first, leaf_index__lt=last).order_by("leaf_index")
    return Leaves(first, total, tuple(fact.logged for fact in rows.only("leaf", "entry")))


def totals(log: str = signing.PLATFORM) -> Totals | None:
    """What the published leaves come to; ``None`` for a log that is too long to add up for a page."""
    total = size(log)
    if total > MAX_TOTALLED:
        return None
    made = Totals()
    rows = Fact.objects.filter(log=log, leaf_index__lt=total).order_by("leaf_index").only("leaf", "entry")
    for index, fact in enumerate(rows.iterator()):
        leaf = read_leaf(fact.logged)
        if leaf is not None:
            made.take(index, leaf)
    return made


def inclusion(index: int, log: str = signing.PLATFORM) -> dict[str, Json]:
    """The proof that a leaf is in the log of the newest checkpoint, as receipt files carry it.

    Raises:
        NotFound: ``audit.no_such_leaf``.
    """
    return selectors.inclusion(_logged(index, log))


def leaf(index: int, log: str = signing.PLATFORM) -> bytes:
    """One leaf, exactly as hashed.

    Raises:
        NotFound: ``audit.no_such_leaf``.
    """
    return _logged(index, log).logged


def proof(index: int, log: str = signing.PLATFORM) -> str:
    """The proof of one leaf as tools of others read it (c2sp.org/tlog-proof@v1), cosignatures included.

    Raises:
        NotFound: ``audit.no_such_leaf``.
    """
    made = selectors.inclusion(_logged(index, log))
    path = tuple(bytes.fromhex(str(one)) for one in cast("list[str]", made["hashes"]))
    return Proof(index, path, str(made["checkpoint"])).text()


def _logged(index: int, log: str) -> Fact:
    fact = Fact.objects.filter(log=log, leaf_index=index).first()
    if fact is None:
        raise NotFound(NO_LEAF, size=size(log), asked=index)
    return fact


def consistency(first: int, second: int, log: str = signing.PLATFORM) -> list[str]:
    """The proof that the log of ``first`` leaves is a beginning of that of ``second``, in hexadecimal.

    Raises:
        NotFound: ``audit.no_checkpoint``, when the log has never been so long.
    """
    return [value.hex() for value in selectors.consistency(first, second, log)]
