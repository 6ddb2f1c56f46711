"""Who asks: a bearer token ``hsn_…``, or the console's session with its CSRF token.

The two never mix: a request that carries a token is judged by the token alone, so that a page somewhere else
cannot lend a signed-in person's session to a forged header.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from hesuan.errors import Refused, declare
from hesuan.hub.flags import calls
from hesuan.hub.identity import limits, row_security, selectors, services
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.rules import token_digest
from hesuan.hub.identity.single_sign_on import SECOND_FACTOR

TOKEN_REFUSED = declare(
    "api.token_refused",
    en="This token is not known here, has expired or was revoked. Make a new one: `hesuan hub token`.",
    zh="令牌无效、已过期或已撤销。请重新生成：`hesuan hub token`。",
)
CSRF_REFUSED = declare(
    "api.csrf_refused",
    en="A signed-in page that changes something must send its CSRF token in `X-CSRFToken`; this one did not.",
    zh="通过登录会话修改数据时，必须在 `X-CSRFToken` 中发送 CSRF 令牌；此请求未发送。",
)


class Bearer(HttpBearer):
    """``Authorization: Bearer hsn_…``."""

    openapi_bearerFormat = "hsn_…"  # noqa: N815 - the name OpenAPI gives it

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        """The actor whose token this is.

        Raises:
            Refused: ``api.token_refused``, ``limit.flooding``, ``limit.rate_exceeded``.
        """
        actor = services.authenticate_token(token)
        if actor is None:
            raise Refused(TOKEN_REFUSED)
        _admit(request, actor, token_digest(token))
        return actor


class Session(APIKeyCookie):
    """The console's session cookie; whatever changes something also needs the CSRF token."""

    param_name = "sessionid"

    def __init__(self) -> None:
        super().__init__(csrf=False)

    def __call__(self, request: HttpRequest) -> Any:
        """The signed-in actor, or ``None``.

        Raises:
            Refused: ``api.csrf_refused``, ``identity.second_factor_missing``, ``limit.flooding``,
                ``limit.rate_exceeded``.
        """
        return None if "Authorization" in request.headers else self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        """See :meth:`__call__`."""
        del key
        if not isinstance(request.user, Identity):
            return None
        if check_csrf(request) is not None:
            raise Refused(CSRF_REFUSED)
        selectors.require_second_factor(request.user, request.session.get(SECOND_FACTOR, ""))
        actor = selectors.actor_of(request.user)
        _admit(request, actor, actor.identity_id)
        return actor


def _admit(request: HttpRequest, actor: Actor, key: str) -> None:
    """One request more of this token (or session) and its organisations, whose rows alone it is shown."""
    calls.note(actor.identity_id, request.method or "")
    limits.admit("token", [key])
    limits.admit("organisation", sorted(actor.organisations()))
    row_security.narrow(request, actor)


def actor_of(request: HttpRequest) -> Actor:
    """The actor that authentication left on the request."""
    actor = getattr(request, "auth", None)
    assert isinstance(actor, Actor), "a route without authentication asked for its actor"
    return actor
