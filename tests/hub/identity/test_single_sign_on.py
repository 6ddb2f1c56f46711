"""Single sign-on: offered only where it is configured, and then by the book, against a small real issuer."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.test import Client
from pytest_django.fixtures import Settings
from tests.hub.identity.issuer import LOGIN, Issuer, go_through
from tests.people import Person

from hesuan.hub.config.settings import single_sign_on
from hesuan.hub.identity import fetching, services
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import actor_of

pytestmark = pytest.mark.django_db


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
