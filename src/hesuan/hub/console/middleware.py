"""What the console puts around its views: a content security policy, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from hesuan.errors import Faults, HesuanError
from hesuan.hub.console.views.pages import error_page

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

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """An error page for a console view's error; ``None`` leaves it to Django."""
        match = request.resolver_match
        single_sign_on = match is not None and str(match.url_name).startswith("openid_connect")
        if match is None or not ("console" in match.app_names or single_sign_on):
            return None
        if isinstance(exception, HesuanError | Faults):
            return error_page(request, exception)
        return None
