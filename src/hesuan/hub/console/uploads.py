"""Files that a form brings: kept in memory, and no byte more of them than the largest document has.

Django reads a form before any view can ask who sent it. Its own handlers would write a file of any length to
the disk; this one drops what is beyond the limit and leaves one byte too many, by which the registry knows.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from hesuan.hub.registry import file_types


class BoundedUploadHandler(FileUploadHandler):
    """Keeps at most ``UPLOAD_MAX_BYTES + 1`` bytes of all files of one form together."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.left = settings.UPLOAD_MAX_BYTES + 1
        self.held = BytesIO()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Django's hook: a file begins."""
        super().new_file(*args, **kwargs)
        self.held = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002 - Django's signature
        """Django's hook: a piece of it; ``None`` says that no other handler shall have it."""
        kept = raw_data[: self.left]
        self.left -= len(kept)
        self.held.write(kept)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:  # noqa: ARG002 - Django's signature
        """Django's hook: a file ends."""
        size = self.held.tell()
        self.held.seek(0)
        return InMemoryUploadedFile(
            self.held, self.field_name, self.file_name, self.content_type, size, self.charset
        )


def sent_table(request: HttpRequest) -> tuple[str, bytes]:
    """Name and content of a CSV that a form brings; the registry says whether it is a table at all.

    Raises:
        InputFault, Faults: as :func:`hesuan.hub.registry.file_types.recognise`.
    """
    name, declared, content = sent_file(request)
    name = file_types.normal_name(name)
    file_types.recognise(name, declared=declared, content=content, limit_bytes=settings.UPLOAD_MAX_BYTES)
    return name, content


def sent_file(request: HttpRequest, field: str = "file") -> tuple[str, str, bytes]:
    """Name, declared type and content of a file; empty where none was chosen."""
    found = request.FILES.get(field)
    if found is None:
        return "", "", b""
    return found.name or "", found.content_type or "", found.read()
