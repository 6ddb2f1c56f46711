"""Whoever can move public money signs in with a second factor, where the installation demands it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from hesuan.errors import Refused
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import require_second_factor

OPEN_PATHS = ("/accounts/", "/static/", "/i18n/", "/log/")
"""Where one sets up the second factor, and what is public anyway."""


class SecondFactorMiddleware:
    """Sends such a person to the page that sets up a one-time password; programs get a 403 problem.

    A password alone opens a session for somebody whose role came later or who never set one up; until they
    do, that session reaches nothing but the account pages. Bearer tokens are asked the same question by
    ``services.authenticate_token``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self._asks(request) and isinstance(request.user, Identity):
            try:
                require_second_factor(request.user)
            except Refused as refused:
                return _answer(request, refused)
        return self.get_response(request)

    @staticmethod
    def _asks(request: HttpRequest) -> bool:
        return bool(settings.REQUIRE_MFA) and not request.path.startswith(OPEN_PATHS)


def _answer(request: HttpRequest, refused: Refused) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return redirect(reverse("mfa_activate_totp"))
    problem = {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": refused.code.name,
        "detail": refused.sentence(request.headers.get("Accept-Language", "en")),
    }
    return JsonResponse(problem, status=403, content_type="application/problem+json")
