"""Find, quote, run, meter, settle, audit and warn over the API, as owner, colleague and stranger."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.hub.api.world import WORK, World, make_world, pay_in
from tests.people import Person
from tests.road import usage

from hesuan.hub.audit import services as audit
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.market.models import Order
from hesuan.hub.settlement.models import Receipt
from hesuan.wire.ids import new_id
from hesuan.wire.leaves import opens
from hesuan.wire.verify import verify_receipt

pytestmark = pytest.mark.django_db

API = "/api/v1"


@pytest.fixture
def world(owner: Person, centre_operator: Person, platform_operator: Person, ledger_balances: None) -> World:
    return make_world(owner, centre_operator, platform_operator)


@pytest.fixture
def order(world: World, owner: Person) -> Order:
    return world.order_for(owner)


@pytest.fixture
def receipt(world: World, order: Order) -> Receipt:
    world.start(order)
    return world.end(order)


def post(person: Person, path: str, body: object | None = None, key: str = "", language: str = "en") -> Any:
    headers = {"Accept-Language": language, **({"Idempotency-Key": key} if key else {})}
    content = b"" if body is None else json.dumps(body)
    return person.client.post(f"{API}/{path}", content, content_type="application/json", headers=headers)


def get(person: Person, path: str) -> Any:
    return person.client.get(f"{API}/{path}", headers={"Accept-Language": "en"})


# -- find and quote --------------------------------------------------------------------------------------


def test_an_offering_shows_its_price_and_what_was_measured(world: World, stranger: Person) -> None:
    (one,) = get(stranger, "offerings").json()["items"]
    assert (one["title"], one["centre_name"], one["city"]) == ("CPU East", "Zhengzhou East", "Zhengzhou")
    assert one["price_yuan_per_core_hour"] == "360.00"
    (evidence,) = one["evidence"]
    assert (evidence["app"], evidence["cores"], evidence["kind"]) == ("omics-match", 2, "measured")
    assert evidence["points"][0] == {"units": 1000, "wall_ms": 1500}


def test_evidence_of_another_app_is_left_out(world: World, owner: Person) -> None:
    (one,) = get(owner, "offerings?app=other").json()["items"]
    assert one["evidence"] == []


def test_a_colleague_asks_and_gets_quotes_with_reasons(
    world: World, owner: Person, colleague: Person
) -> None:
    body = {"organisation": owner.organisation.id, "work": WORK}
    answer = post(colleague, "quote-requests", body)
    assert answer.status_code == 201
    (quote,) = answer.json()["quotes"]
    assert quote["document"]["max_charge_fen"] == 1200
    assert quote["document"]["reasons"][0]["en"].startswith("Ranked 1 of 1")
    assert get(owner, f"quotes/{quote['id']}").json() == quote
    assert get(owner, f"quote-requests/{answer.json()['id']}").json() == answer.json()


def test_an_offering_that_cannot_quote_says_why(world: World, owner: Person) -> None:
    work = {**WORK, "app": "omics-mtch"}
    answer = post(owner, "quote-requests", {"organisation": owner.organisation.id, "work": work}).json()
    (refusal,) = answer["refusals"]
    assert (answer["quotes"], refusal["code"]) == ([], "offering.app_not_installed")
    assert refusal["sentence"]["zh"] and refusal["offering_title"] == "CPU East"


def test_every_fault_of_a_work_order_is_told_with_its_place(world: World, owner: Person) -> None:
    work = {"kind": "app", "app": "omics-match", "unts": 5, "cores": 0}
    answer = post(owner, "quote-requests", {"organisation": owner.organisation.id, "work": work})
    problem = answer.json()
    assert answer.status_code == 422
    told = {(fault["where"], fault["code"]) for fault in problem["faults"]}
    assert told == {
        ("work", "work.missing_key"),
        ("work.unts", "input.unknown_key"),
        ("work.cores", "work.wrong_value"),
    }
    assert "Did you mean `units`?" in str(problem["faults"])
    assert not any(fault["detail"].startswith("work") for fault in problem["faults"])


@pytest.mark.parametrize("units", [2000.0, "2000"])
def test_units_are_whole_numbers(world: World, owner: Person, units: object) -> None:
    work = {**WORK, "units": units}
    answer = post(owner, "quote-requests", {"organisation": owner.organisation.id, "work": work})
    assert answer.status_code == 422
    assert [fault["where"] for fault in answer.json()["faults"]] == ["work.units"]


def test_an_unknown_member_of_a_body_names_the_nearest(owner: Person) -> None:
    answer = post(owner, "quote-requests", {"organization": owner.organisation.id, "work": WORK})
    codes = {(fault["where"], fault["code"]) for fault in answer.json()["faults"]}
    assert codes == {("organization", "input.unknown_key"), ("organisation", "api.missing")}
    assert "Did you mean `organisation`?" in str(answer.json()["faults"])


# -- accept ----------------------------------------------------------------------------------------------


def test_accepting_holds_the_money_once_however_often_it_is_sent(world: World, owner: Person) -> None:
    quote = world.quote_for(owner)
    key = new_id()
    first = post(owner, f"quotes/{quote.id}/accept", key=key)
    again = post(owner, f"quotes/{quote.id}/accept", key=key)
    assert (first.status_code, first.json()["id"]) == (201, key)
    assert again.content == first.content
    assert Transfer.objects.filter(kind="hold").count() == 1
    balance = get(owner, f"organisations/{owner.organisation.id}").json()["balance"]
    assert balance == {"available_yuan": "9988.00", "held_yuan": "12.00", "posted_yuan": "10000.00"}


def test_accepting_wants_a_key(world: World, owner: Person) -> None:
    answer = post(owner, f"quotes/{world.quote_for(owner).id}/accept")
    assert (answer.status_code, answer.json()["code"]) == (400, "api.key_missing")
    assert not Order.objects.exists()


def test_a_colleague_may_not_spend_and_a_stranger_knows_of_nothing(
    world: World, owner: Person, colleague: Person, stranger: Person
) -> None:
    quote = world.quote_for(owner)
    refused = post(colleague, f"quotes/{quote.id}/accept", key=new_id())
    assert (refused.status_code, refused.json()["code"]) == (403, "market.role_missing")
    unknown = post(stranger, f"quotes/{quote.id}/accept", key=new_id())
    nothing = post(stranger, f"quotes/{new_id()}/accept", key=new_id())
    assert (unknown.status_code, nothing.status_code) == (404, 404)
    assert unknown.json()["code"] == nothing.json()["code"] == "quote.not_found"


def test_a_strangers_key_that_is_an_order_of_ours_changes_nothing(
    world: World, order: Order, stranger: Person
) -> None:
    """The key becomes the order's id: somebody else's id must not reach somebody else's order."""
    pay_in(stranger)
    quote = world.quote_for(stranger)
    answer = post(stranger, f"quotes/{quote.id}/accept", key=order.id)
    assert answer.status_code == 409
    assert order.quote_id not in answer.content.decode()


