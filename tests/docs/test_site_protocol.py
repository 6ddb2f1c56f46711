"""The page on the site protocol is true: its examples go through the real endpoints, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from tests.sites import Site

from hesuan.errors import REGISTRY, Conflict, HesuanError, InputFault, NotFound, Refused, Unavailable
from hesuan.hub.centres import rules, services
from hesuan.hub.centres.models import Agent, Centre, Command
from hesuan.hub.gateway import problems, reading, shapes
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.wire import outputs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "site-protocol.md"
FENCE = re.compile(r"^```json (POST|body|\d{3}) ?(\S*)\n(.*?)^```$", re.S | re.M)
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
RUN = "01JDZ6Y8000000000000000003"


def examples() -> list[tuple[str, str, Any]]:
    """(POST | body | status, address or kind, value) in the page's order."""
    return [(verb, word, json.loads(text)) for verb, word, text in FENCE.findall(PAGE.read_text())]


def calls() -> Iterator[tuple[str, Any, int, Any]]:
    found = [example for example in examples() if example[0] != "body"]
    for (verb, address, sent), (status, _, answer) in zip(found[::2], found[1::2], strict=True):
        assert verb == "POST"
        yield address, sent, int(status), answer


@pytest.fixture
def hub(centre_organisation: Organisation) -> Iterator[Client]:
    """A hub at the page's moment, with the page's centre and code."""
    with (
        mock.patch("django.utils.timezone.now", return_value=NOW),
        mock.patch.object(services, "new_id", return_value="01JDZ6Y8000000000000000001"),
        mock.patch.object(rules, "new_code", return_value="CAFE3-4679A-CDEFG-HJKMN"),
    ):
        centre = Centre.objects.create(
            id="01JDZ6Y8000000000000000002", organisation=centre_organisation, name="East", city="Zhengzhou"
        )
        services.issue_enrolment_code(actor=SYSTEM, centre_id=centre.id)
        yield Client()


def test_every_call_on_the_page_answers_as_the_page_says(hub: Client) -> None:
    for address, sent, status, expected in calls():
        if address.endswith("commands"):
            (agent,) = Agent.objects.all()
            services.command(agent_id=agent.id, command_id=f"cancel:{RUN}", kind="cancel", body={"run": RUN})
        answer = hub.post(address, sent, content_type="application/json")
        assert answer.status_code == status, answer.content.decode()
        shown = {key: answer.json().get(key) for key in expected}
        assert shown == expected
        if status == 200:
            assert answer.json() == expected
    assert InboxMessage.objects.count() == 1


def test_every_kind_has_an_example_that_is_stored(hub: Client) -> None:
    bodies = {kind: body for verb, kind, body in examples() if verb == "body"}
    assert set(bodies) == set(shapes.MESSAGES)
    address, sent, _, _ = next(calls())
    hub.post(address, sent, content_type="application/json")
    site = Site(Agent.objects.get(), Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    for kind, body in bodies.items():
        assert site.send(kind, body).status_code == 200, kind
        assert InboxMessage.objects.get(kind=kind).body == body


def test_an_example_with_a_key_less_or_more_is_refused(hub: Client) -> None:
    """Negative control: the shapes are as strict as the page says."""
    for verb, kind, body in examples():
        if verb != "body":
            continue
        shape = shapes.MESSAGES[kind]
        assert shape.faults(body, "body") == []
        assert shape.faults({**body, "extra": 1}, "body")
        for key in body.keys() - getattr(shape, "optional", frozenset()):
            assert shape.faults({name: value for name, value in body.items() if name != key}, "body"), key


def test_the_table_of_errors_is_the_codes_table() -> None:
    listed = dict(re.findall(r"^\| `([a-z_.]+)` \| (\d{3}) \|", PAGE.read_text(), re.M))
    assert {code for code in REGISTRY if code.startswith("gateway.")} <= set(listed)
    assert set(problems.STATUSES) <= set(listed)
    classes: dict[str, type[HesuanError]] = {
        "gateway.gap": Conflict,
        "gateway.contradiction": Conflict,
        "centre.after_unknown": Conflict,
        "gateway.poll_stale": Refused,
        "gateway.database_away": Unavailable,
        "run.not_found": NotFound,
        "run.output_digest_differs": Conflict,
        "run.output_not_awaited": NotFound,
    }
    for code, status in listed.items():
        if code != "message.faults":
            facts = {name: name for _, name, _, _ in Formatter().parse(REGISTRY[code].en) if name}
            error = classes.get(code, InputFault)(REGISTRY[code], **facts)
            assert problems.status_of(error) == int(status), code


def test_the_pages_numbers_are_the_codes_numbers() -> None:
    page = PAGE.read_text()
    assert f"{reading.LARGEST_BODY_BYTES:,} bytes" in page
    assert f"at most {reading.DEEPEST} levels" in page
    assert f"at most {shapes.LONGEST_LOG_PIECE:,} characters" in page
    assert f"1 to {shapes.LONGEST_BATCH} of them" in page
    assert f"(0 to {shapes.LONGEST_WAIT_S})" in page
    assert f"at most {outputs.PIECE_BYTES:,} bytes" in page
    assert f"longer than {outputs.MOST_FILES:,} names or {outputs.LONGEST_LIST_BYTES >> 10} KiB" in page
    assert f"more than {outputs.LONGEST_PATH:,} characters" in page
    for state in shapes.STATES:
        assert state in page
    for kind in Command.Kind.values:
        assert f"| `{kind}` | `{{" in page
    told = re.findall(r"`((?:[0-9A-Z] )+[0-9A-Z])`", page)
    assert "".join(told).replace(" ", "") == rules.CODE_ALPHABET
