"""Reads of the files room: files, published applications, and the pieces that a centre fetches."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from hesuan.errors import NotFound, declare
from hesuan.hub.files import store
from hesuan.hub.files.models import App, File, Use
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import visible_to

NO_FILE = declare(
    "file.not_found",
    en="There is no file {file} that you may see.",
    zh="没有您可以查看的文件 {file}。",
)
NO_APP = declare(
    "app.not_found",
    en="There is no published application {app}.",
    zh="没有已发布的应用 {app}。",
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


def apps() -> list[App]:
    """The published applications, newest first; everybody may know of them."""
    return list(App.objects.filter(withdrawn_at=None).order_by("-published_at", "-id"))


def app(app_id: str) -> App:
    """One published application.

    Raises:
        NotFound: ``app.not_found``; of a withdrawn one too.
    """
    found = App.objects.filter(pk=app_id, withdrawn_at=None).first()
    if found is None:
        raise NotFound(NO_APP, app=app_id)
    return found


def app_of(digest: str) -> App | None:
    """The application that has a digest, withdrawn or not: what was ordered before can be fetched after."""
    return App.objects.filter(digest=digest).order_by("-published_at").first()


def piece_of_app(app: App, sha256: str, offset: int, limit: int) -> tuple[bytes, int] | None:
    """A piece of one of an application's files, and the file's size; ``None``: it has no such file, or its
    content was removed since it was withdrawn."""
    sizes = {one["sha256"]: int(one["size_bytes"]) for one in app.files}
    if sha256 not in sizes:
        return None
    found = store.piece(app.organisation_id, sha256, offset, limit)
    return None if found is None else (found, sizes[sha256])
