"""Who looks: from a request to the actor that every selector and service takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache

from hesuan.hub.flags import calls
from hesuan.hub.identity import row_security
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import actor_of, sees_everything

VISITOR = Actor(identity_id="", name="")
"""Somebody who has not signed in: sees what is public."""

_SLOT = "_hesuan_actor"

Page = Callable[..., HttpResponseBase]
"""``page(request, actor, **parts of the address)``."""


def actor_for(request: HttpRequest) -> Actor:
    """The actor behind a request, read once per request; ``VISITOR`` when nobody has signed in."""
    known = getattr(request, _SLOT, None)
    if known is None:
        user = getattr(request, "user", None)
        signed_in = user is not None and user.is_authenticated
        known = actor_of(cast(Identity, user)) if signed_in else VISITOR
        setattr(request, _SLOT, known)
        row_security.narrow(request, known)
    return cast(Actor, known)


def is_insider(actor: Actor, organisation_id: str) -> bool:
    """Whether an organisation's quotes and vouchers may be linked for this reader: the centre that runs an
    order sees the order and not what led to it."""
    return sees_everything(actor) or organisation_id in actor.organisations()


def public(page: Page) -> Page:
    """A page for everybody; the actor decides how much of it."""

    @wraps(page)
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        actor = actor_for(request)
        if actor.identity_id:
            calls.note(actor.identity_id, request.method or "")
        return page(request, actor, **kwargs)

    return view


def signed_in(page: Page) -> Page:
    """A page for people who have signed in; others are sent to the login page and back. Never cached.

    A part that a page refreshes by itself is not sent there, which would put a login form into the page:
    the whole page is told to load anew.
    """
    whole = login_required(public(page))

    @wraps(page)
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        return whole(request, **kwargs)

    return never_cache(view)
