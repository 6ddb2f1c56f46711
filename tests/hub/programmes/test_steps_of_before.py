"""The migration that tells old applications as steps keeps everything they had."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone
from tests.people import Person

from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Application, Call, ProgrammeVersion

MIGRATION = import_module("hesuan.hub.programmes.migrations.0004_steps_of_before")


def old(version: ProgrammeVersion, owner: Person, state: str, **more: Any) -> Application:
    """A row as it was before steps."""
    return Application.objects.create(
        programme_version=version,
        organisation=owner.organisation,
        facts={"applicant.kind": "enterprise", "project.level": "national"},
        planned_fen=100_000,
        decision={"subsidy_fen": 20_000, "granted": True},
        state=state,
        submitted_by=owner.identity.id,
        submitted_at=timezone.now(),
        **more,
    )


@pytest.mark.parametrize(
    ("state", "people", "now", "passed", "roads"),
    [
        ("SUBMITTED", "", "SUBMITTED", 0, ["draft", "submit"]),
        ("REVIEWED", "r", "UNDER_REVIEW", 1, ["draft", "submit", "review.pass"]),
        ("REJECTED", "r", "REJECTED", 0, ["draft", "submit", "review.reject"]),
        ("REJECTED", "ra", "REJECTED", 1, ["draft", "submit", "review.pass", "approve.reject"]),
        ("APPROVED", "ra", "APPROVED", 2, ["draft", "submit", "review.pass", "approve.pass"]),
    ],
)
def test_columns_become_rows(
    henan: ProgrammeVersion,
    owner: Person,
    state: str,
    people: str,
    now: str,
    passed: int,
    roads: list[str],
) -> None:
    more: dict[str, Any] = {}
    if "r" in people:
        more |= {"reviewed_by": "R", "reviewed_at": timezone.now(), "review_note": "seen"}
    if "a" in people:
        more |= {"approved_by": "A", "approved_at": timezone.now(), "approval_note": "agreed"}
    application = old(henan, owner, state, **more)
    MIGRATION.tell(apps, None)
    application.refresh_from_db()
    assert (application.state, application.passed) == (now, passed)
    assert application.declared == {"project.level": "national"}
    rows = selectors.steps(owner.actor, application.id)
    assert [row.trigger for row in rows] == roads
    assert [row.from_state for row in rows] == ["", *(row.to_state for row in rows[:-1])]
    if "r" in people:
        assert (rows[2].actor, rows[2].reason, rows[2].at) == ("R", "seen", application.reviewed_at)


def test_what_was_halfway_goes_on_where_it_stood(
    henan: ProgrammeVersion, owner: Person, approver: Person, officer: Person
) -> None:
    more = {"reviewed_by": "R", "reviewed_at": timezone.now()}
    application = old(henan, owner, "REVIEWED", **more)
    Call.objects.all().update(closed_at=timezone.now())
    MIGRATION.tell(apps, None)
    MIGRATION.open_calls(apps, None)
    [call] = selectors.open_calls()
    application.refresh_from_db()
    assert (application.call, call.budget) == (call, "province_year")
    assert selectors.queue(approver.actor) == [application]
    services.approve(actor=approver.actor, application_id=application.id)
    assert services.issue(actor=officer.actor, application_id=application.id).face_fen == 20_000
