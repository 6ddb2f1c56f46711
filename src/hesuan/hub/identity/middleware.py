"""Whoever moves public money or administers uses a second factor, where the installation demands it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import second_factor_missing
from hesuan.hub.identity.single_sign_on import SECOND_FACTOR

OPEN_PATHS = ("/accounts/", "/api/", "/gateway/", "/language/", "/log/", "/static/")
"""Where one sets up the second factor; what is public anyway; and the API, which asks for itself."""


class SecondFactorMiddleware:
    """Sends a person whose role demands a second factor to the page that sets one up.

    A password alone opens a session for somebody whose role came later or who never set one up; until they
    do, that session reaches the account pages and what is public. The API asks the same question of sessions,
    and ``services.authenticate_token`` of bearer tokens.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            settings.REQUIRE_MFA
            and not request.path.startswith(OPEN_PATHS)
            and isinstance(request.user, Identity)
            and second_factor_missing(request.user, request.session.get(SECOND_FACTOR, ""))
        ):
            return redirect("mfa_activate_totp")
        return self.get_response(request)
