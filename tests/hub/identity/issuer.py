"""A small real issuer of OpenID Connect, and a person's way through it."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from jwt.algorithms import RSAAlgorithm

LOGIN = "/accounts/oidc/oidc/login/"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str = "RS256", kid: str = "first") -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def shared(claims: dict[str, Any], secret: bytes) -> str:
    """HS256 by hand: PyJWT refuses to sign with what is a public key."""
    words = [json.dumps(one).encode() for one in ({"alg": "HS256", "typ": "JWT", "kid": "first"}, claims)]
    head = ".".join(base64url(one) for one in words)
    return f"{head}.{base64url(hmac.digest(secret, head.encode(), 'sha256'))}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer(BaseHTTPRequestHandler):
    """As much of OpenID Connect as a client meets: discovery, token, userinfo."""

    address: ClassVar[str]
    person: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[dict[str, list[str]]]] = []
    document: ClassVar[dict[str, str]] = {}
    """What its own document says, over what is right."""
    claims: ClassVar[dict[str, Any] | None] = {}
    """What its ID token says, over what is right; ``None``: it sends none."""
    nonce: ClassVar[str] = ""
    gone: ClassVar[bool] = False
    forge: ClassVar[Callable[[dict[str, Any]], str] | None] = None
    """Makes the ID token of its claims in another way than the right one."""

    def do_GET(self) -> None:
        if self.gone:
            self.close_connection = True
        elif self.path == "/.well-known/openid-configuration":
            paths = ("authorization", "token", "userinfo")
            self.answer(
                {
                    "issuer": self.address,
                    "jwks_uri": f"{self.address}/keys",
                    **{f"{path}_endpoint": f"{self.address}/{path}" for path in paths},
                    **self.document,
                }
            )
        elif self.path == "/keys":
            self.answer({"keys": [public_jwk(KEY) | {"kid": "first", "alg": "RS256", "use": "sig"}]})
        elif self.headers.get("Authorization") == "Bearer access":
            self.answer(self.person)
        else:
            self.send_error(401)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(parse_qs(body))
        told: dict[str, Any] = {"access_token": "access", "token_type": "Bearer", "expires_in": 60}
        if self.claims is not None:
            claims = {
                name: value for name, value in (self.right_claims() | self.claims).items() if value != ()
            }
            forge = type(self).forge
            told["id_token"] = forge(claims) if forge else signed(claims)
        self.answer(told)

    def right_claims(self) -> dict[str, Any]:
        """What an ID token of this issuer for this client says."""
        now = int(time.time())
        return {
            "iss": self.address,
            "aud": "hesuan",
            "sub": self.person["sub"],
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(),
            "nonce": type(self).nonce,
        }

    def answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def go_through(client: Client) -> str:
    """From the sign-in button to the issuer and back; returns where the person ends up."""
    away = client.post(LOGIN)
    query = {name: value[0] for name, value in parse_qs(urlsplit(away.headers["Location"]).query).items()}
    assert query["client_id"] == "hesuan" and "openid" in query["scope"].split()
    assert query["code_challenge_method"] == "S256" and query["code_challenge"]
    assert query["redirect_uri"].endswith(LOGIN + "callback/")
    assert len(query["nonce"]) >= 32
    Issuer.nonce = query["nonce"]
    back = client.get(LOGIN + "callback/", {"code": "code", "state": query["state"]})
    return back.headers.get("Location", "")
