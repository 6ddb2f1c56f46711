"""What Hesuan asks of an OpenID Connect sign-in beyond allauth: a signed ID token of this very sign-in.

allauth takes an ID token that came straight from the issuer's token address without looking at its signature,
as the standard allows where TLS is sound, and sends no ``nonce``. Here the signature is checked against the
issuer's published keys with algorithms of a fixed list (never ``none``, never one with a shared key), the
times ``exp``, ``nbf`` and ``iat`` must hold, ``nonce`` must be the one this session sent, and the person that
the user address tells of must be the token's. Whether the issuer asked for a second factor is read from
``acr`` and ``amr`` by the operator's words.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
import requests
from allauth.account.internal.decorators import login_not_required
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base.utils import respond_to_login_on_get
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from hesuan.errors import Unavailable, declare

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""With a public key each."""
CLAIMS = ("iss", "aud", "sub", "exp", "iat", "nonce")
LEEWAY_S = 30
"""How far the issuer's clock may be from ours [s]."""
NONCE = "nonce"
SECOND_FACTOR = "hesuan_second_factor_of_the_issuer"
"""Key of the session: the word by which its sign-in counts as one with a second factor."""

ISSUER_AWAY = declare(
    "identity.issuer_away",
    en="Single sign-on is not available: the issuer {issuer} did not answer. Nobody was signed in."
    " Try again in a few minutes, or sign in with a local account.",
    zh="单点登录暂不可用：签发方 {issuer} 未应答。未登录任何人。请几分钟后重试，或使用本地账号登录。",
)

log = logging.getLogger(__name__)


class Login(OAuth2LoginView):  # type: ignore[misc]
    """Sends the person to the issuer, with a ``nonce`` that the session keeps beside ``state``."""

    def dispatch(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """allauth's own, and the nonce."""
        provider = self.get_provider()
        if page := respond_to_login_on_get(request, provider):
            return page  # type: ignore[no-any-return]
        nonce = secrets.token_urlsafe(24)
        asked = provider.get_redirect_from_request_kwargs(request)
        asked["auth_params"] = {**asked["auth_params"], NONCE: nonce, **_acr_values()}
        return provider.redirect(request, **{NONCE: nonce}, **asked)  # type: ignore[no-any-return]


class Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """allauth's, with an ID token that is looked at; see the module."""

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        """Allauth's hook: the person, from the token and the user address together."""
        if not isinstance(kwargs["response"].get("id_token"), str):
            raise OAuth2Error("the issuer sent no ID token")
        login = super().complete_login(request, app, token, **kwargs)
        told = login.account.extra_data
        if told["userinfo"].get("sub") != told["id_token"]["sub"]:
            raise OAuth2Error("the user address tells of somebody else than the ID token")
        return login

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """Allauth's hook: the claims of a token that holds."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
            keys = answer.json()
        claims = checked(id_token, keys, issuer=self.openid_config["issuer"], client_id=app.client_id)
        jwtkit.verify_jti(claims)
        return claims


def checked(id_token: str, keys: Any, *, issuer: str, client_id: str) -> dict[str, Any]:
    """The claims of an ID token that one of the issuer's keys signed, for this client and now.

    Raises:
        OAuth2Error: With what does not hold.
    """
    try:
        header = jwt.get_unverified_header(id_token)
        if header["alg"] not in ALGORITHMS:
            raise OAuth2Error(f"an ID token signed with {str(header['alg'])[:20]!a} is not taken")
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key=_key(header, keys),
            algorithms=[header["alg"]],
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY_S,
            options={"require": list(CLAIMS)},
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise OAuth2Error(f"the ID token does not hold: {type(error).__name__}") from error
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise OAuth2Error("the ID token is for several clients and was not asked for by this one")
    return claims


def _key(header: Mapping[str, Any], keys: Any) -> Any:
    """The published key that a token names, or the only one there is."""
    fitting = [one for one in keys["keys"] if one.get("use", "sig") == "sig" and one.get("kty") != "oct"]
    if "kid" in header:
        fitting = [one for one in fitting if one.get("kid") == header["kid"]]
    if len(fitting) != 1 or fitting[0].get("alg", header["alg"]) != header["alg"]:
        raise OAuth2Error("no published key is the one that the ID token names")
    return jwt.PyJWK(fitting[0], algorithm=header["alg"]).key


def require_own_nonce(login: SocialLogin) -> None:
    """A token made for another sign-in is nobody's here.

    Raises:
        OAuth2Error: The token's ``nonce`` is not the one that this session sent.
    """
    sent = str(login.state.get(NONCE, ""))
    came = str(login.account.extra_data["id_token"].get(NONCE, ""))
    if not sent or not hmac.compare_digest(sent.encode(), came.encode()):
        raise OAuth2Error("the ID token was made for another sign-in")


def second_factor_of(claims: Mapping[str, Any], words: tuple[str, ...]) -> str:
    """By which of the operator's words (``acr:…``, ``amr:…``) a token tells of a second factor; or empty."""
    methods = claims.get("amr")
    said = {f"amr:{one}" for one in (methods if isinstance(methods, list) else []) if isinstance(one, str)}
    if isinstance(claims.get("acr"), str):
        said.add(f"acr:{claims['acr']}")
    return next((word for word in words if word in said), "")


def _acr_values() -> dict[str, str]:
    """Asks the issuer for what the operator would take."""
    wanted = [word[4:] for word in settings.ENVIRONMENT.oidc_second_factor if word.startswith("acr:")]
    return {"acr_values": " ".join(wanted)} if wanted else {}


def issuer_away(error: requests.RequestException) -> Unavailable:
    """What a person is told when the issuer cannot be asked; the log has the reason."""
    log.warning("single sign-on: %s", ascii(str(error))[1:-1][:500])
    return Unavailable(ISSUER_AWAY, issuer=settings.ENVIRONMENT.oidc_issuer)


@login_not_required  # type: ignore[untyped-decorator]
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The button.

    Raises:
        Unavailable: ``identity.issuer_away``.
    """
    return _answered(Login, request, provider_id)


@login_not_required  # type: ignore[untyped-decorator]
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The way back.

    Raises:
        Unavailable: ``identity.issuer_away``.
    """
    return _answered(OAuth2CallbackView, request, provider_id)


def _answered(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        return view.adapter_view(Adapter(request, provider_id))(request)  # type: ignore[no-any-return]
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except (requests.RequestException, KeyError) as error:
        raise issuer_away(requests.RequestException(str(error))) from error
