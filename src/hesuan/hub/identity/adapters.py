"""What Hesuan asks of allauth beyond its settings."""

from __future__ import annotations

import base64
from hashlib import sha256

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest

from hesuan.hub.identity import fetching


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Local accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """``HESUAN_SIGNUP`` decides."""
        return bool(settings.SIGNUP_OPEN)


class SingleSignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Accounts that an OpenID Connect issuer vouches for."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: object) -> bool:  # noqa: ARG002
        """Whoever the issuer lets in has an account here; like any new one, it belongs to no organisation."""
        return True

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
