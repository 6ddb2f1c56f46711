"""The log as a folder of static files: written here, served from here or by any web server.

``<data folder>/log/<log>/``: ``checkpoint``, ``tile/…``, ``key``. The database stays the origin; the folder
is written up to the newest checkpoint and never behind it. A folder that is longer than the database means
that the database was restored from a backup: nothing further is signed until somebody has looked, because a
second history under the same key could never be explained.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from hesuan.errors import Refused, declare
from hesuan.hub.audit import signing
from hesuan.hub.audit.models import Checkpoint, Fact
from hesuan.hub.audit.selectors import latest_checkpoint, published_note
from hesuan.wire import checkpoint as notes
from hesuan.wire.folder import Disk, Writer, read_note

CHUNK = 2_560
"""Leaves read from the database at once."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FILE = re.compile(r"checkpoint|key|tile/(entries|[0-9]{1,2})(/x[0-9]{3})*/[0-9]{3}(\.p/[0-9]{1,3})?")

BEHIND = declare(
    "audit.behind_the_published_log",
    en="Log {log} was published with {published} leaves; the database has {stored}: leaves {stored} to {last}"
    " are missing. Nothing further is signed: restore the database further, or open a new log.",
    zh="日志 {log} 已公布 {published} 条；数据库仅有 {stored} 条：缺第 {stored} 至 {last} 条。"
    "不再签发：请恢复更新的备份，或另立新日志。",
)


def folder(log: str = signing.PLATFORM) -> Path:
    """Where a log's files lie."""
    assert _NAME.fullmatch(log), f"{log!r} cannot name a log"
    return Path(settings.LOG_DIR) / log


def file(path: str, log: str = signing.PLATFORM) -> bytes | None:
    """A published file by its path below the log's prefix; ``None`` for whatever is none."""
    if not _FILE.fullmatch(path) or not _NAME.fullmatch(log):
        return None
    return Disk(folder(log)).read(path)


def published_size(log: str = signing.PLATFORM) -> int:
    """Leaves under the published checkpoint; 0 before the first."""
    note = read_note(Disk(folder(log)))
    return 0 if note is None else notes.parse_checkpoint(notes.split_note(note)[0]).size


def refuse_behind(log: str = signing.PLATFORM) -> None:
    """Whether the database still has all that was published.

    Raises:
        Refused: ``audit.behind_the_published_log``.
    """
    newest = latest_checkpoint(log)
    stored, published = newest.size if newest else 0, published_size(log)
    if published > stored:
        raise Refused(BEHIND, log=log, published=published, stored=stored, last=published - 1)


def publish(log: str = signing.PLATFORM) -> int:
    """Writes the log's files up to the newest checkpoint; safe to call at any time, by any number.

    Returns:
        1 when something was published, else 0.

    Raises:
        Refused: ``audit.behind_the_published_log``, ``folder.differs``, ``folder.not_this_checkpoint``.
    """
    if latest_checkpoint(log) is None:
        return 0
    with _only_writer(folder(log)) as alone:
        # Read only now: another worker may have published a later checkpoint while this one waited.
        newest = latest_checkpoint(log)
        if not alone or newest is None:
            return 0
        note = published_note(newest)
        if read_note(Disk(folder(log))) == note:
            return 0
        refuse_behind(log)
        writer = Writer(folder(log))
        writer.append(_leaves(newest, writer.size))
        _write_key(log)
        writer.publish(note)
    return 1


def _leaves(newest: Checkpoint, first: int) -> Iterator[bytes]:
    for start in range(first, newest.size, CHUNK):
        rows = Fact.objects.filter(
            log=newest.log_id, leaf_index__gte=start, leaf_index__lt=min(start + CHUNK, newest.size)
        )
        yield from (fact.logged for fact in rows.order_by("leaf_index").only("leaf", "entry"))


def _write_key(log: str) -> None:
    file, text = folder(log) / "key", f"{signing.public_key(log).text()}\n"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


@contextmanager
def _only_writer(where: Path) -> Iterator[bool]:
    """Whether this process may write now; another one that does so already is not waited for."""
    where.mkdir(parents=True, exist_ok=True)
    with (where.parent / f".{where.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
