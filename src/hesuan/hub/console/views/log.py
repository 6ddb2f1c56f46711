"""Audit: the public log, its newest checkpoint, its key, and its leaves page by page."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers

from hesuan.errors import Faults, HesuanError, NotFound, declare
from hesuan.hub.audit import public as published
from hesuan.hub.audit import selectors
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import selectors as centres
from hesuan.hub.console import faults, logdesk
from hesuan.hub.console.access import public
from hesuan.hub.console.deeds import drawn, need_sure
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity.actors import Actor
from hesuan.wire.canonical import Json

LOG = "platform"
PAGE = 25
"""Leaves on one page."""
FRAME = ("v", "kind", "subject", "at", "p", "k", "s", "t")
"""Members that have a column of their own, of both versions of a leaf."""
NOTICES = 20
"""Incidents and restores on the page, the newest of all logs."""

NO_LEAF = declare(
    "console.no_such_leaf",
    en="The log has {size} leaves, numbered from 0; `{asked}` is none of them.",
    zh="日志共有 {size} 个叶节点，编号从 0 开始；“{asked}”不在其中。",
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf as a line of the page."""

    index: int
    kind: str
    subject: str
    """Of a leaf of version 1; what a later one is about stands behind its salt."""
    at: str
    members: dict[str, Json]


@public
def page(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The log for everybody; administrators put incidents on record here."""
    error: HesuanError | Faults | None = None
    if request.method == "POST":
        if not actor.identity_id:
            return redirect_to_login(request.path)
        try:
            _act(request, actor)
            return redirect("console:log")
        except NotFound:
            raise
        except (HesuanError, Faults) as refused:
            error = refused
    status = faults.status(error) if error else 200
    answer = render(request, "console/log.html", _about(request, actor, error), status=status)
    if actor.identity_id:
        add_never_cache_headers(answer)
    return answer


def _act(request: HttpRequest, actor: Actor) -> None:
    sent = request.POST.dict()
    need_sure(sent, logdesk.FINAL)
    if not logdesk.act(actor, sent):
        raise NotFound(NO_PAGE, path=request.path)


def _about(request: HttpRequest, actor: Actor, error: HesuanError | Faults | None) -> dict[str, object]:
    checkpoint = selectors.latest_checkpoint()
    size = checkpoint.size if checkpoint else 0
    first = _first(request.GET.get("from", ""), size)
    shown = selectors.sequenced(LOG, range(first, min(first + PAGE, size)))
    deeds = logdesk.deeds(actor)
    done = drawn(deeds, request.POST.dict(), error)
    return {
        "checkpoint": checkpoint,
        "root": bytes(checkpoint.root).hex() if checkpoint else "",
        "key": selectors.log_key(),
        "witnessing": selectors.witnessing(),
        "logs": _logs(),
        "deeds": done.plain,
        "faults": done.faults,
        "waiting": [_waiting(fact) for fact in selectors.waiting_notices()] if deeds else [],
        "notices": [(fact.log, leaf(fact)) for fact in selectors.notices(NOTICES)],
        "totals": _totals(request.LANGUAGE_CODE),
        "address": request.build_absolute_uri("/log/"),
        "leaves": [leaf(fact) for fact in reversed(shown)],
        "older": max(0, first - PAGE) if first > 0 else None,
        "newer": first + PAGE if first + PAGE < size else None,
    }


@public
def trust(_request: HttpRequest, _actor: Actor) -> HttpResponse:
    """The keys as this hub publishes them, in the form that ``hesuan verify --trust`` reads."""
    content = json.dumps(published.trust(centres.site_keys()), indent=2) + "\n"
    headers = {"Content-Disposition": 'attachment; filename="trust.json"'}
    return HttpResponse(content, content_type="application/json", headers=headers)


def _logs() -> list[tuple[str, str, int]]:
    """``(name, address, leaves)`` of every log."""
    return [(log, f"/hesuan/{log}/checkpoint", published.size(log)) for log in selectors.logs()]


def _totals(language: str) -> list[str] | None:
    """The sums of the platform's log as sentences; ``None`` when it is too long for a page."""
    found = published.totals()
    chinese = language.startswith("zh")
    return None if found is None else [zh if chinese else en for en, zh in found.lines()]


def _first(asked: str, size: int) -> int:
    """The first leaf to show: the asked one, or the last page."""
    if not asked:
        return max(0, size - PAGE)
    if not asked.isascii() or not asked.isdigit() or len(asked) > 15 or int(asked) >= max(size, 1):
        raise NotFound(NO_LEAF, size=size, asked=asked)
    return int(asked)


def _waiting(fact: Fact) -> dict[str, object]:
    """An incident or restore that has no place in its log yet: who wrote it sees that it was recorded."""
    return {"log": fact.log, "kind": fact.kind, "at": fact.at, "what": json.loads(fact.logged)["what"]}


def leaf(fact: Fact) -> Leaf:
    """A sequenced fact as its public leaf says it."""
    said: dict[str, Json] = json.loads(fact.logged)
    index = fact.leaf_index
    assert index is not None
    members = {name: value for name, value in said.items() if name not in FRAME}
    kind, at = said.get("kind") or said["k"], said.get("at") or said["t"]
    # An entry (version 2) names no subject: what it speaks of is known to whoever holds its salt.
    return Leaf(index, str(kind), str(said.get("subject", "")), str(at), members)
