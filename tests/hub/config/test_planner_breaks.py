"""The planner breaks in the middle of a request for quotes (S19): nothing unchecked is quoted, held or paid.

Over real HTTP: a real server, a real socket, and a planner that fails at the second offering, when the first
has answered. The controls take away what keeps the half that was done out of the books.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from tests.hub.api.world import WORK, World, make_world
from tests.people import Person
from tests.road import publish
from tests.serving import serving

from hesuan.errors import Code, InputFault, Refused
from hesuan.hub.api.models import ApiRequest
from hesuan.hub.identity import services as identity
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.market.models import Order, Quote, QuoteRefusal, QuoteRequest
from hesuan.hub.planning import services as planning
from hesuan.planner.application import AppForecast

pytestmark = pytest.mark.django_db(transaction=True)

INNER = "secret inner detail"
NOT_OURS = Code("planner.not_ours", en=INNER, zh=INNER)
FAULTS = (
    ZeroDivisionError(INNER),
    MemoryError(INNER),
    InputFault(NOT_OURS, where="work.units"),
    Refused(NOT_OURS),
)
"""What breaks; the last two are errors of our own kind, for which nobody who asked is to blame."""
Forecast = Callable[..., Any]


@pytest.fixture
def world(owner: Person, centre_operator: Person, platform_operator: Person) -> World:
    """Two offerings, both measured."""
    made = make_world(owner, centre_operator, platform_operator)
    publish(centre_operator, made.site.agent.centre, title="CPU West")
    return made


@pytest.fixture
def token(owner: Person) -> str:
    return identity.issue_token(actor=owner.actor, label="test")[1]


def failing(fault: Exception, *, at: int = 2) -> Forecast:
    """The planner, which fails from one of its answers on."""
    whole, asked = planning.forecast, []

    def forecast(*told: Any) -> AppForecast:
        asked.append(told)
        if len(asked) >= at:
            raise fault
        return whole(*told)

    return forecast


def post(hub: str, token: str, path: str, body: object, key: str) -> tuple[int, str, dict[str, Any], str]:
    """Status, media type, body, and the body as text."""
    wire = http.client.HTTPConnection(urlsplit(hub).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    try:
        wire.request("POST", f"/api/v1{path}", json.dumps(body).encode(), headers)
        answer = wire.getresponse()
        text = answer.read().decode()
        return answer.status, answer.headers["Content-Type"], json.loads(text), text
    finally:
        wire.close()


def asked(world: World) -> dict[str, object]:
    return {"organisation": world.owner.organisation.id, "work": WORK}


def books() -> list[int]:
    """How much there is of what a request for quotes, an order or a payment leaves."""
    return [one.objects.count() for one in (QuoteRequest, Quote, QuoteRefusal, Order, Transfer)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_nothing_is_quoted_and_the_next_request_is_served(
    fault: Exception, world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = books()
    with serving() as hub:
        with monkeypatch.context() as patch:
            patch.setattr(planning, "forecast", failing(fault))
            status, media, problem, text = post(hub, token, "/quote-requests", asked(world), "k-1")
        assert (status, media, problem["code"]) == (500, "application/problem+json", "api.broken")
        assert set(problem) == {"type", "title", "status", "code", "detail", "where", "facts", "instance"}
        assert set(problem["facts"]) == {"reference"}
        for inner in (INNER, "Traceback", "planner", type(fault).__name__, ".py"):
            assert inner not in text
        assert books() == before
        assert ApiRequest.objects.get().status is None, "the key remembers no answer and is given back"
        for key in ("k-1", "k-2"):  # the same again, and another
            status, _, made, _ = post(hub, token, "/quote-requests", asked(world), key)
            assert status == 201 and len(made["quotes"]) == 2 and made["refusals"] == []


def test_an_order_on_a_quote_of_before_holds_and_pays_what_that_quote_says(
    world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner is asked for quotes alone: a quote binds, and neither hold nor charge asks it again."""
    with serving() as hub:
        made = post(hub, token, "/quote-requests", asked(world), "k-1")[2]["quotes"][0]
        monkeypatch.setattr(planning, "forecast", failing(ZeroDivisionError(INNER), at=1))
        status, _, order, _ = post(hub, token, f"/quotes/{made['id']}/accept", {}, "k-2")
        assert status == 201, order
        assert post(hub, token, "/quote-requests", asked(world), "k-3")[0] == 500
    placed = Order.objects.get(pk=order["id"])
    (held,) = Transfer.objects.filter(kind="hold", id__contains=placed.id)
    assert held.amount_fen == made["document"]["copay_max_fen"]
    world.start(placed)
    receipt = world.end(placed)
    assert 0 < receipt.settlement.charge_fen <= made["document"]["max_charge_fen"]