def test_a_balance_too_small_is_refused_with_both_figures(world: World, stranger: Person) -> None:
    quote = world.quote_for(stranger)
    answer = post(stranger, f"quotes/{quote.id}/accept", key=new_id())
    assert (answer.status_code, answer.json()["code"]) == (409, "order.balance_insufficient")
    assert "¥12.00" in answer.json()["detail"] and "¥0.00" in answer.json()["detail"]


# -- run, meter, settle ----------------------------------------------------------------------------------


def test_an_order_is_followed_from_its_log_to_its_receipt(
    world: World, order: Order, colleague: Person
) -> None:
    assert get(colleague, f"orders/{order.id}").json()["run"]["state"] == "CREATED"
    world.start(order)
    log = get(colleague, f"orders/{order.id}/log").json()
    assert (log["text"], log["run_state"]) == ("matching 2000 samples\n", "RUNNING")
    assert get(colleague, f"orders/{order.id}/log?offset={log['next_offset']}").json()["text"] == ""
    early = get(colleague, f"orders/{order.id}/usage")
    assert (early.status_code, early.json()["code"]) == (404, "usage.not_yet")
    world.end(order)
    done = get(colleague, f"orders/{order.id}").json()
    assert (done["state"], done["run"]["state"], done["receipt_state"]) == ("SETTLED", "COMPLETED", "SIGNED")
    assert done["settlement"]["charge_yuan"] == "0.60"
    assert [one["state"] for one in done["run"]["states"]] == ["RUNNING", "COMPLETED"]


def test_usage_tells_who_observed_it(receipt: Receipt, owner: Person) -> None:
    told = get(owner, f"orders/{receipt.settlement.order_id}/usage").json()
    assert (told["wall_ms"], told["cpu_ms"], told["held_core_s"]) == (2500, 5000, 6)
    assert (told["evidence"], told["result"]) == (
        "kernel:wait4",
        {"recall_ppm": 991_000, "note": "said by the program itself"},
    )
    (attempt,) = told["attempts"]
    assert attempt["key"] == f"run/{receipt.document['run']}/1"
    assert (attempt["wall_ms"], attempt["core_s"], attempt["card_s"]) == (2500, 6, None)
    assert (attempt["evidence_class"], attempt["raw_digest"]) == ("kernel", told["digest"])


def test_two_records_that_do_not_agree_are_shown_and_the_first_stands(
    world: World, receipt: Receipt, colleague: Person
) -> None:
    order = receipt.settlement.order
    world.say([usage(order.run.id, wall_ms=99_000)])
    (finding,) = get(colleague, f"orders/{order.id}/findings").json()["items"]
    assert finding["kind"].startswith("usage.") and finding["facts"]
    assert get(colleague, f"orders/{order.id}/usage").json()["wall_ms"] == 2500


