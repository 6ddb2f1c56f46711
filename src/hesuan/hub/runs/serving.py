"""A run's file as an answer: piece by piece, so that a large one does not stand in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from hesuan.hub.runs.output_selectors import Download


def attachment(request: HttpRequest, found: Download) -> StreamingHttpResponse:
    """A file to be saved; for API and console."""
    chunks = _from_a_thread(found) if isinstance(request, ASGIRequest) else found.chunks()
    return StreamingHttpResponse(chunks, headers=found.headers)


async def _from_a_thread(found: Download) -> AsyncIterator[bytes]:
    """What a server of ours iterates; given a plain iterator, Django would read all of it at once."""
    chunks = found.chunks()
    while (chunk := await sync_to_async(lambda: next(chunks, None))()) is not None:
        yield chunk
