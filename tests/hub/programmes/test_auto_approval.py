"""Approved by the rule: only where all evidence stands fresh and nothing asks for a person."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.programmes import reach, rules, selectors, services
from hesuan.hub.programmes.models import Application
from hesuan.hub.registry import services as registry
from hesuan.hub.registry.services import Proof
from hesuan.hub.worker.loop import tick

from .office import Case, activate, henan_with

pytestmark = pytest.mark.broken_books("I8")
"""The keys that its log was signed with lie in a folder of the test's own."""
AUTO = 'auto_approve: "request.gpu_hours <= 5000"'
EVIDENCE = (
    "\nevidence_required:\n"
    "  - {fact: applicant.size, doc_type: certificate, issuer: regulator, max_age: P12M, check: auto}\n"
)
SMALL = {"request.gpu_hours": 5000}
TODAY = rules.programme_day(timezone.now())


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def case(officer: Person, owner: Person) -> Case:
    return Case(activate(officer, henan_with(AUTO, conditions=EVIDENCE)), owner, officer)


def know_size(clerk: Person, owner: Person, *, since: date, until: date | None = None) -> str:
    return registry.enter_fact(
        actor=clerk.actor,
        organisation_id=owner.organisation.id,
        name="size",
        value="small",
        proof=Proof("Market regulator", since, until),
    ).id


def test_small_and_proved_is_approved_and_issued_without_anybody(
    case: Case, owner: Person, platform_operator: Person
) -> None:
    entry = know_size(platform_operator, owner, since=TODAY - timedelta(days=30))
    application = case.apply(facts=SMALL)
    assert application.state == "AUTO_APPROVED"
    assert application.decision["evidence"] == [
        {"fact": "applicant.size", "entry": entry, "valid_from": str(TODAY - timedelta(days=30))}
    ]
    assert application.decision["auto_approved"] is True and application.decision["trace"]
    assert selectors.waits_on(owner.actor, case.id).role == "clock"
    assert tick().failed == ()
    assert case.road() == [
        "DRAFT by draft",
        "SUBMITTED by submit",
        "AUTO_APPROVED by engine",
        "ISSUED by issue",
    ]
    rows = selectors.steps(owner.actor, case.id)
    assert [row.actor for row in rows[2:]] == ["system", "system"]
    assert Fact.objects.filter(subject=case.id, kind="application.auto_approved").exists()


@pytest.mark.parametrize(
    ("since_days", "until_days", "hours", "why"),
    [
        (None, None, 5000, "nothing is on record"),
        (400, None, 5000, "which counted until"),
        (30, -1, 5000, "is not proved"),
        (30, None, 5001, None),
    ],
    ids=["missing", "too old", "expired", "too large"],
)
def test_otherwise_people_look_and_are_told_why(
    case: Case,
    owner: Person,
    platform_operator: Person,
    since_days: int | None,
    until_days: int | None,
    hours: int,
    why: str | None,
) -> None:
    if since_days is not None:
        until = TODAY + timedelta(days=until_days) if until_days is not None else None
        know_size(platform_operator, owner, since=TODAY - timedelta(days=since_days), until=until)
    application = case.apply(facts={"request.gpu_hours": hours})
    assert application.state == "SUBMITTED"
    assert [why in flag["en"] for flag in application.flags] == ([True] if why else [])
    assert selectors.waits_on(owner.actor, case.id).role == "reviewer"


def test_a_declared_fact_is_no_evidence(case: Case, owner: Person) -> None:
    registry.enter_fact(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        name="size",
        value="small",
        proof=Proof("myself", TODAY),
    )
    application = case.apply(facts=SMALL)
    assert application.state == "SUBMITTED" and "nobody has checked it" in application.flags[0]["en"]


def test_what_was_returned_is_looked_at_by_people_again(
    case: Case, owner: Person, platform_operator: Person
) -> None:
    case.apply(facts=SMALL)
    case.review("rita", "return", "prove your size")
    know_size(platform_operator, owner, since=TODAY)
    services.submit(actor=owner.actor, application_id=case.id)
    assert case.now.state == "SUBMITTED" and "returned before" in case.now.flags[0]["en"]


def test_what_the_clock_cannot_issue_waits_on_an_officer_and_is_not_tried_for_ever(
    officer: Person, owner: Person, platform_operator: Person
) -> None:
    """Two applications for the whole cap of a year: the second finds nothing left."""
    case = Case(activate(officer, henan_with(AUTO)), owner, officer)
    case.apply(planned_fen=500_000_000, facts=SMALL)
    case.apply(planned_fen=500_000_000, facts=SMALL)
    assert tick().failed == ()
    assert sorted(Application.objects.values_list("state", flat=True)) == ["AUTO_APPROVED", "ISSUED"]
    left = Application.objects.get(state="AUTO_APPROVED")
    assert selectors.waits_on(owner.actor, left.id).role == "programme_officer"
    assert left in selectors.queue(officer.actor)
    assert services.advance_due() == 0
    assert Fact.objects.filter(subject=left.id, kind="application.not_issued").count() == 1


def test_a_contract_is_applied_for_once_however_it_is_written(
    officer: Person, owner: Person, stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the platform has no counter for is left aside: the check here is the application's own."""
    monkeypatch.setattr(reach, "findings", lambda document: ())
    cap = "  - {id: once, key: [contract], window: lifetime, limit: 1, counts: claims}\nstacking:"
    case = Case(activate(officer, henan_with().replace("stacking:", cap, 1)), owner, officer)
    first = case.apply(facts={"contract.id": "HT-2026-001"})
    case.owner = stranger
    with pytest.raises(Refused) as refused:
        case.apply(facts={"contract.id": "ht2026-001"})
    assert refused.value.code.name == "application.contract_taken" and first.id in refused.value.sentence()
    case.apply(facts={"contract.id": "HT-2026-002"})
    case.id = first.id
    case.review("rita", "reject")
    case.apply(facts={"contract.id": "HT2026001"})
