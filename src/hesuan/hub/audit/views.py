"""The public log over HTTP, as static files: what lies in the published folder, and nothing else.

``/log/…`` is the platform's log; ``/hesuan/<log>/…`` is each log at the address that its origin names. No
login and no language: they are read by programs, witnesses and auditors' scripts. A web server in front may
serve the same folder itself.
"""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from hesuan.errors import NotFound
from hesuan.hub.audit import public, publishing, signing

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
LINES = "application/x-ndjson"
FRESH = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
_INDEX = re.compile(r"[0-9]{1,15}")


@require_safe
def file(request: HttpRequest, path: str, log: str = signing.PLATFORM) -> HttpResponse:  # noqa: ARG001
    """One file of a log, as C2SP tlog-tiles names it."""
    content = publishing.file(path, log)
    if content is None:
        return _file("no such file\n", TEXT, status=404)
    if path.startswith("tile/"):
        return _file(content, BYTES, keep=FOR_EVER)
    return _file(content, TEXT)


@require_safe
def tile(request: HttpRequest, tile: str) -> HttpResponse:
    """A tile or bundle of the platform's log."""
    return file(request, f"tile/{tile}")


@require_safe
def key(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a file for everybody
    return _file(f"{public.key()}\n", TEXT)


@require_safe
def policy(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a file for everybody
    return _file(public.policy(), TEXT)


@require_safe
def leaf(request: HttpRequest, index: int) -> HttpResponse:  # noqa: ARG001 - a file for everybody
    """One leaf of the platform's log, exactly as hashed: what ``hesuan verify --leaf`` reads."""
    try:
        return _file(public.leaf(index), "application/json", keep=FOR_EVER)
    except NotFound as error:
        return _file(f"{error}\n", TEXT, status=404)


@require_safe
def proof(request: HttpRequest, index: int) -> HttpResponse:  # noqa: ARG001 - a file for everybody
    """The proof of one leaf of the platform's log, as C2SP tlog-proof writes it."""
    try:
        response = _file(public.proof(index), TEXT)
    except NotFound as error:
        return _file(f"{error}\n", TEXT, status=404)
    response["Content-Disposition"] = f'attachment; filename="leaf-{index}.tlog-proof"'
    return response


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


def _file(content: str | bytes, kind: str, status: int = 200, keep: str = FRESH) -> HttpResponse:
    response = HttpResponse(content, content_type=kind, status=status)
    response["Cache-Control"] = keep
    return response
