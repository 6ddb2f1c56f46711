"""Signing up and in: passwords, the second factor, and what an installation may close or demand."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from cryptography.fernet import InvalidToken
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings
from tests.people import Person

from hesuan.hub.identity.adapters import SecondFactorAdapter
from hesuan.hub.identity.models import Identity
from hesuan.hub.identity.selectors import actor_of

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _no_rate_limit_from_other_tests(settings: Settings) -> None:
    cache.clear()
    settings.MFA_TOTP_TOLERANCE = 1  # a half-minute that ends during a test fails nothing


def sign_up(client: Client, username: str, password: str = PASSWORD) -> int:
    form = {"username": username, "password1": password, "password2": password}
    return client.post("/accounts/signup/", form).status_code


def sign_in(client: Client, username: str, password: str = PASSWORD) -> str:
    """Sends the form; returns where it led, or an empty text when it was shown again."""
    answer = client.post("/accounts/login/", {"login": username, "password": password})
    return answer.headers.get("Location", "")


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def with_password(person: Person) -> str:
    person.identity.set_password(PASSWORD)
    person.identity.save()
    return person.identity.username


def test_signing_up_makes_an_account_that_belongs_nowhere(nobody: Client) -> None:
    assert sign_up(nobody, "newcomer") == 302
    assert signed_in(nobody)
    identity = Identity.objects.get(username="newcomer")
    assert actor_of(identity).roles == {}
    assert not identity.is_staff and not identity.is_superuser


@pytest.mark.parametrize("username", ["admin", "system", "ADMIN", "ab", "spaced name", ""])
def test_some_names_are_nobodys(nobody: Client, username: str) -> None:
    assert sign_up(nobody, username) == 200, "the form comes back"
    assert not Identity.objects.exists()


@pytest.mark.parametrize("password", ["short", "password12345", "newcomer1234"])
def test_weak_passwords_are_refused(nobody: Client, password: str) -> None:
    assert sign_up(nobody, "newcomer", password) == 200
    assert not Identity.objects.exists()


def test_a_name_is_one_persons_whatever_its_case(nobody: Client, owner: Person) -> None:
    assert sign_up(nobody, owner.identity.username.upper()) == 200


def test_signing_up_can_be_closed(nobody: Client, settings: Settings) -> None:
    settings.SIGNUP_OPEN = False
    sign_up(nobody, "newcomer")
    assert not Identity.objects.exists()


def test_where_no_mail_is_sent_no_page_promises_one(nobody: Client) -> None:
    assert b"password/reset" not in nobody.get("/accounts/login/").content
    assert b'name="email"' not in nobody.get("/accounts/signup/").content
    assert nobody.get("/accounts/password/reset/").status_code == 404


def test_signing_in_and_out(nobody: Client, owner: Person) -> None:
    username = with_password(owner)
    assert sign_in(nobody, username, "wrong") == "" and not signed_in(nobody)
    assert sign_in(nobody, username) == "/" and signed_in(nobody)
    nobody.post("/accounts/logout/")
    assert not signed_in(nobody)


def test_guessing_is_slowed_down(nobody: Client, owner: Person) -> None:
    username = with_password(owner)
    for _ in range(12):
        sign_in(nobody, username, "wrong")
    assert sign_in(nobody, username) == "" and not signed_in(nobody), "even the right one, for a while"


def test_forms_want_a_csrf_token(owner: Person) -> None:
    strict = Client(enforce_csrf_checks=True)
    form = {"login": with_password(owner), "password": PASSWORD}
    assert strict.post("/accounts/login/", form).status_code == 403


def code_for(secret: str) -> str:
    _, now, _ = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, now))


def set_up_second_factor(client: Client) -> str:
    """Goes through the pages as a person does; returns the secret that their phone would hold."""
    address = "/accounts/2fa/totp/activate/"
    asked = client.get(address)
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/"), "the password once more"
    client.post(asked.headers["Location"], {"password": PASSWORD})
    page = client.get(address)
    secret = parse_qs(urlsplit(page.context["totp_url"]).query)["secret"][0]
    done = client.post(address, {"code": code_for(secret)})
    assert done.status_code == 302
    return secret


def test_a_second_factor_is_set_up_and_from_then_on_asked_for(nobody: Client, owner: Person) -> None:
    username = with_password(owner)
    sign_in(nobody, username)
    secret = set_up_second_factor(nobody)
    nobody.post("/accounts/logout/")
    cache.clear()  # a code is good for one use; the test's clock does not move on
    assert sign_in(nobody, username) == "/accounts/2fa/authenticate/"
    assert not signed_in(nobody)
    nobody.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert not signed_in(nobody)
    nobody.post("/accounts/2fa/authenticate/", {"code": code_for(secret)})
    assert signed_in(nobody)


def test_the_secret_of_a_second_factor_is_not_in_the_database(nobody: Client, owner: Person) -> None:
    sign_in(nobody, with_password(owner))
    secret = set_up_second_factor(nobody)
    row = Authenticator.objects.get(user=owner.identity, type="totp")
    assert secret not in str(row.data)
    assert SecondFactorAdapter().decrypt(row.data["secret"]) == secret
    recovery = Authenticator.objects.get(user=owner.identity, type="recovery_codes")
    assert recovery.data["seed"] != SecondFactorAdapter().decrypt(recovery.data["seed"])


def test_secrets_outlive_a_change_of_the_secret_key_that_keeps_the_old_one(settings: Settings) -> None:
    kept = SecondFactorAdapter().encrypt("secret")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert SecondFactorAdapter().decrypt(kept) == "secret"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidToken):
        SecondFactorAdapter().decrypt(kept)


ASKED = (
    "officer",
    "reviewer",
    "approver",
    "centre_operator",
    "platform_operator",
    "security_admin",
    "auditor",
)
NOT_ASKED = ("owner", "colleague", "stranger")


@pytest.mark.parametrize("name", ASKED)
def test_where_it_is_demanded_no_role_of_trust_is_used_without_a_second_factor(
    name: str, request: pytest.FixtureRequest, settings: Settings, nobody: Client
) -> None:
    person: Person = request.getfixturevalue(name)
    assert person.client.get("/").status_code == 200, "not demanded: let in"
    settings.REQUIRE_MFA = True
    asked = person.client.get("/")
    assert (asked.status_code, asked.headers["Location"]) == (302, "/accounts/2fa/totp/activate/")
    problem = person.client.get("/api/v1/organisations")
    assert problem.status_code == 403
    assert problem.json()["code"] == "identity.second_factor_missing"
    sign_in(nobody, with_password(person))
    set_up_second_factor(nobody)
    assert nobody.get("/").status_code == 200
    assert nobody.get("/api/v1/organisations").status_code == 200


@pytest.mark.parametrize("name", NOT_ASKED)
def test_whoever_holds_none_of_these_roles_is_not_asked(
    name: str, request: pytest.FixtureRequest, settings: Settings
) -> None:
    settings.REQUIRE_MFA = True
    person: Person = request.getfixturevalue(name)
    assert person.client.get("/").status_code == 200
    assert person.client.get("/api/v1/organisations").status_code == 200


def test_visitors_are_not_asked_either(nobody: Client, settings: Settings) -> None:
    settings.REQUIRE_MFA = True
    assert nobody.get("/").status_code == 200
