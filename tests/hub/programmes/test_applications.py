"""Applying, reviewing, approving: every reason named, and never one person in two parts."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from tests.people import Person, make_organisation, make_person

from hesuan.errors import Conflict, Faults, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.hub.identity.services import grant_role
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Application, ProgrammeVersion
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id


def submit(
    person: Person,
    version: ProgrammeVersion,
    *,
    planned_fen: int = 100_000,
    facts: dict[str, Json] | None = None,
    application_id: str | None = None,
) -> Application:
    return services.apply(
        actor=person.actor,
        organisation_id=person.organisation.id,
        version_id=version.id,
        planned_fen=planned_fen,
        facts=facts or {},
        application_id=application_id,
    )


def also(person: Person, role: str, organisation: Organisation) -> Person:
    """The same person with one more role."""
    grant_role(actor=SYSTEM, identity_id=person.identity.id, organisation_id=organisation.id, role=role)
    return Person(person.identity, person.organisation, person.role)


def code_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.code.name


def test_an_applicant_that_is_not_eligible_hears_every_reason(henan: ProgrammeVersion) -> None:
    maker = make_person("mara", make_organisation("Makers", "maker"), "owner")
    with pytest.raises(Refused) as refused:
        submit(maker, henan)
    sentence = refused.value.sentence()
    assert "`applicant.kind` is maker" in sentence and "henan.yaml:23" in sentence
    assert "“申领方类型（applicant.kind）”为 maker" in refused.value.sentence("zh")
    assert Application.objects.count() == 0


def test_nobody_states_what_the_register_or_the_office_knows(owner: Person, henan: ProgrammeVersion) -> None:
    facts: dict[str, Json] = {
        "applicant.kind": "university",
        "award.rate": "1",
        "project.levl": "national",
        "contract.months": "a year",
    }
    with pytest.raises(Faults) as faults:
        submit(owner, henan, facts=facts)
    assert [fault.code.name for fault in faults.value.faults] == [
        "application.fact_not_declared",
        "application.fact_not_declared",
        "input.unknown_key",
        "policy.wrong_type",
    ]
    assert "Did you mean `project.level`?" in str(faults.value)


def test_the_same_application_id_is_the_same_application(owner: Person, henan: ProgrammeVersion) -> None:
    chosen = new_id()
    first = submit(owner, henan, facts={"project.level": "none"}, application_id=chosen)
    assert submit(owner, henan, facts={"project.level": "none"}, application_id=chosen) == first
    for other in ({"project.level": "national"}, {}):
        with pytest.raises(Conflict) as conflict:
            submit(owner, henan, facts=dict(other), application_id=chosen)
        assert conflict.value.code.name == "application.id_taken"
    assert Application.objects.count() == 1


@pytest.mark.parametrize("planned_fen", [0, -1, 2**53, True])
def test_planned_spending_is_a_positive_amount(
    owner: Person, henan: ProgrammeVersion, planned_fen: int
) -> None:
    with pytest.raises(Refused) as refused:
        submit(owner, henan, planned_fen=planned_fen)
    assert code_of(refused) == "application.not_an_amount"


def test_an_amount_too_small_to_pay_anything_is_refused(owner: Person, henan: ProgrammeVersion) -> None:
    with pytest.raises(Refused) as refused:
        submit(owner, henan, planned_fen=4)
    assert code_of(refused) == "application.nothing_granted"
    assert submit(owner, henan, planned_fen=5).decision["subsidy_fen"] == 1


def test_a_stranger_cannot_apply_for_somebody_else(
    stranger: Person, organisation: Organisation, henan: ProgrammeVersion
) -> None:
    impostor = Person(stranger.identity, organisation, "owner")
    with pytest.raises(NotFound):
        submit(impostor, henan)


# --- Four eyes ---


def test_who_reviewed_does_not_approve(owner: Person, reviewer: Person, henan: ProgrammeVersion) -> None:
    both = also(reviewer, "approver", reviewer.organisation)
    application = submit(owner, henan)
    services.review(actor=both.actor, application_id=application.id, verdict="pass")
    with pytest.raises(Refused) as refused:
        services.approve(actor=both.actor, application_id=application.id)
    assert code_of(refused) == "application.same_person"
    assert application not in selectors.queue(both.actor)


def test_who_submitted_does_not_review_even_with_the_role(
    owner: Person, programme_office: Organisation, henan: ProgrammeVersion
) -> None:
    both = also(owner, "reviewer", programme_office)
    application = submit(both, henan)
    with pytest.raises(Refused) as refused:
        services.review(actor=both.actor, application_id=application.id, verdict="pass")
    assert code_of(refused) == "application.same_person"


def test_a_reviewer_who_belongs_to_the_applicant_is_refused(
    owner: Person, reviewer: Person, henan: ProgrammeVersion
) -> None:
    application = submit(owner, henan)
    conflicted = also(reviewer, "member", owner.organisation)
    with pytest.raises(Refused) as refused:
        services.review(actor=conflicted.actor, application_id=application.id, verdict="pass")
    assert code_of(refused) == "application.own_organisation"
    assert application not in selectors.queue(conflicted.actor)


def test_the_database_refuses_one_person_in_two_parts(owner: Person, henan: ProgrammeVersion) -> None:
    """Negative control: with the code's check out of the way, the constraint still stands."""
    application = submit(owner, henan)
    rows = Application.objects.filter(pk=application.id)
    for parts in (
        {"reviewed_by": application.submitted_by},
        {"reviewed_by": "R", "approved_by": "R"},
        {"reviewed_by": "R", "approved_by": application.submitted_by},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**parts)
    rows.update(reviewed_by="R", approved_by="A")


