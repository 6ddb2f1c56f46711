"""The account page: who one is here, in which organisations, in which roles."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from hesuan.hub.console.access import signed_in
from hesuan.hub.identity import selectors
from hesuan.hub.identity.actors import Actor


@signed_in
def page(request: HttpRequest, actor: Actor) -> HttpResponse:
    rows = [
        {"organisation": one, "roles": sorted(actor.roles[one.id])}
        for one in selectors.organisations(actor)
        if one.id in actor.roles
    ]
    return render(request, "console/account.html", {"memberships": rows})
