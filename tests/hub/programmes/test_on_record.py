"""Applications rest on the record: checked facts, relations to the supplier, aid from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.people import Person, signer

from hesuan.errors import Faults, NotFound, Refused
from hesuan.hub.centres.models import Centre
from hesuan.hub.programmes import engine, onrecord, redemption, rules, services
from hesuan.hub.programmes.models import Application, ProgrammeVersion, Voucher
from hesuan.hub.registry import selectors as registry_selectors
from hesuan.hub.registry import services as registry
from hesuan.hub.registry.services import Proof
from hesuan.policy.book import Book
from hesuan.policy.decision import Aid
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import needed
from hesuan.wire.ids import new_id

from .conftest import HENAN

LONG_AGO = Proof("Market regulator", date(2020, 1, 1))
CONDITIONS = 'all: ["applicant.kind in [enterprise, tech_msme, research_institute, university]"]'


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def programme(officer: Person) -> Callable[..., ProgrammeVersion]:
    """Henan's programme with one more condition, active."""

    def activate(condition: str, *, more: str = "") -> ProgrammeVersion:
        text = HENAN.replace(CONDITIONS, f'all: ["{condition}"]') + more
        assert condition in text
        draft = services.load_programme(actor=officer.actor, text=text, source_name="henan.yaml")
        return services.activate(actor=signer(officer).actor, version_id=draft.id)

    return activate


def apply(person: Person, version: ProgrammeVersion, **more: Any) -> Application:
    told: dict[str, Any] = {"planned_fen": 100_000, "facts": {}, **more}
    return services.apply(
        actor=person.actor, organisation_id=person.organisation.id, version_id=version.id, **told
    )


def carry(application: Application, reviewer: Person, approver: Person) -> Application:
    services.review(actor=reviewer.actor, application_id=application.id, verdict="pass")
    return services.approve(actor=approver.actor, application_id=application.id)


def know(clerk: Person, person: Person, name: str, value: object, proof: Proof = LONG_AGO) -> str:
    return registry.enter_fact(
        actor=clerk.actor, organisation_id=person.organisation.id, name=name, value=value, proof=proof
    ).id


