"""The door where a network address that asks too often waits; pages, API, gateway and log alike."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from hesuan.errors import Refused
from hesuan.hub.api import problems
from hesuan.hub.identity import limits

PROGRAMS = ("/api/", "/gateway/", "/log/")
"""Addresses that programs ask, which are answered by a problem document."""


class AddressRateMiddleware:
    """Answers 429 with ``Retry-After``, before anybody asks who it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            limits.admit("address", [limits.network_of(request.META.get("REMOTE_ADDR", ""))])
        except Refused as refused:
            return too_often(request, refused)
        return self.get_response(request)


def too_often(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The answer to somebody over the rate."""
    if request.path.startswith(PROGRAMS):
        return problems.response(refused, request)
    answer = HttpResponse(
        f"{refused.sentence('zh')}\n{refused.sentence('en')}\n",
        status=429,
        content_type="text/plain; charset=utf-8",
    )
    answer["Retry-After"] = str(refused.facts["retry_after_s"])
    return answer
