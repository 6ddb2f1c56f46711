"""Documents: sent as they are, kept by their hash, given back as attachments and in no other way."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Shape, Time
from hesuan.hub.registry import file_types, selectors, services
from hesuan.hub.registry.models import Document

router = Router()

FileName = Annotated[
    str, Query(max_length=file_types.LONGEST_NAME * 4, description="what the file is called")
]
_CHUNK_BYTES = 64 * 1024
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_ANY_KIND = {one.media_type: _BYTES for one in file_types.TYPES}


class DocumentShape(Shape):
    """An uploaded file; its bytes are at `/documents/{id}/content`."""

    id: str
    organisation: str
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    uploaded_at: Time


@router.post(
    "/organisations/{organisation_id}/documents",
    response={201: DocumentShape},
    openapi_extra={"requestBody": {"required": True, "content": _ANY_KIND}},
)
def upload_document(request: HttpRequest, organisation_id: str, file_name: FileName) -> HttpResponse:
    """Keeps a file (PDF, OFD, PNG, JPEG, XLSX, CSV): it is the body, and `Content-Type` says what it is."""
    actor = actor_of(request)
    services.may_upload(actor, organisation_id)
    content = _read(request, settings.UPLOAD_MAX_BYTES + 1)

    def work(document_id: str) -> DocumentShape:
        return _document(
            services.upload(
                actor=actor,
                organisation_id=organisation_id,
                file_name=file_name,
                media_type=request.headers.get("Content-Type", ""),
                content=content,
                document_id=document_id,
            )
        )

    return once(request, work, content=f"{file_name}\n{hashlib.sha256(content).hexdigest()}")


@router.get("/organisations/{organisation_id}/documents", response=Page[DocumentShape])
def list_documents(
    request: HttpRequest, organisation_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[DocumentShape]:
    """An organisation's documents that one may see, newest first."""
    rows = selectors.documents(actor_of(request), organisation_id)
    return page(rows, _document, limit=limit, cursor=cursor)


@router.get("/documents/{document_id}", response=DocumentShape)
def get_document(request: HttpRequest, document_id: str) -> DocumentShape:
    """One document, without its bytes."""
    return _document(selectors.document(actor_of(request), document_id))


@router.get(
    "/documents/{document_id}/content",
    openapi_extra={"responses": {200: {"description": "The file, as an attachment", "content": _ANY_KIND}}},
)
def download_document(request: HttpRequest, document_id: str) -> HttpResponse:
    """The file itself, to be saved: an attachment that no browser shows or runs."""
    found = selectors.download(actor_of(request), document_id)
    return HttpResponse(found.content, headers=found.headers)


def _read(request: HttpRequest, most: int) -> bytes:
    """At most so many bytes of the body; the rest is not read."""
    parts, left = [], most
    while left and (part := request.read(min(left, _CHUNK_BYTES))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _document(row: Document) -> DocumentShape:
    return DocumentShape(
        id=row.id,
        organisation=row.organisation_id,
        file_name=row.file_name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        uploaded_at=row.uploaded_at,
    )
