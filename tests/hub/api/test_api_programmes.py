"""From a programme's document to a voucher that pays its share, over the API alone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hub.api.requests import CHENGDU, HENAN
from tests.hub.api.test_api_road import get, post
from tests.hub.api.world import WORK, make_world
from tests.people import Person

from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def henan(officer: Person, approver: Person) -> dict[str, Any]:
    """The active version."""
    draft = post(officer, "programmes", {"text": HENAN, "source_name": "henan.yaml"}).json()
    active: dict[str, Any] = post(approver, f"programme-versions/{draft['id']}/activate").json()
    return active


def application_body(person: Person, version: dict[str, Any], planned: object = "1000.00") -> dict[str, Any]:
    return {
        "organisation": person.organisation.id,
        "programme_version": version["id"],
        "planned_yuan": planned,
        "facts": {},
    }


def test_a_document_is_loaded_linted_and_activated(
    officer: Person, approver: Person, stranger: Person
) -> None:
    loaded = post(officer, "programmes", {"text": HENAN, "source_name": "henan.yaml"})
    draft = loaded.json()
    assert (loaded.status_code, draft["state"], draft["text"]) == (201, "draft", HENAN)
    assert not any(finding["blocks"] for finding in draft["findings"])
    assert get(stranger, f"programme-versions/{draft['id']}").status_code == 404
    refused = post(officer, f"programme-versions/{draft['id']}/activate")
    assert (refused.status_code, refused.json()["code"]) == (403, "programme.role_missing")
    active = post(approver, f"programme-versions/{draft['id']}/activate")
    assert (active.status_code, active.json()["state"]) == (200, "active")
    assert get(stranger, f"programme-versions/{draft['id']}").status_code == 200
    programme = get(stranger, f"programmes/{draft['programme']}").json()
    assert programme["budget"]["left_yuan"] == "50000000.00"


def test_an_open_rule_is_refused_with_every_field_and_its_line(officer: Person, approver: Person) -> None:
    draft = post(officer, "programmes", {"text": CHENGDU, "source_name": "chengdu.yaml"}).json()
    blocking = [finding for finding in draft["findings"] if finding["blocks"]]
    answer = post(approver, f"programme-versions/{draft['id']}/activate")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "programme.open_rule")
    assert problem["facts"]["count"] == len(blocking) > 0
    ordinary = [reason for reason in problem["facts"]["reasons"] if "rate" in reason["field"]]
    assert ordinary and ordinary[0]["where"].startswith("chengdu.yaml:")


def test_every_fault_of_a_document_is_told_with_its_line(officer: Person) -> None:
    text = HENAN.replace("issuer:", "isuer:")
    answer = post(officer, "programmes", {"text": text, "source_name": "henan.yaml"})
    line = HENAN.splitlines().index(next(one for one in HENAN.splitlines() if one.startswith("issuer"))) + 1
    assert answer.status_code == 422
    assert f"henan.yaml:{line}" in {fault["where"].rpartition(":")[0] for fault in answer.json()["faults"]}


def test_three_people_carry_an_application_to_its_voucher(
    henan: dict[str, Any], owner: Person, colleague: Person, reviewer: Person, approver: Person
) -> None:
    key = new_id()
    made = post(owner, "applications", application_body(owner, henan), key=key)
    assert (made.status_code, made.json()["id"], made.json()["state"]) == (201, key, "SUBMITTED")
    assert [one["id"] for one in get(reviewer, "applications?waiting=true").json()["items"]] == [key]
    verdict = {"verdict": "pass", "note": "complete"}
    assert post(reviewer, f"applications/{key}/review", verdict).json()["state"] == "UNDER_REVIEW"
    early = post(approver, f"applications/{key}/issue")
    assert (early.status_code, early.json()["code"]) == (409, "application.wrong_state")
    assert post(approver, f"applications/{key}/approve", {"verdict": "pass"}).json()["state"] == "APPROVED"
    issued = post(approver, f"applications/{key}/issue")
    voucher = issued.json()
    assert (issued.status_code, voucher["face_yuan"]) == (201, "200.00")  # 20 % of what is planned
    assert get(colleague, f"vouchers/{voucher['code']}").json() == voucher
    (movement,) = get(owner, f"vouchers/{voucher['id']}/transfers").json()["items"]
    assert (movement["code"], movement["side"], movement["amount_yuan"]) == ("issue", "credit", "200.00")


def test_one_person_with_two_roles_does_not_carry_an_application_alone(
    henan: dict[str, Any], owner: Person, reviewer: Person, security_admin: Person
) -> None:
    from hesuan.hub.identity import services

    services.grant_role(
        actor=security_admin.actor,
        identity_id=reviewer.identity.id,
        organisation_id=reviewer.organisation.id,
        role="approver",
    )
    made = post(owner, "applications", application_body(owner, henan)).json()
    post(reviewer, f"applications/{made['id']}/review", {"verdict": "pass"})
    answer = post(reviewer, f"applications/{made['id']}/approve", {"verdict": "pass"})
    assert (answer.status_code, answer.json()["code"]) == (403, "application.same_person")


@pytest.mark.parametrize("planned", [1000, 1000.0, "1e3", "1,000.00", "-5", ""])
def test_an_amount_is_a_decimal_string(henan: dict[str, Any], owner: Person, planned: object) -> None:
    answer = post(owner, "applications", application_body(owner, henan, planned))
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["where"] == "planned_yuan"
    code = "api.fraction_refused" if isinstance(planned, float) else "money.not_an_amount"
    assert answer.json()["code"] == code


def test_a_supplier_is_admitted_for_an_item_and_days_and_its_admission_ended(
    henan: dict[str, Any], officer: Person, centre_operator: Person, owner: Person, platform_operator: Person
) -> None:
    world = make_world(owner, centre_operator, platform_operator)
    here = f"programmes/{henan['programme']}/suppliers"
    scope = {"batch": "2026-1", "service_item": "compute", "valid_from": "2026-03-01", "valid_until": None}
    told = {"centre": world.site.agent.centre_id, "reason": "on the list", **scope}
    made = post(officer, here, told)
    assert (made.status_code, {key: made.json()[key] for key in scope}) == (201, scope)
    ended = post(officer, f"supplier-admissions/{made.json()['id']}/end", {"reason": "off the list"})
    assert (ended.status_code, ended.json()["ended_on"] is not None) == (200, True)
    (listed,) = get(owner, f"programmes/{henan['programme']}").json()["suppliers"]
    assert listed == ended.json()
    wrong = post(officer, here, {**told, "valid_from": "March"})
    assert wrong.status_code == 422 and "valid_from" in wrong.text


def test_a_voucher_pays_its_share_of_an_order(
    henan: dict[str, Any],
    owner: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    centre_operator: Person,
    platform_operator: Person,
    ledger_balances: None,
) -> None:
    world = make_world(owner, centre_operator, platform_operator)
    supplier = {"centre": world.site.agent.centre_id, "reason": "on the list"}
    assert post(officer, f"programmes/{henan['programme']}/suppliers", supplier).status_code == 201
    made = post(owner, "applications", application_body(owner, henan)).json()["id"]
    post(reviewer, f"applications/{made}/review", {"verdict": "pass"})
    post(approver, f"applications/{made}/approve", {"verdict": "pass"})
    voucher = post(approver, f"applications/{made}/issue").json()["id"]

    asked = post(owner, "quote-requests", {"organisation": owner.organisation.id, "work": WORK}).json()
    (quote,) = asked["quotes"]
    assert quote["document"]["expected"] == {"charge_fen": 60, "voucher_fen": 12, "copay_fen": 48}
    order_id = post(owner, f"quotes/{quote['id']}/accept", key=new_id()).json()["id"]
    assert get(owner, f"vouchers/{voucher}").json()["held_yuan"] == "2.40"
    order = world.placed_order(order_id)
    world.start(order)
    world.end(order)
    paid = get(owner, f"orders/{order_id}").json()["settlement"]
    parts = ("charge_yuan", "voucher_captured_yuan", "copay_captured_yuan")
    assert [paid[part] for part in parts] == ["0.60", "0.12", "0.48"]
    assert paid["trace"] and all(line["en"] and line["zh"] for line in paid["trace"])
    after = get(owner, f"vouchers/{voucher}").json()
    assert (after["available_yuan"], after["held_yuan"], after["redeemed_yuan"]) == ("199.88", "0.00", "0.12")


def test_the_applicant_completes_what_was_returned_and_sees_what_it_waits_on(
    henan: dict[str, Any], owner: Person, reviewer: Person
) -> None:
    made = post(owner, "applications", {**application_body(owner, henan), "draft": True}).json()
    here = f"applications/{made['id']}"
    assert (made["state"], made["waits_on"]["role"]) == ("DRAFT", "owner")
    assert get(reviewer, here).status_code == 404
    assert post(owner, f"{here}/submit").json()["waits_on"]["step"] == "reviewer"
    silent = post(reviewer, f"{here}/review", {"verdict": "return"})
    assert (silent.status_code, silent.json()["code"]) == (409, "application.reason_missing")
    post(reviewer, f"{here}/review", {"verdict": "return", "note": "twice as much by the contract"})
    waits = get(owner, here).json()["waits_on"]
    assert waits["role"] == "owner" and "twice as much" in waits["sentence"]["zh"]
    assert post(owner, f"{here}/amend", {"planned_yuan": "2000.00"}).json()["planned_yuan"] == "2000.00"
    again = post(owner, f"{here}/submit").json()
    assert (again["state"], again["round"], again["decision"]["subsidy_fen"]) == ("SUBMITTED", 2, 40_000)
    steps = get(owner, f"{here}/steps").json()
    assert [one["to_state"] for one in steps] == ["DRAFT", "SUBMITTED", "RETURNED", "SUBMITTED"]
    assert steps[2]["reason"] == "twice as much by the contract" and "actor" not in steps[2]


CLAIMS = (
    "claim,on,kind,amount,applicant.kind\n"
    "c1,2026-01-05,compute,100000.00,enterprise\nc2,2026-02-05,compute,250000.00,enterprise\n"
)


def test_a_year_of_claims_is_tried_with_the_grid_of_rates_and_caps(
    officer: Person, stranger: Person, auditor: Person, henan: dict[str, Any]
) -> None:
    """20 % of 350,000.00; five points more are 87,500.00. The version is public, trying it is not."""
    address = f"programme-versions/{henan['id']}/simulate"
    answer = post(officer, address, {"file_name": "claims.csv", "content": CLAIMS})
    tried = answer.json()
    assert (answer.status_code, tried["claims"], tried["granted"]) == (200, 2, 2)
    assert (tried["asked_yuan"], tried["subsidy_yuan"]) == ("350000.00", "70000.00")
    assert [one["running_yuan"] for one in tried["months"]] == ["20000.00", "70000.00"]
    cells = {(one["rate_permille"], one["cap_permille"]): one for one in tried["grid"]}
    assert len(cells) == 25 and [key for key, one in cells.items() if one["is_written"]] == [(0, 1000)]
    assert cells[0, 1000]["subsidy_yuan"] == "70000.00"
    assert cells[50, 1000]["subsidy_yuan"] == "87500.00"
    assert post(auditor, address, {"file_name": "c.csv", "content": CLAIMS}).status_code == 200
    refused = post(stranger, address, {"file_name": "claims.csv", "content": CLAIMS})
    assert (refused.status_code, refused.json()["code"]) == (404, "programme.not_found")
    wrong = post(
        officer, address, {"file_name": "claims.csv", "content": CLAIMS.replace("2026-01-05", "soon")}
    )
    assert wrong.status_code == 422 and "claims.csv:2:" in wrong.content.decode()
    assert post(officer, address, {"file_name": "claims.csv"}).status_code == 422
