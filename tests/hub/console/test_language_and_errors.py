"""The language switch, and errors as pages: code and sentence in the reader's language."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory
from tests.people import Person

from hesuan.errors import Code, Refused
from hesuan.hub.console import faults
from hesuan.hub.console.middleware import ErrorPageMiddleware, policy
from hesuan.hub.console.views import pages

REASONED = Code("test.reasoned", en="Two things.{list_en}", zh="两件事。{list_zh}")


def test_a_browser_that_says_nothing_gets_chinese(db: None, nobody: Client) -> None:
    assert '<html lang="zh-Hans">' in nobody.get("/").content.decode()


def test_a_browser_that_asks_for_english_gets_it(db: None, nobody: Client) -> None:
    answer = nobody.get("/", headers={"accept-language": "en-GB,en;q=0.9"})
    assert '<html lang="en">' in answer.content.decode()


def test_the_switch_keeps_the_page_and_its_query(db: None, nobody: Client) -> None:
    page = nobody.get("/log/?from=0").content.decode()
    assert 'name="next" value="/log/?from=0"' in page
    answer = nobody.post("/i18n/language/", {"next": "/log/?from=0", "language": "en"}, follow=True)
    assert answer.request["PATH_INFO"] == "/log/" and '<html lang="en">' in answer.content.decode()


def test_the_switch_leads_to_no_other_host(db: None, nobody: Client) -> None:
    answer = nobody.post("/i18n/language/", {"next": "https://evil.example/", "language": "en"})
    assert answer["Location"] == "/"


@pytest.mark.parametrize(("language", "said"), [("en", "There is no page at"), ("zh-hans", "没有页面")])
def test_a_page_that_is_not_there_says_so_with_its_code(
    db: None, nobody: Client, language: str, said: str
) -> None:
    nobody.cookies["django_language"] = language
    answer = nobody.get("/nothing/here/")
    text = answer.content.decode()
    assert answer.status_code == 404 and said in text and "console.no_such_page" in text


@pytest.mark.parametrize(("language", "said"), [("en", "no order"), ("zh-hans", "没有您可以查看的订单")])
def test_an_order_that_is_not_there_says_so_in_the_readers_language(
    stranger: Person, language: str, said: str
) -> None:
    stranger.client.cookies["django_language"] = language
    text = stranger.client.get("/orders/01JAAAAAAAAAAAAAAAAAAAAAAA/").content.decode()
    assert said in text and "order.not_found" in text


def test_a_broken_page_is_drawn_without_the_database() -> None:
    answer = pages.server_error(RequestFactory().get("/orders/"))
    assert answer.status_code == 500 and "console.broken" in answer.content.decode()


def test_a_form_without_its_token_is_refused_in_words(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x", "password": "y"})
    assert answer.status_code == 403 and "console.form_expired" in answer.content.decode()


def test_the_login_page_promises_no_sign_up_where_there_is_none(
    db: None, nobody: Client, settings: Any
) -> None:
    nobody.cookies["django_language"] = "en"
    assert 'href="/accounts/signup/"' in nobody.get("/accounts/login/").content.decode()
    settings.SIGNUP_OPEN = False
    text = nobody.get("/accounts/login/").content.decode()
    assert "/accounts/signup/" not in text and "made by the operator" in text


def test_a_log_page_past_the_end_is_not_found(db: None, nobody: Client) -> None:
    for asked in ("9", "-1", "x", "9" * 30):
        assert nobody.get(f"/log/?from={asked}").status_code == 404


def test_errors_of_the_api_and_the_gateway_are_left_to_them(rf: RequestFactory) -> None:
    request = rf.get("/api/v1/orders")
    request.resolver_match = None
    middleware = ErrorPageMiddleware(pages.server_error)
    assert middleware.process_exception(request, Refused(pages.FORM_EXPIRED)) is None


def test_a_refusal_with_many_reasons_becomes_as_many_lines() -> None:
    reasons = [
        {"code": "policy.open_rule", "where": place, "en": f"{place}: open", "zh": f"{place}: 待定"}
        for place in ("a.yaml:3", "a.yaml:5")
    ]
    found = faults.lines(Refused(REASONED, list_en="\n 1. x", list_zh="\n 1. x", reasons=reasons))
    assert [line.where for line in found] == ["", "a.yaml:3", "a.yaml:5"]
    assert "\n" not in found[0].sentence and "a.yaml" not in found[1].sentence


def test_the_policy_names_this_host_alone_and_a_configured_issuer_for_forms_only() -> None:
    assert policy() == (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    )
    with_issuer = policy("https://id.example/realms/x?y=z")
    assert with_issuer.endswith("form-action 'self' https://id.example")
    assert "https://id.example" not in with_issuer.partition("form-action")[0]


@pytest.mark.django_db
def test_a_text_that_no_database_keeps_is_refused_wherever_a_page_reads_it(owner: Person) -> None:
    """On PostgreSQL each of these broke the page."""
    client, nul = owner.client, "a\0b"
    for answer in (
        client.get("/orders/%00/"),
        client.get("/publicity/", {"programme": nul}),
        client.post("/claims/x/", {"verb": "submit", "note": nul}),
        client.post("/quotes/x/", {nul: "1"}),
    ):
        assert answer.status_code == 422 and "console.not_text" in answer.content.decode()
