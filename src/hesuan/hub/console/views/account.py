"""The account page: who one is here, in which organisations, in which roles."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hesuan.hub.console.access import signed_in
from hesuan.hub.identity import selectors
from hesuan.hub.identity.actors import Actor


@signed_in
def page(request: HttpRequest, actor: Actor, **kwargs: Any) -> HttpResponse:  # noqa: ARG001 - a page's signature
    return render(request, "console/account.html", {"memberships": selectors.organisations(actor)})
