"""A centre's agents on its page: draining and taking work again, asked and confirmed told apart."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hub.console.test_pages import LANGUAGES, faults_of_page, read
from tests.hub.console.world import World
from tests.people import Person

from hesuan.hub.centres.models import Agent
from hesuan.hub.worker.loop import tick

WORD = {"since": "2026-11-21T08:00:00.000000Z", "reason": "new <b>power</b> supply"}


def send(person: Person, world: World, verb: str, **sent: str) -> tuple[int, str]:
    person.client.cookies["django_language"] = "en"
    about = {"verb": verb, "on": world.site.agent.id, **sent}
    answer = person.client.post(f"/centres/{world.centre.id}/", about)
    return answer.status_code, answer.content.decode()


def page(person: Person, world: World, language: str = "en") -> str:
    status, text = read(person.client, f"/centres/{world.centre.id}/", language)
    assert status == 200
    return text


def say(world: World, **words: Any) -> None:
    world.site.send("drain_state", {"hub": None, "site": None, **words})
    tick()


def test_what_is_asked_and_what_is_confirmed_are_told_apart(world: World, centre_operator: Person) -> None:
    assert "is taken" in page(centre_operator, world)
    assert send(centre_operator, world, "drain", reason=WORD["reason"])[0] == 302
    text = page(centre_operator, world)
    assert "asked to drain" in text and "has not confirmed" in text and "is taken" not in text
    assert "new &lt;b&gt;power" in text and 'data-test="open-resume"' in text
    say(world, hub=WORD)
    assert "not confirmed" not in page(centre_operator, world) and "drains" in page(centre_operator, world)
    assert send(centre_operator, world, "resume")[0] == 302
    assert "Asked to take new work again" in page(centre_operator, world)
    say(world, site=WORD)
    text = page(centre_operator, world)
    assert "drains by its site" in text and "Asked to" not in text and 'data-test="open-drain"' in text
    say(world)
    assert "is taken" in page(centre_operator, world)


def test_without_a_reason_the_form_comes_back_open(world: World, centre_operator: Person) -> None:
    status, text = send(centre_operator, world, "drain", reason=" ")
    assert status == 422 and '<details class="deed" open>' in text and "1 to 500" in text
    assert Agent.objects.get().drain_asked is None


def test_nobody_else_is_offered_it_or_may_do_it(
    world: World, stranger: Person, auditor: Person, owner: Person
) -> None:
    for person in (stranger, auditor, owner):
        assert 'data-test="open-drain"' not in page(person, world)
        assert send(person, world, "drain", reason="x")[0] in (404, 409)
    assert Agent.objects.get().drain_asked is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_sound_in_both_languages(world: World, centre_operator: Person, language: str) -> None:
    send(centre_operator, world, "drain", reason="x")
    say(world, hub=WORD, site=WORD)
    assert faults_of_page(page(centre_operator, world, language), language) == []
