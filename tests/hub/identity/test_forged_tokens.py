"""An ID token signs in once: signed, for this client, of this sign-in, in its time; else nobody."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.test import Client
from tests.hub.identity.issuer import (
    KEY,
    OTHER,
    Issuer,
    base64url,
    go_through,
    public_jwk,
    public_pem,
    shared,
    signed,
)

from hesuan.hub.identity import single_sign_on
from hesuan.hub.identity.models import Identity

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"iss": "https://elsewhere.example"},
        {"exp": int(time.time()) - 3600},
        {"exp": "soon"},
        {"exp": ()},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"aud": ["hesuan", "another client"]},
        {"aud": ["hesuan", "another client"], "azp": "another client"},
        {"nonce": "of another sign-in"},
        {"nonce": ()},
        {"sub": "somebody else"},
    ],
    ids=str,
)
def test_an_id_token_for_another_or_out_of_time_signs_nobody_in(
    nobody: Client, issuer: type[Issuer], wrong: dict[str, Any]
) -> None:
    issuer.claims = wrong
    go_through(nobody)
    assert "_auth_user_id" not in nobody.session and not Identity.objects.exists()


def test_the_right_id_token_signs_in_once_and_played_again_nobody(
    nobody: Client, issuer: type[Issuer]
) -> None:
    """The control of the refusals above, and the replay of a token that was good."""
    issuer.claims = {"jti": "1"}
    assert go_through(nobody) == "/" and "_auth_user_id" in nobody.session
    again = Client()
    go_through(again)
    assert "_auth_user_id" not in again.session


FORGED: dict[str, Callable[[dict[str, Any]], str]] = {
    "unsigned": lambda claims: jwt.encode(claims, None, algorithm="none", headers={"kid": "first"}),
    "unsigned, said otherwise": lambda claims: signed(claims).rpartition(".")[0] + ".",
    "another key": lambda claims: signed(claims, OTHER),
    "another key under a name of its own": lambda claims: signed(claims, OTHER, kid="mine"),
    "a shared key: the public one as PEM": lambda claims: shared(claims, public_pem(KEY)),
    "a shared key: the public one as JWK": lambda claims: shared(
        claims, json.dumps(public_jwk(KEY)).encode()
    ),
    "a shared key: the client's secret": lambda claims: shared(claims, b"its secret"),
    "another algorithm than the key's": lambda claims: signed(claims, KEY, "PS256"),
    "somebody else under an old signature": lambda claims: ".".join(
        [
            signed(claims).split(".")[0],
            base64url(json.dumps(claims | {"sub": "admin"}).encode()),
            signed(claims).split(".")[2],
        ]
    ),
    "no token at all": lambda _: "e30",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_id_token_signs_nobody_in(nobody: Client, issuer: type[Issuer], name: str) -> None:
    issuer.forge = FORGED[name]
    go_through(nobody)
    assert "_auth_user_id" not in nobody.session and not Identity.objects.exists()


def test_no_id_token_signs_nobody_in(nobody: Client, issuer: type[Issuer]) -> None:
    issuer.claims = None
    go_through(nobody)
    assert "_auth_user_id" not in nobody.session and not Identity.objects.exists()


@pytest.mark.parametrize("name", [name for name in FORGED if name != "no token at all"])
def test_without_the_adapter_a_forged_id_token_would(
    nobody: Client, issuer: type[Issuer], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what allauth alone makes of it, which trusts the issuer's address instead."""
    if name.startswith("somebody else"):
        issuer.person["sub"] = "admin"
    monkeypatch.setattr(single_sign_on, "Adapter", OpenIDConnectOAuth2Adapter)
    monkeypatch.setattr(single_sign_on, "require_own_nonce", lambda _: None)
    issuer.forge = FORGED[name]
    go_through(nobody)
    assert "_auth_user_id" in nobody.session
