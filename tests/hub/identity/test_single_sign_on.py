"""Single sign-on: offered only where it is configured, and then by the book, against a small real issuer."""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from django.test import Client
from jwt.algorithms import RSAAlgorithm
from pytest_django.fixtures import Settings
from tests.people import Person

from hesuan.hub.config.settings import single_sign_on
from hesuan.hub.identity import fetching, services
from hesuan.hub.identity import single_sign_on as single_sign_on_module
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import actor_of

pytestmark = pytest.mark.django_db
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
            told["id_token"] = type(self).forge(claims) if type(self).forge else signed(claims)
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


@pytest.fixture
def issuer(settings: Settings) -> Iterator[type[Issuer]]:
    """A running issuer, configured as the environment's three settings would."""
    cache.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Issuer.address = f"http://127.0.0.1:{server.server_port}"
    Issuer.person = {"sub": "248289761001", "preferred_username": "jia", "email": "jia@id.example"}
    Issuer.asked = []
    Issuer.claims = {}
    Issuer.forge, Issuer.gone = None, False
    Issuer.document = {}
    settings.SOCIALACCOUNT_PROVIDERS = single_sign_on(Issuer.address + "/", "hesuan", "its secret")
    yield Issuer
    server.shutdown()
    server.server_close()


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


def test_nothing_offers_it_where_it_is_not_configured(nobody: Client) -> None:
    assert single_sign_on("", "", "") == {}
    assert b"oidc" not in nobody.get("/accounts/login/").content
    for address in (LOGIN, LOGIN + "callback/"):
        assert nobody.get(address).status_code == 404
        assert nobody.post(address).status_code == 404


def test_the_sign_in_page_offers_it_where_it_is_configured(nobody: Client, issuer: type[Issuer]) -> None:
    page = nobody.get("/accounts/login/").content.decode()
    assert LOGIN in page and "127.0.0.1" in page


def test_whoever_the_issuer_vouches_for_has_an_account_that_belongs_nowhere(
    nobody: Client, issuer: type[Issuer]
) -> None:
    assert go_through(nobody) == "/"
    identity = Identity.objects.get()
    assert identity.username == "jia" and not identity.has_usable_password()
    assert actor_of(identity).roles == {}
    assert nobody.session["_auth_user_id"] == identity.id
    (asked,) = issuer.asked
    assert asked["client_secret"] == ["its secret"] and asked["code_verifier"]


def test_the_same_person_comes_back_to_the_same_account(nobody: Client, issuer: type[Issuer]) -> None:
    go_through(nobody)
    issuer.person["preferred_username"] = "renamed"
    assert go_through(Client()) == "/"
    assert Identity.objects.count() == 1


def test_closing_local_sign_up_does_not_close_it(
    nobody: Client, issuer: type[Issuer], settings: Settings
) -> None:
    settings.SIGNUP_OPEN = False
    assert go_through(nobody) == "/"


def test_the_name_or_address_of_a_local_person_opens_nothing_of_theirs(
    nobody: Client, issuer: type[Issuer], owner: Person
) -> None:
    """An issuer vouches for its own people, not for who they are here."""
    owner.identity.email = "olivia@zhongyuan.example"
    owner.identity.save()
    issuer.person.update(preferred_username=owner.identity.username, email=owner.identity.email)
    go_through(nobody)
    assert nobody.session.get("_auth_user_id") != owner.identity.id
    for identity in Identity.objects.exclude(pk=owner.identity.pk):
        assert actor_of(identity).roles == {}


def test_an_answer_that_nobody_asked_for_signs_nobody_in(nobody: Client, issuer: type[Issuer]) -> None:
    nobody.get(LOGIN + "callback/", {"code": "code", "state": "made up"})
    assert "_auth_user_id" not in nobody.session and not Identity.objects.exists()


def test_a_link_alone_starts_nothing(nobody: Client, issuer: type[Issuer]) -> None:
    """A page elsewhere cannot sign somebody in behind their back: the button is a form with a CSRF token."""
    assert nobody.get(LOGIN).status_code == 200
    assert Client(enforce_csrf_checks=True).post(LOGIN).status_code == 403


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
    monkeypatch.setattr(single_sign_on_module, "Adapter", OpenIDConnectOAuth2Adapter)
    monkeypatch.setattr(single_sign_on_module, "require_own_nonce", lambda _: None)
    issuer.forge = FORGED[name]
    go_through(nobody)
    assert "_auth_user_id" in nobody.session


