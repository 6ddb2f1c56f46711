"""After a restore: whether the database still has every leaf that was published, and which it lacks.

The published folder outlives the database: witnesses, auditors and web servers have copies of it. A database
restored from an older backup has forgotten money that the world has on record, and to go on from there would
be a second history. So the hub does not start, nothing is paid, and each missing leaf is told as published.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from hesuan.errors import Refused, declare
from hesuan.hub.audit import publishing
from hesuan.hub.audit.checks import Finding, Invariant
from hesuan.hub.audit.models import Checkpoint
from hesuan.hub.audit.selectors import latest_checkpoint, logs
from hesuan.wire import checkpoint as notes
from hesuan.wire.folder import Disk, read_note
from hesuan.wire.tiles import WIDTH, bundle_path, bundles_of, unpack_bundle

OTHER_HISTORY = declare(
    "audit.published_otherwise",
    en="Log {log} was published with root {published} at size {size}; the database has {stored} there. One of"
    " them is another log's, or was changed. Nothing is served: compare both with a witness's copy.",
    zh="日志 {log} 在规模 {size} 处公布的根为 {published}，数据库中为 {stored}。"
    "其中之一属于另一日志，或已被改动。平台不启动：请将两者与见证方的副本比对。",
)
KEPT = Invariant(
    "I8.published",
    "The database has every leaf that was published.",
    "数据库具有已公布的全部条目。",
)
TOLD_AT_MOST = 1_000
"""Missing leaves of a log that are told one by one."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A leaf that was published and is not in the database."""

    log: str
    index: int
    leaf: str


def published_logs() -> list[str]:
    """Names of the logs that have a published checkpoint, whatever the database knows of them."""
    folder = Path(settings.LOG_DIR)
    return sorted(one.parent.name for one in folder.glob("*/checkpoint")) if folder.is_dir() else []


def missing(log: str) -> Iterator[Missing]:
    """The leaves of a log that the database lacks, from the first, as they were published."""
    newest = latest_checkpoint(log)
    first, published = newest.size if newest else 0, publishing.published_size(log)
    for index, width in bundles_of(published):
        if (index + 1) * WIDTH <= first:
            continue
        path = bundle_path(index, width)
        data = Disk(publishing.folder(log)).read(path)
        leaves = unpack_bundle(data, width, path=path) if data is not None else [b"?"] * width
        for place, leaf in enumerate(leaves, start=index * WIDTH):
            if place >= first:
                yield Missing(log, place, leaf.decode(errors="replace"))


def refuse() -> None:
    """Before the hub serves and before money leaves: no published log is ahead of the database, and none of
    those that the database remembers as published is gone.

    Raises:
        Refused: ``audit.behind_the_published_log``, ``audit.behind_the_key``,
            ``audit.published_otherwise``, ``audit.folder_lost``.
    """
    published = published_logs()
    for log in dict.fromkeys([*published, *logs()]):
        if log in published:
            _refuse_another_history(log)
        publishing.refuse_behind(log)
        publishing.refuse_lost(log)


def check() -> list[Finding]:
    """Every missing leaf, log by log; an empty list means that nothing published is missing."""
    rows: list[dict[str, object]] = []
    for log in published_logs():
        for number, one in enumerate(missing(log)):
            if number == TOLD_AT_MOST:
                break
            rows.append({"log": one.log, "leaf": one.index, "published": one.leaf})
    return [Finding(KEPT.name, KEPT.en, KEPT.zh, tuple(rows))] if rows else []


def _refuse_another_history(log: str) -> None:
    note = read_note(Disk(publishing.folder(log)))
    assert note is not None, f"{log} has a checkpoint"
    found = notes.parse_checkpoint(notes.split_note(note)[0])
    stored = Checkpoint.objects.filter(log_id=log, size=found.size).first()
    if stored is not None and bytes(stored.root) != found.root:
        raise Refused(
            OTHER_HISTORY,
            log=log,
            size=found.size,
            published=found.root.hex(),
            stored=bytes(stored.root).hex(),
        )
