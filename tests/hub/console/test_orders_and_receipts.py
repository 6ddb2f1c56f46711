"""An order while it runs and when it has ended, and the receipt with its file."""

from __future__ import annotations

import json
import re

from django.test import Client
from tests.hub.console.world import World
from tests.people import Person

from hesuan.hub.settlement import selectors as settlement
from hesuan.wire.checks import Outcome
from hesuan.wire.verify import verify_receipt


def english(person: Person, address: str) -> str:
    """A page in English."""
    person.client.cookies["django_language"] = "en"
    answer = person.client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_the_live_part_asks_for_itself_until_the_receipt_is_signed(world: World, owner: Person) -> None:
    order = world.order(owner)
    live = f"/orders/{order.id}/live/"
    run = world.start(order)
    moving = english(owner, live)
    assert f'hx-get="{live}?seen=' in moving and "running" in moving and "so far" in moving
    world.finish(run)
    assert f'hx-get="{live}?seen=' in english(owner, live)
    world.sign(order)
    still = english(owner, live)
    assert "hx-get" not in still and "receipt signed by the site and logged" in still
    assert moving.startswith('<div id="live"') and still.startswith('<div id="live"')


def test_the_live_part_answers_only_when_there_is_something_new(world: World, owner: Person) -> None:
    order = world.order(owner)
    run = world.start(order)
    again = re.search(r'id="live"[^>]*hx-get="([^"]+)"', english(owner, f"/orders/{order.id}/"))
    assert again is not None
    assert owner.client.get(again[1]).status_code == 204
    world.finish(run)
    assert owner.client.get(again[1]).status_code == 200


def test_the_clock_of_a_run_stops_with_it(world: World, owner: Person) -> None:
    order = world.order(owner)
    clock = f"/orders/{order.id}/elapsed/"
    run = world.start(order)
    assert "so far" in english(owner, clock)
    world.finish(run)
    assert "so far" not in english(owner, clock)


def test_a_part_that_refreshes_itself_never_shows_a_login_form(world: World, owner: Person) -> None:
    order = world.order(owner)
    answer = Client().get(f"/orders/{order.id}/live/", headers={"hx-request": "true"})
    assert (answer.status_code, answer["HX-Refresh"], answer.content) == (401, "true", b"")


def test_what_a_job_prints_is_text_and_never_markup(world: World, owner: Person) -> None:
    order = world.order(owner)
    world.start(order)
    text = english(owner, f"/orders/{order.id}/")
    assert "&lt;b&gt;20000&lt;/b&gt;" in text and "<b>20000" not in text


def test_predicted_stands_beside_actual_with_the_kind_of_each(world: World, owner: Person) -> None:
    receipt = world.settled(owner)
    text = english(owner, f"/orders/{receipt.settlement.order_id}/")
    assert "kind-calibrated" in text and "kind-measured" in text
    assert "12.3 s" in text and "kernel:wait4" in text
    assert "the program&#x27;s own word" in text or "the program's own word" in text


def test_each_attempt_stands_there_with_its_units_and_who_saw_it(world: World, owner: Person) -> None:
    receipt = world.settled(owner)
    page = f"/orders/{receipt.settlement.order_id}/"
    text = english(owner, page)
    assert "26 core-seconds" in text and "kernel:wait4 · kernel" in text
    assert f"run/{receipt.document['run']}/1" in text and "card-seconds" not in text
    owner.client.cookies["django_language"] = "zh-hans"
    chinese = owner.client.get(page).content.decode()
    assert "26 核秒" in chinese and "kernel:wait4 · 内核" in chinese


def test_the_owner_may_cancel_twice_and_a_colleague_has_no_button(
    world: World, owner: Person, colleague: Person
) -> None:
    order = world.order(owner)
    world.start(order)
    assert "Cancel the run" not in english(colleague, f"/orders/{order.id}/")
    for _ in range(2):
        assert owner.client.post(f"/orders/{order.id}/").status_code == 302
    text = english(owner, f"/orders/{order.id}/")
    assert "The end of the run was asked for" in text


def test_an_unknown_run_says_that_nothing_is_charged(world: World, owner: Person) -> None:
    order = world.order(owner)
    run = world.start(order)
    world.report(run, "UNKNOWN")
    assert "Unknown stays unknown" in english(owner, f"/orders/{order.id}/")


def test_a_failed_run_shows_its_exit_status_and_its_charge(world: World, owner: Person) -> None:
    order = world.order(owner)
    world.finish(world.start(order), "FAILED")
    text = english(owner, f"/orders/{order.id}/")
    assert "failed" in text and "exit status 1" in text and "Captured" in text


def test_the_receipt_file_is_what_verify_reads(world: World, owner: Person) -> None:
    receipt = world.settled(owner)
    answer = owner.client.get(f"/receipts/{receipt.id}/file/")
    assert answer.content == settlement.receipt_file(owner.actor, receipt.id)
    assert answer["Content-Disposition"] == f'attachment; filename="receipt-{receipt.id}.json"'
    checks = verify_receipt(answer.content, trust=None).checks
    assert checks and not any(check.outcome is Outcome.BROKEN for check in checks)
    assert json.loads(answer.content)["receipt"]["id"] == receipt.id


def test_the_receipt_page_tells_the_whole_story(world: World, owner: Person) -> None:
    receipt = world.settled(owner)
    text = english(owner, f"/receipts/{receipt.id}/")
    charge = receipt.document["charge"]
    for said in (
        f"hesuan verify receipt-{receipt.id}.json",
        receipt.digest,
        receipt.site_key.replace("+", "+"),
    ):
        assert said in text
    assert f"{charge['billed_s']} started seconds" in text
    assert f'href="/receipts/{receipt.id}/file/"' in text


def test_a_draft_receipt_offers_no_file(world: World, owner: Person) -> None:
    order = world.order(owner)
    world.finish(world.start(order))
    receipt = settlement.receipt_of_order(owner.actor, order.id)
    assert receipt is not None
    text = english(owner, f"/receipts/{receipt.id}/")
    assert "/file/" not in text and "waits for the site" in text
    assert owner.client.get(f"/receipts/{receipt.id}/file/").status_code == 409