def demanding(settings: Settings, *words: str) -> None:
    """Roles of trust need a second factor; the issuer's counts by these words."""
    settings.REQUIRE_MFA = True
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, oidc_second_factor=words)


@pytest.mark.parametrize(
    ("claims", "taken"),
    [
        ({}, False),
        ({"amr": ["pwd"]}, False),
        ({"amr": "mfa"}, False),
        ({"acr": "urn:example:one"}, False),
        ({"acr": ["urn:example:two"]}, False),
        ({"amr": ["pwd", "mfa"]}, True),
        ({"acr": "urn:example:two"}, True),
    ],
    ids=str,
)
def test_a_second_factor_of_the_issuer_counts_where_the_operator_says_by_which_word(
    issuer: type[Issuer], settings: Settings, officer: Person, claims: dict[str, Any], taken: bool
) -> None:
    demanding(settings, "amr:mfa", "acr:urn:example:two")
    client = signed_in_as_officer(issuer, officer, claims)
    assert (client.get("/").status_code, client.get("/api/v1/me").status_code) == (
        (200, 200) if taken else (302, 403)
    )


def test_where_the_operator_names_none_the_issuers_word_counts_for_nothing(
    issuer: type[Issuer], settings: Settings, officer: Person
) -> None:
    demanding(settings)
    client = signed_in_as_officer(issuer, officer, {"amr": ["mfa"], "acr": ""})
    assert client.get("/").headers["Location"] == "/accounts/2fa/totp/activate/"


def test_it_counts_for_that_session_alone(issuer: type[Issuer], settings: Settings, officer: Person) -> None:
    """Neither for another session of the same person nor for their tokens."""
    demanding(settings, "amr:mfa")
    first = signed_in_as_officer(issuer, officer, {"amr": ["mfa"]})
    second = signed_in_as_officer(issuer, officer, {"amr": ["pwd"]})
    assert (first.get("/").status_code, second.get("/").status_code) == (200, 302)
    _, token = services.issue_token(actor=actor_of(Identity.objects.get(username="jia")), label="laptop")
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 403


def signed_in_as_officer(issuer: type[Issuer], officer: Person, claims: dict[str, Any]) -> Client:
    """A session of the issuer's person, who holds the officer's roles too."""
    issuer.claims = claims
    client = Client()
    assert go_through(client) == "/"
    jia = Identity.objects.get(username="jia")
    for one in officer.identity.memberships.all():
        jia.memberships.get_or_create(organisation=one.organisation, role=one.role)
    return client


class Inside(BaseHTTPRequestHandler):
    """A service of the installation's own network that nobody outside should make the hub ask."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.send_error(500)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def inside() -> Iterator[str]:
    Inside.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Inside) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/secret"
        server.shutdown()


def test_an_issuers_document_does_not_choose_what_the_hub_asks(
    nobody: Client, issuer: type[Issuer], inside: str
) -> None:
    issuer.document = {"token_endpoint": inside}
    go_through(nobody)
    assert Inside.asked == [] and "_auth_user_id" not in nobody.session


def test_without_the_door_it_would(
    nobody: Client, issuer: type[Issuer], inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "session", requests.Session)
    issuer.document = {"token_endpoint": inside}
    go_through(nobody)
    assert Inside.asked == ["/secret"]


def test_an_issuer_on_a_private_network_needs_the_operators_word(
    nobody: Client, issuer: type[Issuer], settings: Settings
) -> None:
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, fetch_networks=())
    with pytest.raises(fetching.NotFetched, match=r"127\.0\.0\.1, which is not a public address"):
        fetching.session().get(issuer.address)
    assert nobody.post(LOGIN).status_code == 503


def test_an_issuer_that_is_gone_signs_nobody_in_and_says_so(nobody: Client, issuer: type[Issuer]) -> None:
    """Gone before the button, and gone between the button and the way back."""
    away = nobody.post(LOGIN)
    state = parse_qs(urlsplit(away.headers["Location"]).query)["state"][0]
    issuer.gone = True
    for answer in (
        Client().post(LOGIN, headers={"Accept-Language": "en"}),
        nobody.get(LOGIN + "callback/", {"code": "code", "state": state}, headers={"Accept-Language": "en"}),
    ):
        assert answer.status_code == 503
        assert "identity.issuer_away" in answer.content.decode()
    assert "_auth_user_id" not in nobody.session and not Identity.objects.exists()
