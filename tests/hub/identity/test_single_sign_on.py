"""Single sign-on: offered only where it is configured, and then by the book, against a small real issuer."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings
from tests.people import Person

from hesuan.hub.config.settings import single_sign_on
from hesuan.hub.identity import fetching
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import actor_of

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/oidc/oidc/login/"


class Issuer(BaseHTTPRequestHandler):
    """As much of OpenID Connect as a client meets: discovery, token, userinfo."""

    address: ClassVar[str]
    person: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[dict[str, list[str]]]] = []
    document: ClassVar[dict[str, str]] = {}
    """What its own document says, over what is right."""
    claims: ClassVar[dict[str, Any] | None] = None
    """What its ID token says, over what is right; ``None``: it sends none."""

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            paths = ("authorization", "token", "userinfo")
            self.answer(
                {
                    "issuer": self.address,
                    "jwks_uri": f"{self.address}/keys",
                    **{f"{path}_endpoint": f"{self.address}/{path}" for path in paths},
                    **self.document,
                }
            )
        elif self.headers.get("Authorization") == "Bearer access":
            self.answer(self.person)
        else:
            self.send_error(401)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(parse_qs(body))
        told: dict[str, Any] = {"access_token": "access", "token_type": "Bearer", "expires_in": 60}
        if self.claims is not None:
            told["id_token"] = jwt.encode(self.right_claims() | self.claims, "k" * 32, algorithm="HS256")
        self.answer(told)

    def right_claims(self) -> dict[str, Any]:
        """What an ID token of this issuer for this client says."""
        soon = int(time.time()) + 60
        return {"iss": self.address, "aud": "hesuan", "sub": self.person["sub"], "exp": soon, "jti": "1"}

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
    Issuer.claims = None
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
    ],
    ids=["audience", "audiences", "issuer", "expired", "no-time"],
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
    issuer.claims = {}
    assert go_through(nobody) == "/" and "_auth_user_id" in nobody.session
    again = Client()
    go_through(again)
    assert "_auth_user_id" not in again.session


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
        nobody.post(LOGIN)
