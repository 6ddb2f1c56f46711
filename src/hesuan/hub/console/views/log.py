"""Audit: the public log, its newest checkpoint, its key, and its leaves page by page."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hesuan.errors import NotFound, declare
from hesuan.hub.audit import public as published
from hesuan.hub.audit import selectors
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import selectors as centres
from hesuan.hub.console.access import public
from hesuan.hub.identity.actors import Actor
from hesuan.wire.canonical import Json

LOG = "platform"
PAGE = 25
"""Leaves on one page."""
FRAME = ("v", "kind", "subject", "at")

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
    at: str
    members: dict[str, Json]


@public
def page(request: HttpRequest, actor: Actor) -> HttpResponse:  # noqa: ARG001 - public
    checkpoint = selectors.latest_checkpoint()
    size = checkpoint.size if checkpoint else 0
    first = _first(request.GET.get("from", ""), size)
    shown = selectors.sequenced(LOG, range(first, min(first + PAGE, size)))
    context = {
        "checkpoint": checkpoint,
        "root": bytes(checkpoint.root).hex() if checkpoint else "",
        "key": selectors.log_key(),
        "witnessing": selectors.witnessing(),
        "logs": _logs(),
        "totals": _totals(request.LANGUAGE_CODE),
        "address": request.build_absolute_uri("/log/"),
        "leaves": [leaf(fact) for fact in reversed(shown)],
        "older": max(0, first - PAGE) if first > 0 else None,
        "newer": first + PAGE if first + PAGE < size else None,
    }
    return render(request, "console/log.html", context)


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


def leaf(fact: Fact) -> Leaf:
    """A sequenced fact as its public leaf says it."""
    said: dict[str, Json] = json.loads(bytes(fact.leaf))
    index = fact.leaf_index
    assert index is not None
    members = {name: value for name, value in said.items() if name not in FRAME}
    return Leaf(index, str(said["kind"]), str(said["subject"]), str(said["at"]), members)
