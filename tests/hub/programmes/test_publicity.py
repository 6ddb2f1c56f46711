"""The public's days: a list without private data, objections that stop the clock, a voucher after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.people import Person

from hesuan.errors import Conflict, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.programmes import application_rules, selectors, services
from hesuan.wire.ids import new_id

from .office import Case, activate, henan_with

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Noon in China, a Monday."""
Clock = Callable[[timedelta], datetime]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the time to so much after noon; returns it."""
    moment = [NOON]
    monkeypatch.setattr(timezone, "now", lambda: moment[0])

    def later(by: timedelta) -> datetime:
        moment[0] = NOON + by
        return moment[0]

    return later


@pytest.fixture
def public(clock: Clock, officer: Person, owner: Person) -> Case:
    """Approved on Monday at noon, public for five days."""
    case = Case(activate(officer, henan_with("publicity_days: 5")), owner, officer)
    case.apply()
    case.review("rita")
    case.approve("adam")
    return case


def code_of(verb: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        verb()
    return refused.value.code.name


def object_to(case: Case, person: Person, reason: str = "a shell company", **more: Any) -> Any:
    return services.object_to(actor=person.actor, application_id=case.id, reason=reason, **more)


def resolve(objection: Any, person: Person, verdict: str = "dismiss", reason: str = "it is not") -> Any:
    return services.resolve(actor=person.actor, objection_id=objection.id, verdict=verdict, reason=reason)


def test_the_days_end_at_a_midnight_of_the_programmes_calendar(public: Case, clock: Clock) -> None:
    midnight = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)  # Saturday ends; five full days after Monday
    assert public.now.publicity_until == midnight == application_rules.publicity_end(NOON, 5)
    clock(midnight - NOON - timedelta(seconds=1))
    assert code_of(public.issue) == "application.publicity_running"
    assert services.advance_due() == 0
    clock(midnight - NOON)
    assert selectors.waits_on(public.owner.actor, public.id).verb == "issue"
    assert services.advance_due() == 1
    assert services.advance_due() == 0
    assert Fact.objects.filter(subject=public.id, kind="application.publicity_ended").count() == 1
    public.issue()
    assert public.now.state == "ISSUED"


def test_the_list_tells_who_gets_how_much_and_nothing_else(public: Case) -> None:
    [line] = selectors.publicised()
    assert (line.organisation, line.subsidy_fen, line.state) == ("Zhongyuan Bio", 20_000, "PUBLICISED")
    told = repr(line)
    for person in (public.owner, *public.people.values()):
        assert person.identity.id not in told and person.identity.display_name not in told
    assert "applicant.kind" not in told and str(public.now.planned_fen) not in told
    assert selectors.publicised("another") == []


def test_an_objection_stops_the_clock_and_dismissed_the_rest_runs_on(
    public: Case, clock: Clock, stranger: Person
) -> None:
    until = public.now.publicity_until
    assert until is not None
    clock(timedelta(days=2))
    left = until - (NOON + timedelta(days=2))
    objection = object_to(public, stranger)
    assert public.now.state == "OBJECTED" and public.now.publicity_until is None
    assert selectors.publicised()[0].until is None
    clock(timedelta(days=30))
    assert services.advance_due() == 0
    assert code_of(public.issue) == "application.wrong_state"
    assert public.now in selectors.queue(public.officer.actor)
    resolve(objection, public.officer)
    assert public.now.state == "PUBLICISED"
    assert public.now.publicity_until == NOON + timedelta(days=30) + left
    clock(timedelta(days=30) + left)
    public.issue()


def test_the_clock_runs_on_when_the_last_objection_is_dismissed(
    public: Case, owner: Person, stranger: Person
) -> None:
    first, second = object_to(public, stranger), object_to(public, owner, "I think twice")
    resolve(first, public.officer)
    assert public.now.state == "OBJECTED"
    resolve(second, public.officer)
    assert public.now.state == "PUBLICISED"


@pytest.mark.parametrize(("verdict", "state"), [("return", "RETURNED"), ("reject", "REJECTED")])
def test_an_upheld_objection_takes_it_off_the_list(
    public: Case, stranger: Person, verdict: str, state: str
) -> None:
    objection, other = object_to(public, stranger), object_to(public, public.owner, "another")
    resolve(objection, public.officer, verdict, "two firms, one telephone")
    assert public.now.state == state and selectors.publicised() == []
    other.refresh_from_db()
    assert other.outcome == objection.__class__.objects.get(pk=objection.id).outcome != "open"
    if state == "RETURNED":
        waits = selectors.waits_on(public.owner.actor, public.id)
        assert waits.role == "owner" and "two firms, one telephone" in waits.en
        assert services.submit(actor=public.owner.actor, application_id=public.id).state == "SUBMITTED"


def test_whoever_acted_or_objected_does_not_decide(public: Case, stranger: Person, officer: Person) -> None:
    objection = object_to(public, stranger)
    assert code_of(lambda: resolve(objection, public.people["adam"])) == "application.same_person"
    assert code_of(lambda: resolve(objection, public.people["rita"])) == "programme.role_missing"
    with pytest.raises(NotFound):
        resolve(objection, stranger)
    resolve(objection, public.person("anna", "approver"))
    own = object_to(public, officer, "I know them")
    assert code_of(lambda: resolve(own, officer)) == "objection.own"
    assert code_of(lambda: resolve(objection, officer)) == "objection.decided"


def test_an_objection_is_made_in_time_with_a_reason_and_once(
    public: Case, clock: Clock, stranger: Person
) -> None:
    chosen = new_id()
    assert code_of(lambda: object_to(public, stranger, " ")) == "application.reason_missing"
    first = object_to(public, stranger, objection_id=chosen)
    assert object_to(public, stranger, objection_id=chosen) == first
    with pytest.raises(Conflict):
        object_to(public, stranger, "another", objection_id=chosen)
    resolve(first, public.officer)
    clock(timedelta(days=30))
    assert code_of(lambda: object_to(public, stranger)) == "application.publicity_over"


def test_the_applicant_does_not_learn_who_objected(public: Case, stranger: Person) -> None:
    object_to(public, stranger)
    who = stranger.identity.id
    seen = [one.raised_by for one in selectors.objections(public.owner.actor, public.id)]
    steps = [one.actor for one in selectors.steps(public.owner.actor, public.id)]
    assert seen == [""] and who not in steps
    assert [one.raised_by for one in selectors.objections(public.officer.actor, public.id)] == [who]


def test_what_is_not_on_the_list_does_not_exist_for_a_stranger(
    officer: Person, owner: Person, stranger: Person
) -> None:
    case = Case(activate(officer, henan_with("publicity_days: 5")), owner, officer)
    case.apply()
    with pytest.raises(NotFound):
        object_to(case, stranger)
    assert code_of(lambda: object_to(case, owner)) == "application.wrong_state"
