"""A form's POST with a field that its page does not know is refused, at every address of the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from django.test import Client
from django.urls import resolve
from tests.hub.api.requests import make_requests
from tests.hub.api.test_api_roles import PEOPLE
from tests.hub.config.addresses import addresses, patterns, table
from tests.hub.config.test_addresses import at_pages, filled
from tests.people import Person

from hesuan.hub.console import fields
from hesuan.hub.console.urls import urlpatterns
from hesuan.hub.identity.models import Organisation

NOBODYS = "is_approved_by_the_minister"
DRAWN_FOR = ("owner", "officer", "approver", "platform_operator")
"""Of the ten people of the tables, those who together are drawn every form that any of them is."""
CONSOLE = sorted(path for path, one in patterns() if one in urlpatterns)
ACCOUNTS = sorted(path for path, _ in patterns() if path.startswith(("/accounts/", "/i18n/")))
FORM = re.compile(r'<form[^>]*method="post"[^>]*>.*?</form>', re.S)
NAME = re.compile(r'<(?:input|select|textarea|button)\b[^>]*\sname="([^"]+)"')


@pytest.fixture
def somebody(owner: Person) -> Client:
    return owner.client


def plain(address: str) -> str:
    return re.sub(r"{\w+}", "anything", address.replace("{number}", "1"))


@pytest.mark.parametrize("address", [*CONSOLE, *ACCOUNTS])
def test_a_field_that_a_page_does_not_know_is_named_and_nothing_done(address: str, somebody: Client) -> None:
    answer = somebody.post(plain(address), {NOBODYS: "yes"}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "console.unknown_field" in text and NOBODYS in text


def test_a_file_under_another_name_is_a_field_too(somebody: Client) -> None:
    file = BytesIO(b"x")
    file.name = "a.csv"
    answer = somebody.post("/registry/anything/", {"verb": "upload", NOBODYS: file})
    assert answer.status_code == 422 and NOBODYS in answer.content.decode()


@pytest.mark.parametrize("address", [*CONSOLE, *ACCOUNTS])
def test_the_fields_that_it_knows_go_through(address: str) -> None:
    """The control: of the table, no name is refused."""
    page = str(resolve(plain(address)).url_name)
    sent = [one.replace("*", "1") for one in {**fields.FIELDS, **fields.ACCOUNTS}.get(page, ())]
    assert fields.unknown(page, [*sent, "csrfmiddlewaretoken"]) == []


def test_without_the_rule_it_would_pass_in_silence(
    owner: Person, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"verb": "fact", "name": "applicant.employees", "value": "12", NOBODYS: "yes"}
    address = f"/registry/{organisation.id}/"
    assert "console.unknown_field" in owner.client.post(address, sent).content.decode()
    monkeypatch.setattr(fields, "unknown", lambda *_: [])
    assert "console.unknown_field" not in owner.client.post(address, sent).content.decode()


def test_a_paper_has_no_other_fields_than_are_drawn() -> None:
    assert fields.unknown("claim", ["papers.invoice.number", "papers.invoice.document"]) == []
    for name in ("papers.invoice.kinds", "papers.invoice", "papers.licence.number", "taken", "award.rate"):
        assert len(fields.unknown("claim", [name])) == 1, name


def test_a_form_of_allauths_finds_its_own_fields_in_the_table() -> None:
    views = {str(one.name): getattr(one.callback, "view_class", None) for _, one in patterns()}
    forms = {
        name: getattr(view, "form_class", None) for name, view in views.items() if name in fields.ACCOUNTS
    }
    found = {name: set(form.base_fields) for name, form in forms.items() if form is not None}
    assert len(found) > 8 and "password" in found["account_login"]
    assert {name: sent - set(fields.ACCOUNTS[name]) for name, sent in found.items()} == {
        name: set() for name in found
    }


def test_every_row_of_the_table_is_a_page() -> None:
    assert set(fields.FIELDS) <= {one.name for one in urlpatterns}
    assert not set(fields.FIELDS) & set(fields.ACCOUNTS)


# -- what the pages themselves send ----------------------------------------------------------------------


def forms(client: Client, address: str) -> Iterator[tuple[str, list[str]]]:
    """Where each form of a page leads, and the names of its fields."""
    answer = client.get(address)
    text = answer.content.decode() if answer.headers["Content-Type"].startswith("text/html") else ""
    for form in FORM.findall(text):
        action = re.search(r'^<form[^>]*\baction="([^"]*)"', form)
        yield (action[1] if action else address), NAME.findall(form)


def test_every_form_that_is_drawn_is_taken_by_the_address_it_is_sent_to(
    request: pytest.FixtureRequest, db: None
) -> None:
    """One of everything: no page draws a field that its address would refuse."""
    people = {name: request.getfixturevalue(name) for name in PEOPLE}
    requests = at_pages(make_requests(people))
    drawn: set[str] = set()
    for address in addresses():
        for name in [one for one in DRAWN_FOR if address in CONSOLE and table()[address][one] == "200"]:
            client = people[name] if isinstance(people[name], Client) else people[name].client
            for action, sent in forms(client, filled(requests, address)):
                match = resolve(action.partition("?")[0])
                if fields.judged(str(match.url_name), match.app_names):
                    drawn.add(str(match.url_name))
                    assert [str(one) for one in fields.unknown(str(match.url_name), sent)] == [], address
    assert len(drawn) > len(fields.FIELDS) / 2
