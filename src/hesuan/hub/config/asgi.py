"""The ASGI entry point: ``uvicorn hesuan.hub.config.asgi:application``.

Whoever loads it, by ``hesuan hub serve`` or a server of their own, serves no database that is behind what was
published, and in production none that loses what it wrote: a server that tells of its start (lifespan) does
not start, and one that does not tell answers nothing but 503 until that is mended.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application

from hesuan.errors import HesuanError
from hesuan.hub.identity import sharing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hesuan.hub.config.settings")

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)


class Sound:
    """An application behind the question whether its database has all that was published."""

    def __init__(self, behind: App) -> None:
        self._behind = behind
        self._asked = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif refusal := await self._refusal():
            await _answer(refusal, send)
        else:
            sharing.share()
            await self._behind(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if refusal := await self._refusal():
            await send({"type": "lifespan.startup.failed", "message": refusal})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _refusal(self) -> str:
        """Why nothing is served, in both languages; empty, and asked no more, once the database is sound."""
        if not self._asked:
            if refusal := await sync_to_async(_refusal)():
                log.error("nothing is served: %s", refusal)
                return refusal
            self._asked = True
        return ""


def _refusal() -> str:
    from django.db import DatabaseError, connection

    from hesuan.hub.audit import restoring
    from hesuan.hub.config import server

    try:
        server.require_durable()
        restoring.refuse()
    except HesuanError as error:
        return f"{error} / {error.sentence('zh')}"
    except DatabaseError as error:
        return f"hub.database_unavailable {ascii(str(error).strip())[1:-1][:300]}"
    finally:
        connection.close()
    return ""


async def _answer(refusal: str, send: Send) -> None:
    body = refusal.encode(errors="backslashreplace")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"60")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = Sound(get_asgi_application())
