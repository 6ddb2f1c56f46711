"""Aid from elsewhere, and the search for one contract or invoice that is used twice."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.registry.conftest import PROOF
from tests.people import Person

from hesuan.errors import Faults, InputFault, Refused
from hesuan.hub.registry import numbers, selectors, services, standing
from hesuan.hub.registry.models import AidEntry, NumberUse
from hesuan.wire.ids import new_id

DAY = date(2026, 6, 1)


def aid(person: Person, **more: Any) -> AidEntry:
    told: dict[str, Any] = {
        "authority": "zhengzhou",
        "scope": "contract",
        "amount_fen": 10_000,
        "contract_number": "(2026)合字-001",
        "invoice_number": "No. 0123",
        "programme": "City vouchers",
        "proof": PROOF,
    }
    return services.enter_aid(actor=person.actor, organisation_id=person.organisation.id, **{**told, **more})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("（２０２６）-合 001／A", "(2026)合001/a", True),
        ("HT_2026.001", "ht2026001", True),
        ("001", "1", False),
        ("合同1号", "合同2号", False),
        ("Straße-1", "STRASSE1", True),
    ],
)
def test_two_writings_of_one_number_are_one(one: str, other: str, same: bool) -> None:
    assert (numbers.number_sha256(one) == numbers.number_sha256(other)) is same


def test_a_number_of_which_nothing_is_left_matches_nothing(owner: Person) -> None:
    assert numbers.number_sha256(" -/。 ") == ""
    assert (
        services.note_number(
            kind="invoice", number="--", organisation_id=owner.organisation.id, used_by="claim:1"
        )
        is None
    )
    assert standing.doubles(kind="invoice", number="--", besides="") == []


@given(st.text(max_size=40))
def test_a_normal_form_stays_as_it_is(text: str) -> None:
    assert numbers.normal(numbers.normal(text)) == numbers.normal(text)


def test_aid_for_a_contract_or_a_project_is_found_by_any_writing(owner: Person, stranger: Person) -> None:
    city = aid(owner)
    project = aid(owner, scope="project", contract_number="", project_number="P-7", amount_fen=500)
    aid(stranger)
    here = owner.organisation.id
    assert standing.aid_for(here, DAY, contract_number="（2026）合字001") == [city]
    assert standing.aid_for(here, DAY, contract_number="2026合字001", project_number="p7") == [city, project]
    assert standing.aid_for(here, DAY) == [] == standing.aid_for(here, DAY, contract_number="-")
    assert standing.aid_for(here, date(2025, 12, 31), project_number="P7") == []


def test_declared_aid_counts_until_somebody_else_refuses_it(owner: Person, opened: Person) -> None:
    made = aid(owner)
    here, moment = owner.organisation.id, timezone.now()
    with pytest.raises(Refused):
        services.take_step(actor=owner.actor, entry_id=made.id, to="withdrawn", reason="changed my mind")
    assert standing.aid_for(here, DAY, contract_number="2026合字001") == [made]
    services.take_step(actor=opened.actor, entry_id=made.id, to="refused", reason="another contract")
    assert standing.aid_for(here, DAY, contract_number="2026合字001") == []
    assert standing.aid_for(here, DAY, contract_number="2026合字001", known_at=moment) == [made]


def test_everything_wrong_with_aid_is_told_at_once(owner: Person) -> None:
    with pytest.raises(Faults) as faults:
        aid(owner, authority="", scope="contract", amount_fen=0, contract_number="--")
    assert [fault.where for fault in faults.value.faults] == ["authority", "amount", "contract_number"]
    for wrong in ({"scope": "planet"}, {"amount_fen": True}, {"amount_fen": 2**53}, {"scope": "project"}):
        with pytest.raises(Faults):
            aid(owner, **wrong)
    assert AidEntry.objects.count() == 0 == NumberUse.objects.count()


def test_one_invoice_in_two_programmes_is_found_across_organisations(
    owner: Person, stranger: Person, reviewer: Person, auditor: Person
) -> None:
    chosen = new_id()
    first = aid(owner, entry_id=chosen)
    assert aid(owner, entry_id=chosen) == first
    services.note_number(
        kind="invoice",
        number="no０１２３",
        organisation_id=stranger.organisation.id,
        used_by="claim:9",
        programme="province",
        amount_fen=10_000,
    )
    for person in (reviewer, auditor):
        uses = standing.number_uses(person.actor, "invoice", "NO 0123")
        assert [one.used_by for one in uses] == [f"aid:{first.id}", "claim:9"]
    assert [one.used_by for one in standing.number_uses(stranger.actor, "invoice", "NO 0123")] == ["claim:9"]
    assert [one.used_by for one in standing.doubles(kind="invoice", number="NO0123", besides="claim:9")] == [
        f"aid:{first.id}"
    ]
    assert standing.doubles(kind="contract", number="NO0123", besides="claim:9") == []
    with pytest.raises(InputFault):
        standing.number_uses(reviewer.actor, "passport", "1")


def test_over_the_api(owner: Person, opened: Person) -> None:
    body = {
        "issuer": "Zhengzhou Finance Bureau",
        "valid_from": "2026-03-01",
        "authority": "zhengzhou",
        "scope": "contract",
        "contract_number": "HT-1",
        "amount_yuan": "1200.50",
    }
    address = f"/api/v1/organisations/{owner.organisation.id}/aid"
    made = owner.client.post(address, body, content_type="application/json")
    assert made.status_code == 201 and made.json()["aid"]["amount_yuan"] == "1200.50"
    waiting = opened.client.get("/api/v1/registry-entries").json()["items"]
    assert [one["id"] for one in waiting] == [made.json()["id"]]
    step = {"to": "checked", "reason": "seen the letter"}
    entry = f"/api/v1/registry-entries/{made.json()['id']}"
    assert opened.client.post(entry + "/steps", step, content_type="application/json").status_code == 200
    assert [one["to_state"] for one in owner.client.get(entry).json()["steps"]] == ["declared", "checked"]
    assert [one.state for one in selectors.aid(opened.actor, owner.organisation.id)] == ["checked"]
