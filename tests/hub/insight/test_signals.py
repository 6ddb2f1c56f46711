"""Signals from real rows, for those whom they concern."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.people import Person
from tests.road import APP_WORK, Road

from hesuan.hub.centres.models import Agent
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.insight import selectors
from hesuan.hub.programmes.models import BudgetYear, Voucher


def named(person: Person) -> list[str]:
    return [signal.rule for signal in selectors.signals(person.actor)]


def test_an_ordinary_day_has_no_signal(road: Road, stranger: Person) -> None:
    road.finish(road.place())
    for person in (road.owner, road.operator, road.platform, stranger):
        assert named(person) == []


def test_a_silent_agent_concerns_its_centre_and_the_platform(
    road: Road, colleague: Person, stranger: Person, auditor: Person
) -> None:
    road.place()
    Agent.objects.update(last_seen_at=timezone.now() - timedelta(minutes=5))
    for person in (road.operator, road.platform, auditor):
        (signal,) = selectors.signals(person.actor)
        assert (signal.rule, signal.level) == ("agent.silent", "warning")
        assert signal.facts["open_runs"] == 1
    for person in (road.owner, colleague, stranger):
        assert named(person) == []


def test_a_replaced_agent_may_be_silent(road: Road) -> None:
    from tests.sites import enrol_site

    Agent.objects.update(last_seen_at=timezone.now() - timedelta(days=1))
    enrol_site(road.site.agent.centre, "agent-2")
    assert named(road.operator) == []


def test_unmet_demand_is_heard_by_who_asked_and_by_who_refused(road: Road, stranger: Person) -> None:
    for _ in range(3):
        road.ask({**APP_WORK, "cores": 64})
    for person in (road.owner, road.operator, road.platform):
        (signal,) = selectors.signals(person.actor)
        assert signal.rule == "demand.unmet"
        assert signal.facts["top_code"] == "offering.cores_exceeded"
    assert named(stranger) == []


def test_runs_that_miss_their_forecast_are_told_to_who_may_see_them(road: Road, stranger: Person) -> None:
    for run in [road.place() for _ in range(5)]:  # all quoted before the forecast can learn
        road.finish(run, wall_ms=90_000)
    for person in (road.owner, road.operator, road.platform):
        found = [signal for signal in selectors.signals(person.actor) if signal.rule == "forecast.off"]
        assert [signal.subject for signal in found] == [road.offering.centre_id]
    assert named(stranger) == []


def test_a_budget_that_burns_too_fast_concerns_its_office(
    road: Road, voucher: Voucher, officer: Person, stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One voucher of ¥10,000.00 out of a budget cut to ¥11,000.00, early in the year."""
    from hesuan.hub.ledger import selectors as ledger

    year = BudgetYear.objects.get()
    BudgetYear.objects.update(funded_fen=1_100_000)
    balance = ledger.Balance(0, 100_000, 0, 0)
    monkeypatch.setattr(selectors.ledger, "balance", lambda *_: balance)
    february = timezone.now().replace(year=int(year.window), month=2, day=1)
    for person in (officer, road.platform):
        rules = [signal.rule for signal in selectors.signals(person.actor, february)]
        assert "budget.burn" in rules
    for person in (road.owner, stranger):
        rules = [signal.rule for signal in selectors.signals(person.actor, february)]
        assert "budget.burn" not in rules


def test_warnings_come_before_notices(road: Road) -> None:
    for _ in range(5):
        road.ask({**APP_WORK, "cores": 64})
    Agent.objects.update(last_seen_at=timezone.now() - timedelta(minutes=5))
    assert [signal.level for signal in selectors.signals(SYSTEM)] == ["warning", "notice"]
