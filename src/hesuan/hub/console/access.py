"""Who looks: from a request to the actor that every selector and service takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import actor_of

VISITOR = Actor(identity_id="", name="")
"""Somebody who has not signed in: sees what is public."""

_SLOT = "_hesuan_actor"

Page = Callable[..., HttpResponse]
"""``page(request, actor, **parts of the address)``."""


def actor_for(request: HttpRequest) -> Actor:
    """The actor behind a request, read once per request; ``VISITOR`` when nobody has signed in."""
    known = getattr(request, _SLOT, None)
    if known is None:
        user = getattr(request, "user", None)
        signed_in = user is not None and user.is_authenticated
        known = actor_of(cast(Identity, user)) if signed_in else VISITOR
        setattr(request, _SLOT, known)
    return cast(Actor, known)


def public(page: Page) -> Page:
    """A page for everybody; the actor decides how much of it."""

    @wraps(page)
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return page(request, actor_for(request), **kwargs)

    return view


def signed_in(page: Page) -> Page:
    """A page for people who have signed in; others are sent to the login page and back. Never cached."""
    return never_cache(login_required(public(page)))
