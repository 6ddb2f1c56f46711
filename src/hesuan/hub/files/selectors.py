"""Reads of the files room: an organisation's files, and the pieces a centre fetches for its runs."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from hesuan.errors import NotFound, declare
from hesuan.hub.files import store
from hesuan.hub.files.models import File, Use
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import visible_to

NO_FILE = declare(
    "file.not_found",
    en="There is no file {file} that you may see.",
    zh="没有您可以查看的文件 {file}。",
)
MOST_PIECE_BYTES = 4 * 1024 * 1024
"""The largest piece that travels at once, either way [byte]."""


def visible(actor: Actor) -> QuerySet[File]:
    """The files that somebody may know of, removed ones left out."""
    return File.objects.filter(visible_to(actor), removed_at=None)


def files(actor: Actor) -> list[File]:
    """The files that somebody may know of, newest first."""
    return list(visible(actor).order_by("-created_at", "-id"))


def file(actor: Actor, file_id: str) -> File:
    """One file.

    Raises:
        NotFound: ``file.not_found``, for strangers too.
    """
    found = visible(actor).filter(pk=file_id).first()
    if found is None:
        raise NotFound(NO_FILE, file=file_id)
    return found


def stands(row: File) -> int:
    """Where the next piece of a file begins [byte]. The disk may hold less than was counted, such as after a
    restored backup: then that is the place."""
    if row.completed_at is not None:
        return row.size_bytes
    return min(row.received_bytes, store.received(row.organisation_id, row.id))


def complete(organisation_id: str, file_ids: Iterable[str]) -> dict[str, File]:
    """Those of some files that are an organisation's own and wholly here, by id."""
    rows = File.objects.filter(
        organisation_id=organisation_id, pk__in=set(file_ids), removed_at=None, completed_at__isnull=False
    )
    return {row.id: row for row in rows}


def piece_for_run(run_id: str, sha256: str, offset: int, limit: int) -> tuple[bytes, int] | None:
    """A piece of a file that an open run needs, and the file's size; ``None``: it needs no such file."""
    use = Use.objects.filter(run=run_id, ended_at=None, file__sha256=sha256).select_related("file").first()
    if use is None or use.file.completed_at is None:
        return None
    found = store.piece(use.file.organisation_id, sha256, offset, limit)
    return None if found is None else (found, use.file.size_bytes)
