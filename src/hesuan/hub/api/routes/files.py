"""Input files of runs: begun with their digest, sent in pieces, named by work orders."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Id, Shape, Time
from hesuan.hub.files import selectors, services
from hesuan.hub.files.models import File

router = Router()

Offset = Annotated[int, Query(ge=0, description="where the piece begins: the file's `received_bytes`")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_PIECE: dict[str, Any] = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
_CHUNK_BYTES = 64 * 1024


class InputFileShape(Shape):
    """A file for runs; the next piece begins at `received_bytes`. Work orders may name it once `complete`."""

    id: str
    organisation: str
    name: str
    size_bytes: int
    sha256: str
    received_bytes: int
    complete: bool
    created_at: Time
    completed_at: Time | None


class NewInputFile(Body):
    """What will be sent: how long it is and what it hashes to (64 hexadecimal digits in lower case)."""

    organisation: Id
    name: str
    size_bytes: int
    sha256: Sha256


@router.get("/files", response=Page[InputFileShape])
def list_files(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[InputFileShape]:
    """The files one may see, newest first; removed ones are left out."""
    return page(selectors.files(actor_of(request)), _file, limit=limit, cursor=cursor)


@router.post("/files", response={201: InputFileShape})
def begin_file(request: HttpRequest, body: NewInputFile) -> HttpResponse:
    """Begins a file of one's organisation; its content follows in pieces."""
    actor = actor_of(request)

    def work(file_id: str) -> InputFileShape:
        made = services.begin(
            actor=actor,
            organisation_id=body.organisation,
            name=body.name,
            size_bytes=body.size_bytes,
            sha256=body.sha256,
            file_id=file_id,
        )
        return _file(made)

    return once(request, work)


@router.get("/files/{file_id}", response=InputFileShape)
def get_file(request: HttpRequest, file_id: str) -> InputFileShape:
    """One file: how much of it is here, and whether it is complete."""
    return _file(selectors.file(actor_of(request), file_id))


@router.patch("/files/{file_id}", response=InputFileShape, openapi_extra={"requestBody": _PIECE})
def send_piece(request: HttpRequest, file_id: str, offset: Offset) -> InputFileShape:
    """Takes a piece of at most 4 MiB; at another place, 409 `file.offset_differs` names the right one.

    The last piece completes the file, if its SHA-256 is the one said; else it begins anew.
    """
    actor = actor_of(request)
    services.may_send(actor, file_id)
    content = _read(request, selectors.MOST_PIECE_BYTES + 1)
    return _file(services.append(actor=actor, file_id=file_id, offset=offset, content=content))


@router.delete("/files/{file_id}", response={204: None})
def remove_file(request: HttpRequest, file_id: str) -> HttpResponse:
    """Removes a file that no open run needs."""
    services.remove(actor=actor_of(request), file_id=file_id)
    return HttpResponse(status=204)


def _read(request: HttpRequest, most: int) -> bytes:
    """At most so many bytes of the body; the rest is not read."""
    parts, left = [], most
    while left and (part := request.read(min(left, _CHUNK_BYTES))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _file(row: File) -> InputFileShape:
    return InputFileShape(
        id=row.id,
        organisation=row.organisation_id,
        name=row.name,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        received_bytes=selectors.stands(row),
        complete=row.completed_at is not None,
        created_at=row.created_at,
        completed_at=row.completed_at,
    )