def test_a_form_is_told_no_more_than_a_program(
    world: World, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = books()
    browser = Client(raise_request_exception=False, headers={"Accept-Language": "en"})
    browser.cookies = owner.client.cookies
    form = {
        "organisation": owner.organisation.id,
        "kind": "app",
        "app": WORK["app"],
        "units": "2000",
        "cores": "2",
        "parameters": "seed = 7",
    }
    with monkeypatch.context() as patch:
        patch.setattr(planning, "forecast", failing(ZeroDivisionError(INNER)))
        answer = browser.post("/quotes/new/", form)
        text = answer.content.decode()
        assert (answer.status_code, "console.broken" in text) == (500, True)
        assert INNER not in text and "Traceback" not in text and books() == before
    assert browser.post("/quotes/new/", form).status_code == 302, "the control: such a form is served"


NONE_AT_ALL = (
    {"mid_ms": -3, "high_ms": -1},
    {"mid_ms": 0},
    {"low_ms": 9_999_999},
    {"high_ms": 1},
    {"mid_ms": float("nan")},
    {"high_ms": 2.5e9},
)


def telling(**wrong: object) -> Forecast:
    """The planner, whose answers are no times."""
    whole = planning.forecast

    def forecast(*told: Any) -> Any:
        answer = whole(*told)
        times = {name: getattr(answer, name) for name in AppForecast.__slots__}
        return SimpleNamespace(**{**times, **wrong})

    return forecast


@pytest.mark.parametrize("wrong", NONE_AT_ALL, ids=str)
def test_no_price_rests_on_a_time_that_is_none(
    wrong: dict[str, object], world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = books()
    with serving() as hub:
        monkeypatch.setattr(planning, "forecast", telling(**wrong))
        status, _, problem, _ = post(hub, token, "/quote-requests", asked(world), "k-1")
    assert (status, problem["code"]) == (500, "api.broken") and books() == before


def test_without_the_door_such_a_time_would_be_quoted(
    world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as hub:
        monkeypatch.setattr(planning, "_forecast", telling(low_ms=9_999_999))
        status, _, made, _ = post(hub, token, "/quote-requests", asked(world), "k-1")
    assert status == 201 and made["quotes"][0]["document"]["prediction"]["low_ms"] == 9_999_999


def test_without_the_door_an_error_of_the_planners_would_be_the_askers_for_good(
    world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as hub:
        with monkeypatch.context() as patch:
            patch.setattr(planning, "_forecast", failing(FAULTS[2]))
            told = post(hub, token, "/quote-requests", asked(world), "k-1")
        assert told[0] == 422 and INNER in told[3]
        assert post(hub, token, "/quote-requests", asked(world), "k-1")[0] == 422, "remembered"


def test_without_one_transaction_a_request_without_answers_would_stay(
    world: World, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = QuoteRequest.objects.count()
    with serving() as hub:
        monkeypatch.setattr(planning, "forecast", failing(ZeroDivisionError(INNER)))
        monkeypatch.setattr("hesuan.hub.market.services.transaction", SimpleNamespace(atomic=nullcontext))
        assert post(hub, token, "/quote-requests", asked(world), "k-1")[0] == 500
    assert QuoteRequest.objects.count() == before + 1