def test_only_the_right_role_acts(
    owner: Person,
    colleague: Person,
    officer: Person,
    approver: Person,
    reviewer: Person,
    henan: ProgrammeVersion,
) -> None:
    with pytest.raises(Refused) as refused:
        submit(colleague, henan)
    assert code_of(refused) == "programme.role_missing"
    its = {"application_id": submit(owner, henan).id}
    for person, verb in (
        (approver, lambda actor: services.review(actor=actor, verdict="pass", **its)),
        (owner, lambda actor: services.review(actor=actor, verdict="pass", **its)),
        (reviewer, lambda actor: services.approve(actor=actor, **its)),
        (officer, lambda actor: services.approve(actor=actor, **its)),
        (reviewer, lambda actor: services.issue(actor=actor, **its)),
        (owner, lambda actor: services.issue(actor=actor, **its)),
    ):
        with pytest.raises(Refused) as refused:
            verb(person.actor)
        assert code_of(refused) == "programme.role_missing"


def test_steps_come_in_order_and_a_repetition_changes_nothing(
    owner: Person, reviewer: Person, approver: Person, henan: ProgrammeVersion
) -> None:
    its = {"application_id": submit(owner, henan).id}
    for verb in (services.approve, services.issue):
        with pytest.raises(Refused) as refused:
            verb(actor=approver.actor, **its)
        assert code_of(refused) == "application.wrong_state"
    for _ in range(2):
        services.review(actor=reviewer.actor, verdict="pass", note="seen", **its)
    for _ in range(2):
        services.approve(actor=approver.actor, note="yes", **its)
    kinds = Fact.objects.filter(subject=its["application_id"]).order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["application.submitted", "application.reviewed", "application.approved"]


def test_a_rejected_application_stays_rejected(
    owner: Person, reviewer: Person, approver: Person, henan: ProgrammeVersion
) -> None:
    its = {"application_id": submit(owner, henan).id}
    with pytest.raises(Refused) as refused:
        services.review(actor=reviewer.actor, verdict="maybe", **its)
    assert code_of(refused) == "application.not_a_verdict"
    rejected = services.review(actor=reviewer.actor, verdict="reject", note="no", **its)
    assert (rejected.state, rejected.review_note) == ("REJECTED", "no")
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            services.approve(actor=approver.actor, **its)
        assert code_of(refused) == "application.wrong_state"


def test_each_office_role_finds_what_waits_for_it(
    owner: Person,
    reviewer: Person,
    approver: Person,
    officer: Person,
    stranger: Person,
    henan: ProgrammeVersion,
) -> None:
    application = submit(owner, henan)
    its = {"application_id": application.id}

    def waits_for() -> list[str]:
        people = (reviewer, approver, officer, owner, stranger)
        return [person.role for person in people if application in selectors.queue(person.actor)]

    assert waits_for() == ["reviewer"]
    services.review(actor=reviewer.actor, verdict="pass", **its)
    assert waits_for() == ["approver"]
    services.approve(actor=approver.actor, **its)
    assert waits_for() == ["programme_officer"]
    services.issue(actor=officer.actor, **its)
    assert waits_for() == []
