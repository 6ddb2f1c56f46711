"""Asking for quotes and accepting one, as a person does it in a browser."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.hub.console.world import World
from tests.people import Person

from hesuan.hub.market.models import Order, QuoteRequest
from hesuan.money import format_yuan

ASKED = {
    "kind": "app",
    "app": "omics-match",
    "units": "20,000",
    "parameters": "seed = 7",
    "cores": "2",
    "time_limit_s": "",
}


def ask(client: Client, **changes: str) -> str:
    """The page that answers a sent form, redirects followed, in English."""
    client.cookies["django_language"] = "en"
    organisation = re.search(
        r'name="organisation" value="(\w+)"', client.get("/quotes/new/").content.decode()
    )
    assert organisation is not None
    answer = client.post("/quotes/new/", {**ASKED, "organisation": organisation[1], **changes}, follow=True)
    return answer.content.decode()


def test_asking_leads_to_ranked_quotes_with_what_would_be_held(world: World, owner: Person) -> None:
    text = ask(owner.client)
    quote = QuoteRequest.objects.get().quotes.get()
    assert f"holds {format_yuan(quote.document['copay_max_fen'])} of your balance" in text
    assert "Zhengzhou East, 4 cores" in text and "calibrated" in text
    assert quote.document["reasons"][0]["en"] in text


def test_a_refusal_says_its_reason(world: World, owner: Person) -> None:
    text = ask(owner.client, cores="16")
    assert "The work asks for 16 cores; Zhengzhou East, 4 cores has 4." in text
    assert "offering.cores_exceeded" in text


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("units", "many", "how many work units, a whole number"),
        ("units", "", "`units` is missing"),
        ("cores", "0", "how many cores to hold"),
        ("parameters", "seed : 7", "cannot be read as parameters"),
        ("time_limit_s", "soon", "the longest the run may take"),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_typed_is_lost(
    world: World, owner: Person, field: str, typed: str, said: str
) -> None:
    text = ask(owner.client, **{field: typed})
    beside = re.search(rf'<div class="[^"]*field wrong"><label for="{field}">.*?</div>', text, re.S)
    assert beside is not None and said in beside[0] and typed in beside[0]
    for name, sent in {**ASKED, field: typed}.items():
        assert name == "kind" or sent == "" or f">{sent}<" in text or f'value="{sent}"' in text, name
    assert not QuoteRequest.objects.exists()


def test_a_script_keeps_its_command_and_every_fault_is_told_at_once(world: World, owner: Person) -> None:
    command = "python3 -c 'print(1)"
    text = ask(owner.client, kind="script", command=command, cores="0")
    assert "a quotation mark is never closed" in text
    assert command.replace("'", "&#x27;") in text


def test_a_script_is_refused_where_scripts_are_not_allowed(world: World, owner: Person) -> None:
    text = ask(owner.client, kind="script", command="python3 -c 'print(1)'", time_limit_s="60")
    assert QuoteRequest.objects.get().work["command"] == ["python3", "-c", "print(1)"]
    assert "offering.scripts_not_allowed" in text


def accept(person: Person, world: World, quote_id: str, order_id: str, request_id: str) -> tuple[int, str]:
    """Status and address after the accept button."""
    sent = {"quote_id": quote_id, "order_id": order_id}
    answer = person.client.post(f"/quotes/{request_id}/", sent)
    return answer.status_code, answer.headers.get("Location", "")


def test_the_accept_button_places_one_order_however_often_it_is_pressed(world: World, owner: Person) -> None:
    asked = world.ask(owner)
    page = owner.client.get(f"/quotes/{asked.id}/").content.decode()
    quote_id, order_id = re.findall(r'name="(?:quote_id|order_id)" value="(\w+)"', page)
    first = accept(owner, world, quote_id, order_id, asked.id)
    assert first == accept(owner, world, quote_id, order_id, asked.id) == (302, f"/orders/{order_id}/")
    assert Order.objects.count() == 1


def test_a_colleague_sees_no_button_and_is_refused_without_one(
    world: World, owner: Person, colleague: Person
) -> None:
    asked = world.ask(owner)
    colleague.client.cookies["django_language"] = "en"
    page = colleague.client.get(f"/quotes/{asked.id}/").content.decode()
    assert "Only an owner of the organisation may accept." in page and 'name="order_id"' not in page
    quote = asked.quotes.get()
    status, _ = accept(colleague, world, quote.id, "01JAAAAAAAAAAAAAAAAAAAAAAA", asked.id)
    assert status == 409 and not Order.objects.exists()


def test_a_refused_acceptance_shows_the_sentence_and_a_fresh_id(world: World, owner: Person) -> None:
    """A refused id stays refused for ever, so the page must not offer it again."""
    asked = world.ask(owner)
    owner.client.cookies["django_language"] = "en"
    answer = owner.client.post(
        f"/quotes/{asked.id}/", {"quote_id": asked.quotes.get().id, "order_id": "no id"}
    )
    text = answer.content.decode()
    assert answer.status_code in (409, 422) and 'role="alert"' in text
    assert 'value="no id"' not in text and 'name="order_id"' in text


def test_without_an_organisation_the_form_says_why_it_is_missing(world: World, reviewer: Person) -> None:
    reviewer.client.cookies["django_language"] = "en"
    text = reviewer.client.get("/quotes/new/").content.decode()
    assert "You belong to no organisation that may ask for quotes." in text and "<textarea" not in text
