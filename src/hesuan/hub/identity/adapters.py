"""What Hesuan asks of allauth beyond its settings."""

from __future__ import annotations

import base64
import logging
from hashlib import sha256
from typing import Any

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from hesuan.hub.identity import fetching, single_sign_on

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Local accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """``HESUAN_SIGNUP`` decides."""
        return bool(settings.SIGNUP_OPEN)

    def post_login(
        self, request: HttpRequest, user: object, *, signal_kwargs: dict[str, Any] | None, **more: Any
    ) -> HttpResponse:
        """Notes in the session whether the issuer says that it asked for a second factor."""
        login = (signal_kwargs or {}).get("sociallogin")
        claims = login.account.extra_data.get("id_token", {}) if login else {}
        word = single_sign_on.second_factor_of(claims, settings.ENVIRONMENT.oidc_second_factor)
        request.session[single_sign_on.SECOND_FACTOR] = word
        answer: HttpResponse = super().post_login(request, user, signal_kwargs=signal_kwargs, **more)
        return answer


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Accounts that an OpenID Connect issuer vouches for."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: object) -> bool:  # noqa: ARG002
        """Whoever the issuer lets in has an account here; like any new one, it belongs to no organisation."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:  # noqa: ARG002
        """A token of another sign-in signs nobody in."""
        single_sign_on.require_own_nonce(sociallogin)

    def on_authentication_error(
        self, request: HttpRequest, provider: object, *, exception: Exception | None = None, **more: Any
    ) -> None:
        """An issuer that cannot be asked is told apart from one that says no."""
        if isinstance(exception, requests.RequestException):
            raise single_sign_on.issuer_away(exception)
        if exception is not None:
            log.warning("single sign-on: %s", ascii(str(exception))[1:-1][:500])
        super().on_authentication_error(request, provider, exception=exception, **more)

    def get_requests_session(self) -> requests.Session:
        """What is fetched of the issuer goes through the guarded door."""
        return fetching.session()


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Keeps one-time-password secrets encrypted: a copy of the database alone makes no second factor."""

    def encrypt(self, text: str) -> str:
        """Encrypts with the current secret key."""
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypts with the current secret key or one of those before it."""
        return _fernet().decrypt(encrypted_text.encode()).decode()


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derive(str(key))) for key in keys])


def _derive(key: str) -> bytes:
    """A Fernet key for this one purpose; the secret key has entropy enough (production: ≥ 50 characters)."""
    return base64.urlsafe_b64encode(sha256(b"hesuan second factor\0" + key.encode()).digest())
