"""The public log over HTTP, as files: ``/log/checkpoint``, ``/log/key``, ``/log/leaves?from=``.

No login and no language: they are read by programs, witnesses and auditors' scripts.
"""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from hesuan.errors import NotFound
from hesuan.hub.audit import public

TEXT = "text/plain; charset=utf-8"
LINES = "application/x-ndjson"
_INDEX = re.compile(r"[0-9]{1,15}")


@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a file for everybody
    try:
        return _file(public.checkpoint(), TEXT)
    except NotFound as error:
        return _file(f"{error}\n", TEXT, status=404)


@require_safe
def key(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a file for everybody
    return _file(f"{public.key()}\n", TEXT)


@require_safe
def leaves(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("from", "0")
    try:
        if not _INDEX.fullmatch(asked):
            raise NotFound(public.NO_LEAF, size=public.size(), asked=ascii(asked)[:40])
        page = public.leaves(int(asked))
    except NotFound as error:
        return _file(f"{error}\n", TEXT, status=404)
    response = _file(page.lines(), LINES)
    response["Hesuan-Log-Size"] = str(page.size)
    return response


def _file(content: str | bytes, kind: str, status: int = 200) -> HttpResponse:
    response = HttpResponse(content, content_type=kind, status=status)
    response["Cache-Control"] = "no-cache"
    return response
