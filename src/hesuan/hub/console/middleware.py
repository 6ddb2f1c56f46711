"""What the console puts around its views: a content security policy, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.hub.console import fields
from hesuan.hub.console.views.pages import error_page

NOT_TEXT = declare(
    "console.not_text",
    en="A text holds the character U+0000, which cannot be kept. Take it out.",
    zh="文本含有无法保存的字符 U+0000。请删去。",
)
GetResponse = Callable[[HttpRequest], HttpResponse]


def policy(oidc_issuer: str = "") -> str:
    """The Content-Security-Policy of every answer: this host and nothing else.

    No inline script, no inline style, no frame, no plug-in. The sign-in form may lead to the configured
    OpenID Connect issuer, because browsers apply ``form-action`` to the redirect as well.
    """
    issuer = urlsplit(oidc_issuer)
    forms = f"'self' {issuer.scheme}://{issuer.netloc}" if issuer.netloc else "'self'"
    return (
        f"default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action {forms}"
    )


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every answer that has none of its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.policy = policy(settings.ENVIRONMENT.oidc_issuer)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        return response


class ErrorPageMiddleware:
    """Turns Hesuan's errors from console views into pages; the API and the gateway answer for themselves."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: object, _words: object, named: dict[str, Any]
    ) -> HttpResponse | None:
        """What no page reads is refused before the view sees it: a character that no database keeps, and a
        field that the page's form does not know."""
        match = request.resolver_match
        page = str(match.url_name) if match else ""
        if match is None or not fields.judged(page, match.app_names):
            return None
        sent = [*named.items(), *_texts(request.GET), *_texts(request.POST)]
        wrong = [InputFault(NOT_TEXT, where=_shown(name)) for name, text in sent if "\0" in f"{name}{text}"]
        if not wrong:
            wrong = fields.unknown(page, [*request.POST, *request.FILES])
        return error_page(request, Faults(wrong)) if wrong else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """An error page for a console view's error; ``None`` leaves it to Django."""
        match = request.resolver_match
        single_sign_on = match is not None and str(match.url_name).startswith("openid_connect")
        if match is None or not ("console" in match.app_names or single_sign_on):
            return None
        if isinstance(exception, HesuanError | Faults):
            return error_page(request, exception)
        return None


def _texts(sent: QueryDict) -> Iterator[tuple[str, str]]:
    return ((str(name), str(text)) for name, texts in sent.lists() for text in texts)


def _shown(name: str) -> str:
    return name.replace("\0", "U+0000")[:100]
