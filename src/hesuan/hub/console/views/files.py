"""Input files of runs: which are here, sending one, removing one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hesuan.errors import Faults, HesuanError, NotFound
from hesuan.hub.console import faults, filedesk
from hesuan.hub.console.access import signed_in
from hesuan.hub.console.deeds import Deed, drawn, need_sure
from hesuan.hub.console.paging import page_of
from hesuan.hub.console.views.market import buyers
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.files import selectors, services
from hesuan.hub.files.models import File
from hesuan.hub.identity.actors import Actor
from hesuan.wire.ids import new_id


@signed_in
def files(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The files one may see, newest first; who may ask for quotes may send and remove them."""
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        try:
            _act(request, actor)
            return redirect("console:files")
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    status = faults.status(error) if error else 200
    return render(request, "console/files.html", _about(request, actor, error), status=status)


def _act(request: HttpRequest, actor: Actor) -> None:
    sent = request.POST.dict()
    need_sure(sent, filedesk.FINAL)
    if sent.get("verb") == "add":
        filedesk.add(actor, sent, request.FILES.get("file"), buyers(actor))
    elif sent.get("verb") == "remove":
        services.remove(actor=actor, file_id=sent.get("on", ""))
    else:
        raise NotFound(NO_PAGE, path=request.path)


def _about(request: HttpRequest, actor: Actor, error: HesuanError | Faults | None) -> dict[str, Any]:
    senders = buyers(actor)
    mine = {one.id for one in senders}
    page = page_of(request, selectors.files(actor))
    removable = [row for row in page.rows if row.organisation_id in mine]
    deeds = [filedesk.remove_deed(row) for row in removable]
    if senders:
        deeds.append(filedesk.send_deed(senders))
    done = drawn(deeds, request.POST.dict(), error)
    rows = [_row(row, done.of(row.id)) for row in page.rows]
    return {
        "rows": rows,
        "page": page,
        "deeds": [_fresh(one) for one in done.plain],
        "faults": done.faults,
        "page_bytes": filedesk.most_bytes(),
        "most_bytes": settings.FILE_BYTES,
    }


def _row(row: File, deeds: list[Deed]) -> dict[str, Any]:
    return {"file": row, "deeds": deeds, "here": selectors.stands(row)}


def _fresh(deed: Deed) -> Deed:
    """A browser does not keep a chosen file: what is chosen next is another file, with an id of its own."""
    return replace(deed, id=new_id())
