"""Who may act: every step a person of its own, a second approver above a limit, no conflict of interest."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.people import Person, make_organisation, make_person

from hesuan.errors import Faults, NotFound, Refused
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.services import grant_role
from hesuan.hub.programmes import application_selectors, selectors, services
from hesuan.hub.registry import services as registry
from hesuan.hub.registry.services import Proof

from .office import Case, activate, henan_with

STEPS = "else_steps: [county, bureau, finance]"
LIMIT = 'second_approver_above: "200.00"'


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def case_of(officer: Person, owner: Person, issuance: str = "") -> Case:
    return Case(activate(officer, henan_with(issuance)), owner, officer)


def refused_code(verb: Any, *args: Any) -> str:
    with pytest.raises(Refused) as refused:
        verb(*args)
    return refused.value.code.name


def test_the_steps_come_in_the_documents_order(officer: Person, owner: Person) -> None:
    case = case_of(officer, owner, STEPS)
    case.apply()
    waited = []
    for verb, name in ((case.review, "cora"), (case.review, "bruno"), (case.approve, "fang")):
        waits = selectors.waits_on(owner.actor, case.id)
        waited.append((waits.step, waits.role))
        verb(name)
    assert waited == [("county", "reviewer"), ("bureau", "reviewer"), ("finance", "approver")]
    assert case.now.state == "APPROVED"


def test_one_person_takes_one_step(officer: Person, owner: Person) -> None:
    case = case_of(officer, owner, STEPS)
    case.apply()
    case.review("cora")
    assert case.review("cora").state == "UNDER_REVIEW"  # the same word again changes nothing
    assert len(case.road()) == 3
    assert refused_code(case.review, "cora", "reject") == "application.same_person"
    assert case.now not in selectors.queue(case.person("cora", "reviewer").actor)
    case.review("bruno")
    assert case.road()[-1] == "UNDER_REVIEW by review.pass"


def test_who_took_a_step_takes_the_same_one_after_a_return_and_no_other(
    officer: Person, owner: Person
) -> None:
    case = case_of(officer, owner, STEPS)
    case.apply()
    case.review("cora")
    case.review("bruno", "return")
    services.submit(actor=owner.actor, application_id=case.id)
    assert refused_code(case.review, "bruno") == "application.same_person"
    case.review("cora")
    case.review("bruno")


@pytest.mark.parametrize(
    ("planned_fen", "people"), [(100_000, ["adam"]), (100_001, ["adam"]), (100_005, ["adam", "anna"])]
)
def test_above_the_limit_two_people_approve(
    officer: Person, owner: Person, planned_fen: int, people: list[str]
) -> None:
    """20 % of 1000.05 is 200.01: one fen above."""
    case = case_of(officer, owner, LIMIT)
    case.apply(planned_fen=planned_fen)
    case.review("rita")
    case.approve("adam")
    if people == ["adam"]:
        assert case.now.state == "APPROVED"
        return
    assert case.now.state == "UNDER_REVIEW"
    waits = selectors.waits_on(owner.actor, case.id)
    assert (waits.step, waits.role) == ("second_approver", "approver")
    assert refused_code(case.approve, "adam", "reject") == "application.same_person"
    assert refused_code(case.issue) == "application.wrong_state"
    case.approve("anna")
    assert case.now.state == "APPROVED"


def test_another_office_takes_the_countys_step(
    officer: Person, owner: Person, other_office: Person, stranger: Person
) -> None:
    case = case_of(officer, owner, STEPS)
    county = make_person("carla", other_office.organisation, "reviewer")
    case.apply()
    with pytest.raises(NotFound):
        services.review(actor=county.actor, application_id=case.id, verdict="pass")
    services.assign_desk(
        actor=officer.actor,
        programme_id=case.version.programme_id,
        step="county",
        office_id=other_office.organisation.id,
    )
    assert refused_code(case.review, "rita") == "programme.role_missing"
    assert case.now in selectors.queue(county.actor)
    services.review(actor=county.actor, application_id=case.id, verdict="pass")
    assert case.now not in selectors.queue(county.actor)
    late = make_person("cleo", other_office.organisation, "reviewer")
    with pytest.raises(Refused):
        services.review(actor=late.actor, application_id=case.id, verdict="pass")
    with pytest.raises(NotFound):
        selectors.application(stranger.actor, case.id)


def test_a_step_is_taken_by_who_has_it_when_it_is_taken(
    officer: Person, owner: Person, other_office: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the county look at once; when the second decides, the step is the bureau's."""
    case = case_of(officer, owner, STEPS)
    programme_id, office_id = case.version.programme_id, other_office.organisation.id
    services.assign_desk(actor=officer.actor, programme_id=programme_id, step="county", office_id=office_id)
    first, second = (make_person(name, other_office.organisation, "reviewer") for name in ("carla", "cleo"))
    case.apply()
    seen_before = selectors.application(second.actor, case.id)
    services.review(actor=first.actor, application_id=case.id, verdict="pass")
    monkeypatch.setattr(application_selectors, "application", lambda actor, key: seen_before)
    with pytest.raises(Refused) as refused:
        services.review(actor=second.actor, application_id=case.id, verdict="pass")
    assert refused.value.code.name == "programme.role_missing"