def reasons(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [one["code"] for one in refused.value.facts["reasons"]]  # type: ignore[attr-defined]


# --- Facts ---


def test_a_checked_fact_decides_and_a_declared_one_does_not(
    owner: Person, platform_operator: Person, programme: Callable[..., ProgrammeVersion]
) -> None:
    version = programme("applicant.size == small")
    entry = registry.enter_fact(
        actor=owner.actor, organisation_id=owner.organisation.id, name="size", value="small", proof=LONG_AGO
    )
    with pytest.raises(Refused) as refused:
        apply(owner, version)
    assert reasons(refused) == ["policy.fact_missing"]
    registry.take_step(actor=platform_operator.actor, entry_id=entry.id, to="checked")
    assert apply(owner, version).facts["applicant.size"] == "small"


def test_what_the_registry_knows_stands_above_what_was_said_at_registration(
    owner: Person, platform_operator: Person, henan: ProgrammeVersion
) -> None:
    apply(owner, henan)
    know(platform_operator, owner, "kind", "maker")
    with pytest.raises(Refused) as refused:
        apply(owner, henan)
    assert "`applicant.kind` is maker" in refused.value.sentence()


def test_nobody_states_what_the_registry_knows_but_what_it_no_longer_knows(
    owner: Person, platform_operator: Person, henan: ProgrammeVersion
) -> None:
    told = {"applicant.is_legal_person": True}
    apply(owner, henan, facts=told)
    know(platform_operator, owner, "is_legal_person", False, replace(LONG_AGO, expires_on=date(2020, 12, 31)))
    apply(owner, henan, facts=told)
    know(platform_operator, owner, "is_legal_person", False)
    with pytest.raises(Faults) as faults:
        apply(owner, henan, facts=told)
    assert [fault.code.name for fault in faults.value.faults] == ["application.fact_not_declared"]
    for own in ("applicant.id", "applicant.kind"):
        with pytest.raises(Faults):
            apply(owner, henan, facts={own: "x"})


def test_age_follows_from_the_day_of_founding(
    owner: Person, platform_operator: Person, henan: ProgrammeVersion
) -> None:
    today = rules.programme_day(timezone.now())
    know(platform_operator, owner, "founded_on", date(today.year - 2, today.month, 1).isoformat())
    made = apply(owner, henan)
    assert made.facts["applicant.age_months"] == 24
    assert made.facts["applicant.id"] == owner.organisation.id
    with pytest.raises(Faults):
        apply(owner, henan, facts={"applicant.age_months": 3})


@pytest.mark.parametrize(
    ("begin", "end", "months"),
    [
        ((2025, 1, 31), (2025, 2, 28), 0),
        ((2025, 1, 31), (2025, 3, 31), 2),
        ((2024, 6, 15), (2025, 6, 14), 11),
        ((2024, 6, 15), (2025, 6, 15), 12),
        ((2025, 6, 15), (2024, 6, 15), 0),
    ],
)
def test_months_are_whole(begin: tuple[int, int, int], end: tuple[int, int, int], months: int) -> None:
    assert rules.whole_months(date(*begin), date(*end)) == months


def test_a_fact_withdrawn_before_the_issue_is_missing_at_the_issue(
    owner: Person,
    reviewer: Person,
    approver: Person,
    platform_operator: Person,
    programme: Callable[..., ProgrammeVersion],
) -> None:
    version = programme("applicant.size == small")
    entry = know(platform_operator, owner, "size", "small")
    kept, lost = (carry(apply(owner, version), reviewer, approver) for _ in range(2))
    services.issue(actor=approver.actor, application_id=kept.id)
    registry.take_step(actor=platform_operator.actor, entry_id=entry, to="withdrawn", reason="wrong year")
    with pytest.raises(Refused) as refused:
        services.issue(actor=approver.actor, application_id=lost.id)
    assert reasons(refused) == ["policy.fact_missing"]


def test_a_fact_lost_after_the_issue_ends_no_voucher_by_itself_but_by_suspension(
    owner: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    platform_operator: Person,
    centre: Centre,
    programme: Callable[..., ProgrammeVersion],
) -> None:
    """Decision 0015. Negative control: judged on the facts of today the same use would be refused."""
    version = programme("applicant.size == small")
    services.admit_supplier(
        actor=officer.actor, programme_id=version.programme_id, centre_id=centre.id, reason="on the list"
    )
    entry = know(platform_operator, owner, "size", "small")
    application = carry(apply(owner, version), reviewer, approver)
    voucher = services.issue(actor=approver.actor, application_id=application.id)
    registry.take_step(actor=platform_operator.actor, entry_id=entry, to="withdrawn", reason="grown")
    now = timezone.now()

    used = services.subsidy(voucher_id=voucher.id, charge_fen=10_000, centre_id=centre.id, at=now)
    assert used.subsidy_fen == 2_000, "the award stands on what was proven when it was given"
    with pytest.raises(Refused) as refused:
        apply(owner, version)
    assert reasons(refused) == ["policy.fact_missing"], "and gives no second one"

    application.refresh_from_db()
    today = onrecord.facts_at(application, now)
    assert application.facts["applicant.size"] == "small" and "applicant.size" not in today
    stated = engine.stated(today | {"relation.related_party": False})
    facts = replace(
        redemption.redeem_facts(voucher, charge_fen=10_000, centre_id=centre.id, at=now, related=False),
        stated=stated,
    )
    document = engine.programme_of(version)
    again = decide(document, facts, Book().counters(needed(document, facts)))
    assert [one.code.name for one in again.failures] == ["policy.fact_missing"]

    told = {"organisation_id": owner.organisation.id, "centre_id": centre.id, "charge_fen": 10_000}
    assert services.plan_voucher(**told, at=now) is not None
    services.suspend(actor=reviewer.actor, voucher_id=voucher.id, reason="no longer small")
    assert services.plan_voucher(**told, at=timezone.now()) is None


def test_a_repeated_application_is_the_same_whatever_was_checked_since(
    owner: Person, platform_operator: Person, henan: ProgrammeVersion
) -> None:
    chosen, told = new_id(), {"applicant.is_legal_person": True}
    first = apply(owner, henan, facts=told, application_id=chosen)
    know(platform_operator, owner, "is_legal_person", True)
    assert apply(owner, henan, facts=told, application_id=chosen) == first


def test_applying_opens_the_record_to_the_office(
    owner: Person, reviewer: Person, stranger: Person, henan: ProgrammeVersion, other_office: Person
) -> None:
    here = owner.organisation.id
    made = apply(owner, henan)
    apply(owner, henan)
    assert registry_selectors.organisation(reviewer.actor, here).id == here
    assert [one.because for one in registry_selectors.openings(owner.actor, here)] == [
        f"application:{made.id}"
    ]
    for person in (stranger, other_office):
        with pytest.raises(NotFound):
            registry_selectors.organisation(person.actor, here)


# --- Relations ---


def same_account(*people: Person) -> None:
    for person in people:
        registry.enter_relation(
            actor=person.actor,
            organisation_id=person.organisation.id,
            kind="bank_account",
            value="6222 0210 0112 3456 789",
            proof=LONG_AGO,
        )


@pytest.fixture
def unrelated_only(
    owner: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    centre: Centre,
    programme: Callable[..., ProgrammeVersion],
) -> Voucher:
    """The owner's voucher under a rule against related parties, and the centre admitted."""
    version = programme("relation.related_party == false")
    services.admit_supplier(
        actor=officer.actor, programme_id=version.programme_id, centre_id=centre.id, reason="on the list"
    )
    application = apply(owner, version, facts={"relation.related_party": False})
    carry(application, reviewer, approver)
    return services.issue(actor=approver.actor, application_id=application.id)


def test_a_supplier_with_the_applicants_account_is_not_paid_whatever_was_declared(
    owner: Person, unrelated_only: Voucher, centre: Centre, centre_operator: Person, platform_operator: Person
) -> None:
    def paid_fen(at: Any) -> int:
        told = {"voucher_id": unrelated_only.id, "charge_fen": 10_000, "centre_id": centre.id, "at": at}
        return services.subsidy(**told).subsidy_fen

    before = timezone.now()
    same_account(owner)
    assert paid_fen(timezone.now()) == 2_000
    registry.enter_relation(
        actor=platform_operator.actor,
        organisation_id=centre_operator.organisation.id,
        kind="bank_account",
        value="6222021001123456789",
        proof=LONG_AGO,
    )
    assert paid_fen(timezone.now()) == 0
    assert paid_fen(before) == 2_000, "what was agreed before keeps its charge"
    told = {"organisation_id": owner.organisation.id, "centre_id": centre.id, "charge_fen": 10_000}
    assert services.plan_voucher(**told, at=timezone.now()) is None
    assert services.plan_voucher(**told, at=before) is not None


def test_a_relation_declared_against_oneself_is_believed(owner: Person, centre: Centre) -> None:
    now = timezone.now()
    assert not onrecord.related_to(owner.organisation.id, centre.id, now)
    assert onrecord.related_to(centre.organisation_id, centre.id, now), "one's own centre"
    assert onrecord.with_relation({onrecord.RELATED: True}, related=False) == {onrecord.RELATED: True}
    assert onrecord.with_relation({onrecord.RELATED: "false"}, related=True) == {onrecord.RELATED: True}
    assert onrecord.with_relation({}, related=False) == {onrecord.RELATED: False}


# --- Aid ---


def give(person: Person, amount_fen: int, **more: Any) -> str:
    told: dict[str, Any] = {"authority": "zhengzhou", "scope": "contract", "contract_number": "HT-2026-1"}
    return registry.enter_aid(
        actor=person.actor,
        organisation_id=person.organisation.id,
        amount_fen=amount_fen,
        proof=LONG_AGO,
        **{**told, **more},
    ).id


def test_aid_on_record_for_the_contract_meets_the_rule_about_it(
    owner: Person, henan: ProgrammeVersion
) -> None:
    """Henan's demonstration forbids other public money for the same."""
    give(owner, 1)
    apply(owner, henan)
    apply(owner, henan, facts={"contract.id": "HT-2026-2"})
    with pytest.raises(Refused) as refused:
        apply(owner, henan, facts={"contract.id": "ht2026.1"})
    assert reasons(refused) == ["policy.other_aid_forbidden"]


def test_aid_entered_before_the_issue_counts_at_the_issue(
    owner: Person, henan: ProgrammeVersion, reviewer: Person, approver: Person
) -> None:
    made = carry(apply(owner, henan, facts={"contract.id": "HT-2026-1"}), reviewer, approver)
    give(owner, 500)
    with pytest.raises(Refused) as refused:
        services.issue(actor=approver.actor, application_id=made.id)
    assert reasons(refused) == ["policy.other_aid_forbidden"]


def test_aid_is_counted_up_to_the_invoice_and_as_of_its_moment(owner: Person) -> None:
    before = timezone.now()
    give(owner, 700)
    give(owner, 600, scope="project", contract_number="", project_number="P 7", programme="City")
    give(owner, 900)
    facts: dict[str, Any] = {"contract.id": "HT-2026-1", "project.id": "P7"}

    def counted(at: Any) -> list[Aid]:
        return sorted(
            onrecord.aid_of(owner.organisation.id, facts, invoice_fen=2_000, at=at), key=lambda one: one.scope
        )

    now = timezone.now()
    assert sum(one.amount_fen for one in counted(now)) == 2_000
    assert {one.authority for one in counted(now)} == {"zhengzhou"}
    assert [one.programme for one in counted(now) if one.scope == "project"] == ["City"]
    assert counted(before) == [] == counted(before - timedelta(days=9_000))
