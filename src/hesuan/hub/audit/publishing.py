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
from django.utils import timezone

from hesuan.errors import Refused, declare
from hesuan.hub.audit import signing
from hesuan.hub.audit.models import Checkpoint, Fact, Publication
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


BEHIND_KEY = declare(
    "audit.behind_the_key",
    en="The key of log {log} has signed {signed} leaves with root {root} ({file}); the database has {stored}"
    " and root {found} there. Nothing further is signed: restore the database further, or open a new log.",
    zh="日志 {log} 的密钥已为 {signed} 条、根 {root} 签名（{file}）；数据库有 {stored} 条，"
    "该处的根为 {found}。不再签发：请恢复更新的备份，或另立新日志。",
)
LOST = declare(
    "audit.folder_lost",
    en="Log {log} was published with {published} leaves; its folder {folder} has {found}. Nothing is signed"
    " or published: mount the folder, or put a copy of it there. If none is left, `hesuan hub rebuild-log"
    ' {log} "…" --as NAME` writes it anew from the database.',
    zh="日志 {log} 已公布 {published} 条；其目录 {folder} 仅有 {found} 条。不再签发或公布：请挂载该目录，"
    '或放回其副本。如已无副本，`hesuan hub rebuild-log {log} "…" --as 登录名` 可自数据库重新写出。',
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


def shown_size(log: str = signing.PLATFORM) -> int:
    """Leaves that stood in the folder once, as the database remembers; 0 before the first."""
    shown = Publication.objects.filter(checkpoint__log_id=log).order_by("-checkpoint__size")
    return shown.values_list("checkpoint__size", flat=True).first() or 0


def refuse_behind(log: str = signing.PLATFORM) -> None:
    """Whether the database still has all that was published, and all that its key has signed.

    Raises:
        Refused: ``audit.behind_the_published_log``, ``audit.behind_the_key``.
    """
    # Folder and mark first: what another worker signs meanwhile is in the database before it is in either.
    published, (signed, root) = published_size(log), signing.mark(log)
    newest = latest_checkpoint(log)
    stored = newest.size if newest else 0
    if published > stored:
        raise Refused(BEHIND, log=log, published=published, stored=stored, last=published - 1)
    there = Checkpoint.objects.filter(log_id=log, size=signed).first()
    found = bytes(there.root) if there else b""
    if found != root:
        raise Refused(
            BEHIND_KEY,
            log=log,
            signed=signed,
            root=root.hex(),
            file=str(signing.mark_file(log)),
            stored=stored,
            found=found.hex() or "–",
        )


def refuse_lost(log: str = signing.PLATFORM) -> None:
    """Whether the folder still has all that stood in it: one that is not mounted looks like a new one.

    With the folder gone nobody here could tell whether the database was restored too far back, so
    nothing is signed until somebody has looked.

    Raises:
        Refused: ``audit.folder_lost``.
    """
    shown, found = shown_size(log), published_size(log)
    if found < shown:
        raise Refused(LOST, log=log, published=shown, folder=str(folder(log)), found=found)


def publish(log: str = signing.PLATFORM) -> int:
    """Writes the log's files up to the newest checkpoint; safe to call at any time, by any number.

    Returns:
        1 when something was published, else 0.

    Raises:
        Refused: ``audit.behind_the_published_log``, ``audit.behind_the_key``, ``audit.folder_lost``,
            ``folder.differs``, ``folder.not_this_checkpoint``.
    """
    if latest_checkpoint(log) is None:
        return 0
    refuse_lost(log)
    return _bring_up_to_date(log)


def rebuild(log: str) -> int:
    """Publishes although the folder has less than was published: somebody has looked, and says so.

    What is written is what was signed, byte for byte. A folder that is spoilt is moved away first.

    Returns:
        Leaves published now.

    Raises:
        Refused: whatever keeps :func:`publish` from writing, but a lost folder.
    """
    _bring_up_to_date(log)
    return published_size(log)


def _bring_up_to_date(log: str) -> int:
    with _only_writer(folder(log)) as alone:
        # Read only now: another worker may have published a later checkpoint while this one waited.
        newest = latest_checkpoint(log)
        if not alone or newest is None:
            return 0
        note = published_note(newest)
        if read_note(Disk(folder(log))) == note:
            _remember(newest)
            return 0
        refuse_behind(log)
        writer = Writer(folder(log))
        for size in _signed_sizes(newest, writer.size):
            writer.append(_leaves(log, writer.size, size))
        _write_key(log)
        writer.publish(note)
        _remember(newest)
    return 1


def _signed_sizes(newest: Checkpoint, after: int) -> list[int]:
    """Every size signed since: a log serves the partial tiles of each (C2SP tlog-tiles)."""
    signed = Checkpoint.objects.filter(log_id=newest.log_id, size__gt=after, size__lte=newest.size)
    return list(signed.order_by("size").values_list("size", flat=True))


def _remember(newest: Checkpoint) -> None:
    """Only once it stands there: a process killed before is no lost folder. It is caught up with later."""
    Publication.objects.get_or_create(checkpoint=newest, defaults={"at": timezone.now()})


def _leaves(log: str, first: int, end: int) -> Iterator[bytes]:
    for start in range(first, end, CHUNK):
        rows = Fact.objects.filter(log=log, leaf_index__gte=start, leaf_index__lt=min(start + CHUNK, end))
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
