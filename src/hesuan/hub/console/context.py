"""What every page is given: the actor, the navigation, and the page's own address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from hesuan.hub.console.access import actor_for
from hesuan.hub.console.navigation import groups


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of the frame around each page.

    ``here`` is the address that the language switch comes back to; every page answers GET at the address
    it posts to, so this holds after a refused form as well.
    """
    actor = actor_for(request)
    return {
        "actor": actor,
        "navigation": groups(actor),
        "segment": request.path.strip("/").split("/")[0],
        "here": request.get_full_path(),
        "signup_open": settings.SIGNUP_OPEN,
    }
