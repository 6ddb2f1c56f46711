"""Holds the place of a page until its room has landed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from hesuan.errors import NotFound
from hesuan.hub.console.access import public
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity.actors import Actor


@public
def page(request: HttpRequest, actor: Actor, **kwargs: Any) -> HttpResponse:  # noqa: ARG001 - a page's signature
    raise NotFound(NO_PAGE, path=request.path)
