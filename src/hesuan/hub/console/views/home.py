"""The first page: what this is, for everybody; what waits for you, once you have signed in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hesuan.hub.console.access import public
from hesuan.hub.identity.actors import Actor


@public
def page(request: HttpRequest, actor: Actor, **kwargs: Any) -> HttpResponse:  # noqa: ARG001 - a page's signature
    return render(request, "console/home.html", {})
