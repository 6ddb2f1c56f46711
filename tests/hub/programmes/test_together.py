"""Several people at once: one voucher an application, never past a cap. Real threads, real transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection
from tests.people import Person, make_person

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, services
from hesuan.hub.programmes.models import Application, ApplicationStep, ProgrammeVersion, Voucher

from .office import Case, activate, henan_with

pytestmark = pytest.mark.django_db(transaction=True)

MONEY = accounts.ledger_of("cn.henan.suanliquan.2023")


def together(verbs: list[Callable[[], object]]) -> list[object]:
    """Runs every verb in a thread of its own; answers and refusals in their order."""
    answers: list[object] = [None] * len(verbs)
    gate = threading.Barrier(len(verbs))

    def run(index: int) -> None:
        gate.wait()
        try:
            answers[index] = verbs[index]()
        except Refused as refused:
            answers[index] = refused.code.name
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(verbs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def issuing(application: Application, by: Person) -> Callable[[], object]:
    return lambda: services.issue(actor=by.actor, application_id=application.id).face_fen


def test_one_application_issued_by_many_at_once_is_one_voucher(
    approved: Callable[..., Application], approver: Person
) -> None:
    application = approved()
    answers = together([issuing(application, approver) for _ in range(6)])
    assert answers == [64_000_000] * 6
    assert Voucher.objects.count() == 1
    assert balances.balance(MONEY, accounts.BUDGET).debits_posted == 64_000_000


def test_many_applications_issued_at_once_stay_below_the_cap(
    approved: Callable[..., Application], approver: Person
) -> None:
    """Five times 300,000.00 were approved; the cap of 1,000,000.00 gives three of them and a third."""
    applications = [approved(150_000_000) for _ in range(5)]
    answers = together([issuing(one, approver) for one in applications])
    faces = sorted((one for one in answers if isinstance(one, int)), reverse=True)
    assert faces == [30_000_000, 30_000_000, 30_000_000, 10_000_000]
    assert answers.count("application.not_eligible") == 1
    assert balances.balance(MONEY, accounts.BUDGET).debits_posted == 100_000_000
    assert checks.check() == []


def test_one_step_reviewed_by_many_at_once_is_taken_by_one(
    henan: ProgrammeVersion, owner: Person, reviewer: Person
) -> None:
    application = services.apply(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        version_id=henan.id,
        planned_fen=100_000,
        facts={},
    )
    people = [make_person(f"reviewer{number}", reviewer.organisation, "reviewer") for number in range(5)]
    actors = [person.actor for person in people]

    def reviewing(actor: Actor) -> Callable[[], object]:
        return lambda: services.review(actor=actor, application_id=application.id, verdict="pass").state

    answers = together([reviewing(actor) for actor in actors])
    assert sorted(map(str, answers)) == ["UNDER_REVIEW", *["application.wrong_state"] * 4]
    rows = ApplicationStep.objects.filter(application=application).order_by("number")
    assert [row.trigger for row in rows] == ["draft", "submit", "review.pass"]


def test_the_clock_of_many_workers_issues_once(officer: Person, owner: Person) -> None:
    text = henan_with('auto_approve: "request.gpu_hours <= 5000"')
    case = Case(activate(officer, text), owner, officer)
    for _ in range(3):
        case.apply(facts={"request.gpu_hours": 10})
    together([services.advance_due for _ in range(4)])
    assert Voucher.objects.count() == 3
    assert set(Application.objects.values_list("state", flat=True)) == {"ISSUED"}
    assert checks.check() == []