@pytest.mark.parametrize(
    ("step", "office", "code"),
    [("province", "office", "programme.no_such_step"), ("county", "enterprise", "programme.not_an_office")],
)
def test_a_desk_is_an_office_for_a_step_of_the_document(
    officer: Person, owner: Person, other_office: Person, step: str, office: str, code: str
) -> None:
    case = case_of(officer, owner, STEPS)
    organisation = other_office.organisation if office == "office" else owner.organisation
    with pytest.raises(Refused) as refused:
        services.assign_desk(
            actor=officer.actor,
            programme_id=case.version.programme_id,
            step=step,
            office_id=organisation.id,
        )
    assert refused.value.code.name == code


# --- Conflicts of interest ---


def test_who_declared_an_interest_is_refused_and_finds_it_no_longer(officer: Person, owner: Person) -> None:
    case = case_of(officer, owner)
    case.apply()
    rita = case.person("rita", "reviewer").actor
    assert case.now in selectors.queue(rita)
    services.declare_interest(actor=rita, application_id=case.id, conflicted=False)
    services.declare_interest(actor=rita, application_id=case.id, conflicted=True, reason="my brother's firm")
    with pytest.raises(Refused) as refused:
        case.review("rita")
    assert refused.value.code.name == "application.conflicted"
    assert "my brother's firm" in refused.value.sentence()
    assert case.now not in selectors.queue(rita)
    with pytest.raises(Refused) as refused:
        services.declare_interest(actor=rita, application_id=case.id, conflicted=False)
    assert refused.value.code.name == "application.interest_stands"
    case.review("rosa")


def test_whoever_acts_has_declared(officer: Person, owner: Person) -> None:
    case = case_of(officer, owner)
    case.apply()
    case.review("rita")
    case.approve("adam")
    declared = selectors.interests(officer.actor, case.id)
    assert [(one.person, one.conflicted) for one in declared] == [
        (case.people[name].identity.id, False) for name in ("rita", "adam")
    ]
    with pytest.raises(NotFound):
        selectors.interests(owner.actor, case.id)


def test_a_relation_that_nobody_declared_is_refused_with_its_path(
    officer: Person, owner: Person, platform_operator: Person
) -> None:
    """The reviewer also sits in a firm that shares its telephone with the applicant."""
    case = case_of(officer, owner)
    case.apply()
    firm = make_organisation("Side Firm", "enterprise")
    rita = case.person("rita", "reviewer")
    grant_role(actor=SYSTEM, identity_id=rita.identity.id, organisation_id=firm.id, role="member")
    assert case.now in selectors.queue(Person(rita.identity, firm, "member").actor)
    for organisation_id in (firm.id, owner.organisation.id):
        registry.enter_relation(
            actor=platform_operator.actor,
            organisation_id=organisation_id,
            kind="phone",
            value="+86 371 6550 0000",
            proof=Proof("Market regulator", date(2026, 1, 1)),
        )
    with pytest.raises(Refused) as refused:
        services.review(
            actor=Person(rita.identity, firm, "member").actor, application_id=case.id, verdict="pass"
        )
    assert refused.value.code.name == "application.related"
    assert "Side Firm" in refused.value.sentence() and "telephone" in refused.value.sentence()
    assert "电话" in refused.value.sentence("zh")
    assert not selectors.interests(officer.actor, case.id)
    case.review("rosa")  # negative control: without the tie nothing stands in the way


# --- The award ---


def test_under_a_ceiling_the_approver_sets_the_rate(officer: Person, owner: Person) -> None:
    text = henan_with()
    assert "rate_kind: exact" in text
    case = Case(activate(officer, text.replace("rate_kind: exact", "rate_kind: ceiling")), owner, officer)
    case.apply()
    assert case.now.decision["granted"] is False
    case.review("rita")
    with pytest.raises(Refused) as refused:
        case.approve("adam")
    assert refused.value.code.name == "application.not_eligible"
    with pytest.raises((Faults, Exception)) as fault:
        case.approve("adam", award={"applicant.kind": "university"})
    assert "award.rate" in str(fault.value)
    case.approve("adam", award={"award.rate": "1/10"})
    assert case.now.decision["subsidy_fen"] == 10_000
    voucher: Any = case.issue()
    assert voucher.face_fen == 10_000
