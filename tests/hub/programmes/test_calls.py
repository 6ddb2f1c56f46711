"""Calls: the document's windows, standing calls, those an officer opens, and what they refuse."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.people import Person

from hesuan.errors import Conflict, NotFound, Refused
from hesuan.hub.programmes import rules, selectors, services
from hesuan.hub.programmes.models import Call
from hesuan.wire.ids import new_id

from .office import Case, activate, henan_with

TODAY = rules.programme_day(timezone.now())


def days(more: int) -> date:
    return TODAY + timedelta(days=more)


def windows(*spans: tuple[int, int]) -> str:
    told = ", ".join(f"{{from: {days(begin)}, to: {days(end)}}}" for begin, end in spans)
    return f"windows: [{told}]"


def open_call(officer: Person, version: Any, begin: int, end: int | None, **more: Any) -> Call:
    return services.open_call(
        actor=officer.actor,
        version_id=version.id,
        opens_on=days(begin),
        closes_on=None if end is None else days(end),
        **more,
    )


def test_a_document_without_windows_has_a_standing_call(officer: Person, owner: Person) -> None:
    case = Case(activate(officer, henan_with()), owner, officer)
    [call] = selectors.open_calls()
    assert (call.closes_on, call.budget) == (None, "province_year")
    assert case.apply().call == call


def test_each_window_is_a_call_and_the_open_one_takes_the_application(officer: Person, owner: Person) -> None:
    case = Case(activate(officer, henan_with(windows((-60, -30), (-1, 1), (30, 60)))), owner, officer)
    states = [call.state_on(TODAY) for call in selectors.calls(case.version.programme_id)]
    assert states == ["planned", "open", "closed"]
    application = case.apply()
    assert application.call is not None and application.call.opens_on == days(-1)


def test_outside_every_window_nothing_is_taken_and_the_days_are_told(officer: Person, owner: Person) -> None:
    case = Case(activate(officer, henan_with(windows((30, 60)))), owner, officer)
    with pytest.raises(Refused) as refused:
        case.apply()
    assert refused.value.code.name == "call.none_open"
    assert str(days(30)) in refused.value.sentence() and "planned" in refused.value.sentence()


def test_what_a_call_took_is_issued_after_its_last_day(
    officer: Person, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(activate(officer, henan_with(windows((-1, 1)))), owner, officer)
    case.apply()
    case.review("rita", "return", "page 3")
    later = timezone.now() + timedelta(days=5)
    monkeypatch.setattr(timezone, "now", lambda: later)
    services.submit(actor=owner.actor, application_id=case.id)
    case.review("rita")
    case.approve("adam")
    case.issue()
    assert case.now.state == "ISSUED"
    with pytest.raises(Refused) as refused:
        case.apply()
    assert refused.value.code.name == "call.none_open"


def test_a_new_version_takes_the_calls_over(officer: Person, owner: Person) -> None:
    first = activate(officer, henan_with())
    second = activate(officer, henan_with().replace("version: 1", "version: 2"))
    assert [call.programme_version_id for call in selectors.open_calls()] == [second.id]
    closed = Call.objects.get(programme_version=first)
    assert closed.closed_at is not None and closed.close_reason == "version 2"


def test_an_officer_opens_and_closes_calls(officer: Person, owner: Person) -> None:
    version = activate(officer, henan_with())
    [standing] = selectors.open_calls()
    with pytest.raises(Refused) as refused:
        services.close_call(actor=officer.actor, call_id=standing.id, reason=" ")
    assert refused.value.code.name == "call.reason_missing"
    for _ in range(2):
        services.close_call(actor=officer.actor, call_id=standing.id, reason="the budget is spent")
    assert selectors.open_calls() == []
    chosen = new_id()
    call = open_call(officer, version, 0, 9, title="Autumn", call_id=chosen)
    assert open_call(officer, version, 0, 9, title="Autumn", call_id=chosen) == call
    with pytest.raises(Conflict):
        open_call(officer, version, 0, 8, title="Autumn", call_id=chosen)
    assert Case(version, owner, officer).apply(call_id=chosen).call == call


@pytest.mark.parametrize(
    ("begin", "end", "more", "code"),
    [
        (5, 4, {}, "call.days_wrong"),
        (5, 40, {}, "call.outside_windows"),
        (5, None, {}, "call.outside_windows"),
        (5, 9, {"budget": "other"}, "call.no_such_budget"),
        (5, 9, {}, None),
    ],
)
def test_a_call_fits_its_document(
    officer: Person, begin: int, end: int | None, more: dict[str, str], code: str | None
) -> None:
    version = activate(officer, henan_with(windows((0, 30))))
    if code is None:
        assert open_call(officer, version, begin, end, **more).state_on(TODAY) == "planned"
        return
    with pytest.raises(Refused) as refused:
        open_call(officer, version, begin, end, **more)
    assert refused.value.code.name == code


def test_only_an_officer_of_the_office_opens_calls(
    officer: Person, owner: Person, other_office: Person
) -> None:
    version = activate(officer, henan_with())
    for person in (owner, other_office):
        with pytest.raises(Refused) as refused:
            open_call(person, version, 0, 9)
        assert refused.value.code.name == "programme.role_missing"
    with pytest.raises(NotFound):
        selectors.call("nowhere")