def test_a_receipt_file_verifies_byte_for_byte(receipt: Receipt, owner: Person) -> None:
    answer = get(owner, f"receipts/{receipt.id}/file")
    assert answer.headers["Content-Type"] == "application/json"
    assert verify_receipt(answer.content, trust=None).charge_fen == 60
    altered = answer.content.replace(b'"charge_fen":60', b'"charge_fen":61', 1)
    assert altered != answer.content
    assert verify_receipt(altered, trust=None).result != verify_receipt(answer.content, trust=None).result


def test_a_receipt_without_its_signature_is_not_handed_out(world: World, order: Order, owner: Person) -> None:
    world.start(order)
    draft = world.end(order, signed=False)
    answer = get(owner, f"receipts/{draft.id}/file")
    assert (answer.status_code, answer.json()["code"]) == (409, "receipt.not_signed")


def test_a_run_that_failed_is_charged_by_the_stated_rule(world: World, order: Order, owner: Person) -> None:
    world.start(order)
    world.end(order, "FAILED")
    done = get(owner, f"orders/{order.id}").json()
    assert (done["run"]["state"], done["run"]["exit_status"]) == ("FAILED", 3)
    assert done["settlement"]["share_percent"] == 100


def test_cancelling_asks_the_agent_and_waits_for_its_word(world: World, order: Order, owner: Person) -> None:
    world.start(order)
    answer = post(owner, f"orders/{order.id}/cancel")
    assert (answer.status_code, answer.json()["run"]["state"]) == (202, "RUNNING")
    kinds = [one["kind"] for one in world.site.poll().json()["commands"]]
    assert kinds[-1] == "cancel"


# -- audit and warn --------------------------------------------------------------------------------------


def test_the_facts_of_an_order_are_found_by_order_and_by_receipt(receipt: Receipt, owner: Person) -> None:
    by_order = get(owner, f"orders/{receipt.settlement.order_id}/facts").json()
    by_receipt = get(owner, f"receipts/{receipt.id}/facts").json()
    assert by_order == by_receipt
    kinds = [fact["kind"] for fact in by_order["facts"]]
    assert kinds == [
        "quote.requested",
        "order.placed",
        "run.finished",
        "usage.recorded",
        "order.settled",
        "receipt.issued",
    ]
    for fact in by_order["facts"]:
        assert opens(fact["leaf"], **fact["private"]), fact["kind"]
        assert fact["private"]["record"]["subject"] == fact["subject"]


def test_whoever_else_sees_the_order_opens_nothing(receipt: Receipt, centre_operator: Person) -> None:
    """The centre's people: they see that it is logged, and not what the firm ordered or from whom it is."""
    facts = get(centre_operator, f"orders/{receipt.settlement.order_id}/facts").json()["facts"]
    assert len(facts) == 6 and all(fact["private"] is None for fact in facts)


def test_a_record_that_is_not_the_firms_own_stays_shut(
    receipt: Receipt, owner: Person, auditor: Person
) -> None:
    order = receipt.settlement.order_id
    said = {"reason": "looked into"}
    audit.record(kind="finding.raised", subject=order, actor="system", private=said)
    for person, opened in ((owner, False), (auditor, True)):
        facts = get(person, f"orders/{order}/facts").json()["facts"]
        one = next(fact for fact in facts if fact["kind"] == "finding.raised")
        assert (one["private"] is not None) is opened


def test_an_auditor_opens_what_a_leaf_commits_to(receipt: Receipt, auditor: Person) -> None:
    facts = get(auditor, f"receipts/{receipt.id}/facts").json()["facts"]
    assert any(fact["private"] for fact in facts)


def test_the_log_is_public_and_its_proofs_lead_to_the_checkpoint(receipt: Receipt, client: Any) -> None:
    checkpoint = client.get(f"{API}/log/checkpoint").json()
    leaves = client.get(f"{API}/log/leaves?from=0&count=3").json()
    assert (len(leaves["leaves"]), leaves["size"]) == (3, checkpoint["size"])
    proof = client.get(f"{API}/log/inclusion/2").json()
    assert proof["checkpoint"] == checkpoint["note"]
    assert json.loads(leaves["leaves"][2]) == proof["leaf"]
    assert client.get(f"{API}/log/inclusion/100000").status_code == 404
    assert client.get(f"{API}/log/key").json()["key"].startswith("localhost/hesuan/platform+")
    size = checkpoint["size"]
    assert client.get(f"{API}/log/consistency?first=2&second={size}").json()["hashes"]


def test_lists_come_in_pages(world: World, owner: Person) -> None:
    made = [world.quote_for(owner).request_id for _ in range(3)]
    first = get(owner, "quote-requests?limit=2").json()
    second = get(owner, f"quote-requests?limit=2&cursor={first['next']}").json()
    shown = [one["id"] for one in [*first["items"], *second["items"]]]
    assert (shown, second["next"]) == (made[::-1], None)
    assert get(owner, "quote-requests?cursor=elsewhere").json()["code"] == "api.cursor_unknown"
    assert get(owner, "quote-requests?limit=201").status_code == 422
