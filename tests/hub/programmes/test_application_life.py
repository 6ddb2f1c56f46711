"""The life of an application: every state against every verb, and each transition a row that stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.programmes import application_rules, selectors, services
from hesuan.hub.programmes.models import Application, ApplicationStep, Call, Interest, Objection

from .office import Case, activate, henan_with

PUBLIC = "publicity_days: 5"


@pytest.fixture
def case(officer: Person, owner: Person) -> Case:
    """Nothing has happened yet; approved applications are public for five days."""
    return Case(activate(officer, henan_with(PUBLIC)), owner, officer)


def carry(case: Case, state: str) -> None:
    """Takes the case to a state by the verbs alone."""
    organisation_id = case.owner.organisation.id
    if state == "DRAFT":
        case.id = services.draft(
            actor=case.owner.actor,
            organisation_id=organisation_id,
            version_id=case.version.id,
            planned_fen=100_000,
            facts={},
        ).id
        return
    case.apply()
    if state in ("SUBMITTED",):
        return
    if state in ("RETURNED", "REJECTED"):
        case.review("rita", "return" if state == "RETURNED" else "reject")
        return
    case.review("rita")
    if state == "UNDER_REVIEW":
        return
    case.approve("adam")
    if state == "OBJECTED":
        case.objection = objection(case)  # type: ignore[attr-defined]
    if state in ("APPROVED", "AUTO_APPROVED", "ISSUED"):
        end_publicity(case)
    if state == "ISSUED":
        case.issue()


def objection(case: Case) -> Objection:
    return services.object_to(actor=case.owner.actor, application_id=case.id, reason="a shell company")


def end_publicity(case: Case) -> None:
    """As if the days had passed."""
    row = case.now
    assert row.publicity_until is not None
    row.publicity_until -= (row.publicity_until - row.submitted_at) * 2
    row.save(update_fields=["publicity_until"])


VERBS: dict[str, Callable[[Case], object]] = {
    "submit": lambda case: services.submit(actor=case.owner.actor, application_id=case.id),
    "amend": lambda case: services.amend(actor=case.owner.actor, application_id=case.id, planned_fen=200_000),
    "review": lambda case: case.review("rosa"),
    "approve": lambda case: case.approve("anna"),
    "object": objection,
    "issue": lambda case: case.issue(),
}
WRONG, OVER, RUNNING = (
    "application.wrong_state",
    "application.publicity_over",
    "application.publicity_running",
)
ALLOWED = {
    # state: what each verb leads to, or the code of its refusal
    "DRAFT": {"submit": "SUBMITTED", "amend": "DRAFT", "review": None, "approve": None, "object": WRONG},
    "SUBMITTED": {"submit": "SUBMITTED", "review": "UNDER_REVIEW"},
    "UNDER_REVIEW": {"submit": "UNDER_REVIEW", "approve": "PUBLICISED"},
    "RETURNED": {"submit": "SUBMITTED", "amend": "RETURNED"},
    "REJECTED": {"submit": "REJECTED"},
    "PUBLICISED": {"submit": "PUBLICISED", "object": "OBJECTED", "issue": RUNNING},
    "OBJECTED": {"submit": "OBJECTED", "object": "OBJECTED"},
    "APPROVED": {"submit": "PUBLICISED", "object": OVER, "issue": "ISSUED"},
    "ISSUED": {"submit": "ISSUED", "issue": "ISSUED"},
}
"""``APPROVED`` here: public, and the days are over. ``None``: not visible to the office."""


@pytest.mark.parametrize("state", sorted(ALLOWED))
@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_in_every_state_is_allowed_or_refused_with_a_code(
    case: Case, state: str, verb: str
) -> None:
    carry(case, state)
    expected = ALLOWED[state].get(verb, WRONG)
    before, rows = case.now.state, case.road()
    if state == "DRAFT" and verb in ("review", "approve", "issue"):
        expected = "application.not_found"
    try:
        VERBS[verb](case)
        reached = case.now.state
    except Exception as refused:
        reached = refused.code.name  # type: ignore[attr-defined]
    assert reached == expected
    if reached not in Application.State.values:
        assert (case.now.state, case.road()) == (before, rows)


def test_the_table_of_moves_names_every_state() -> None:
    states = set(application_rules.MOVES) - {""}
    assert states == set(Application.State.values)
    assert {to for many in application_rules.MOVES.values() for to in many} == states


def test_the_whole_road_is_in_its_rows_and_in_the_log(case: Case) -> None:
    carry(case, "RETURNED")
    services.amend(actor=case.owner.actor, application_id=case.id, planned_fen=200_000)
    services.submit(actor=case.owner.actor, application_id=case.id)
    case.review("rita")
    case.approve("adam")
    end_publicity(case)
    case.issue()
    assert case.road() == [
        "DRAFT by draft",
        "SUBMITTED by submit",
        "RETURNED by review.return",
        "SUBMITTED by submit",
        "UNDER_REVIEW by review.pass",
        "APPROVED by approve.pass",
        "PUBLICISED by publicise",
        "ISSUED by issue",
    ]
    rows = selectors.steps(case.owner.actor, case.id)
    assert [row.from_state for row in rows[1:]] == [row.to_state for row in rows[:-1]]
    assert [row.round for row in rows] == [1, 1, 1, 2, 2, 2, 2, 2]
    kinds = Fact.objects.filter(subject=case.id).order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == [
        "application.submitted",
        "application.reviewed",
        "application.amended",
        "application.submitted",
        "application.reviewed",
        "application.approved",
        "application.publicised",
    ]


def test_what_was_returned_is_judged_anew(case: Case) -> None:
    case.apply()
    assert case.now.decision["subsidy_fen"] == 20_000
    case.review("rita", "return", "the contract says twice as much")
    services.amend(actor=case.owner.actor, application_id=case.id, planned_fen=200_000)
    assert services.submit(actor=case.owner.actor, application_id=case.id).decision["subsidy_fen"] == 40_000


@pytest.mark.parametrize("verdict", ["return", "reject"])
def test_what_is_not_passed_needs_a_reason(case: Case, verdict: str) -> None:
    case.apply()
    with pytest.raises(Refused) as refused:
        case.review("rita", verdict, "  ")
    assert refused.value.code.name == "application.reason_missing"


def test_an_applicant_sees_at_every_moment_what_is_waiting_on_whom_since_when(case: Case) -> None:
    told = []

    def look() -> None:
        waits = selectors.waits_on(case.owner.actor, case.id)
        last = selectors.steps(case.owner.actor, case.id)[-1]
        assert waits.since == last.at and waits.sentence("en") != waits.sentence("zh-hans")
        told.append((waits.role, waits.step, waits.verb))

    carry(case, "DRAFT")
    look()
    services.submit(actor=case.owner.actor, application_id=case.id)
    look()
    case.review("rita", "return", "page 3 is missing")
    look()
    assert "page 3 is missing" in selectors.waits_on(case.owner.actor, case.id).sentence("en")
    services.submit(actor=case.owner.actor, application_id=case.id)
    case.review("rita")
    look()
    case.approve("adam")
    look()
    end_publicity(case)
    look()
    case.issue()
    look()
    assert told == [
        ("owner", "", "submit"),
        ("reviewer", "reviewer", "review"),
        ("owner", "", "submit"),
        ("approver", "approver", "approve"),
        ("public", "", ""),
        ("programme_officer", "", "issue"),
        ("", "", ""),
    ]


def test_a_draft_is_seen_by_nobody_but_the_applicant(case: Case, colleague: Person, stranger: Person) -> None:
    carry(case, "DRAFT")
    rita = case.person("rita", "reviewer")
    sees = [who for who in (case.owner, colleague, rita, stranger) if selectors.applications(who.actor)]
    assert sees == [case.owner, colleague]
    services.submit(actor=case.owner.actor, application_id=case.id)
    assert selectors.applications(rita.actor) and not selectors.applications(stranger.actor)


def test_the_database_keeps_steps_interests_objections_and_calls(case: Case) -> None:
    carry(case, "OBJECTED")
    for rows, change in (
        (ApplicationStep.objects.filter(application_id=case.id), {"reason": "another"}),
        (Interest.objects.filter(application_id=case.id), {"conflicted": True}),
        (Objection.objects.filter(application_id=case.id), {"reason": "another"}),
        (Call.objects.all(), {"budget": "another"}),
    ):
        assert rows.exists()
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows.update(**change)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows._raw_delete(rows.db)
    Objection.objects.filter(application_id=case.id).update(outcome="dismissed")


def test_the_database_refuses_one_person_in_two_parts_of_a_round(case: Case) -> None:
    """Negative control: with the code's check out of the way, the constraint still stands."""
    carry(case, "UNDER_REVIEW")
    rita = case.person("rita", "reviewer").identity.id

    def act(actor: str, number: int, part: str) -> None:
        ApplicationStep.objects.create(
            application_id=case.id,
            number=number,
            round=1,
            from_state="UNDER_REVIEW",
            to_state="APPROVED",
            trigger="approve.pass",
            part=part,
            actor=actor,
            at=case.now.submitted_at,
        )

    for actor in (rita, case.owner.identity.id):
        with pytest.raises(IntegrityError), transaction.atomic():
            act(actor, 4, "approver")
    act(rita, 4, "")
    act("somebody else", 5, "approver")
