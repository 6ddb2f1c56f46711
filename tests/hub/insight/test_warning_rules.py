"""Warning rules as tables: what is a signal, what is an ordinary day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hesuan.hub.insight import rules
from hesuan.hub.insight.rules import AgentWindow, BudgetWindow, DemandWindow, ForecastWindow, Level, Signal

NOON = datetime(2026, 7, 2, 12, tzinfo=UTC)
AGENT = AgentWindow("A1", "agent-1", "Zhengzhou East", NOON - timedelta(days=1), NOON, 0)
BUDGET = BudgetWindow(
    "henan",
    "province_year",
    funded_fen=100_000,
    used_fen=60_000,
    begins=datetime(2026, 1, 1, tzinfo=UTC),
    ends=datetime(2027, 1, 1, tzinfo=UTC),
)
FORECAST = ForecastWindow("C1", "Zhengzhou East", "omics-match", below=0, inside=6, above=4, last_at=NOON)
DEMAND = DemandWindow("O1", "Zhongyuan Bio", 7, 10, 2, "offering.cores_exceeded", 3, NOON)

Case = tuple[str, Signal | None, Level | None]


def silent(seconds: float, runs: int = 0) -> Signal | None:
    window = replace(AGENT, last_seen_at=NOON - timedelta(seconds=seconds), open_runs=runs)
    return rules.agent_silent(window, now=NOON)


def burn(**changes: object) -> Signal | None:
    return rules.budget_burn(replace(BUDGET, **changes), now=NOON)  # type: ignore[arg-type]


def off(**changes: int) -> Signal | None:
    return rules.forecasts_off(replace(FORECAST, **changes))


def unmet(**changes: int) -> Signal | None:
    return rules.unmet_demand(replace(DEMAND, **changes))


CASES: list[Case] = [
    ("heard just now", silent(0), None),
    ("heard 119 s ago", silent(119), None),
    ("silent 2 min", silent(120), Level.NOTICE),
    ("silent 2 min with runs waiting", silent(120, runs=1), Level.WARNING),
    ("silent 15 min", silent(900), Level.WARNING),
    ("60 % used at half of the year", burn(), Level.NOTICE),
    ("50 % used at half of the year", burn(used_fen=49_000), None),
    ("96 % used at half of the year", burn(used_fen=96_000), Level.WARNING),
    ("all used", burn(used_fen=100_000), Level.WARNING),
    ("nothing used", burn(used_fen=0), None),
    ("no money", burn(funded_fen=0), None),
    ("fast but early and small", burn(used_fen=30_000, begins=NOON - timedelta(days=1)), None),
    ("period over", burn(ends=NOON - timedelta(days=1)), None),
    ("4 of 10 outside, slower", off(), Level.WARNING),
    ("4 of 10 outside, faster", off(below=4, above=0), Level.NOTICE),
    ("3 of 9 outside", off(above=3), None),
    ("2 of 2 outside prove nothing", off(inside=0, above=2), None),
    ("no run", off(inside=0, above=0), None),
    ("2 of 10 unmet", unmet(), Level.NOTICE),
    ("4 of 10 unmet", unmet(unmet=4), Level.WARNING),
    ("1 of 10 unmet", unmet(unmet=1), None),
    ("2 of 2 unmet are too few", unmet(requests=2), None),
    ("all met", unmet(unmet=0), None),
]


@pytest.mark.parametrize(("found", "level"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_a_signal(found: Signal | None, level: Level | None) -> None:
    assert (found.level if found else None) == level


@pytest.mark.parametrize("found", [silent(900, runs=2), burn(used_fen=96_000), off(), unmet(unmet=4)])
def test_a_signal_carries_its_figures_in_both_languages(found: Signal | None) -> None:
    assert found is not None and found.en != found.zh
    for figure in found.facts.values():
        if isinstance(figure, int) and figure < 100:
            assert str(figure) in found.en and str(figure) in found.zh


def test_an_agent_never_heard_is_silent_since_it_enrolled() -> None:
    found = rules.agent_silent(replace(AGENT, last_seen_at=None), now=NOON)
    assert found is not None and found.facts["silent_s"] == 86_400


def test_thresholds_are_the_callers() -> None:
    never = rules.Thresholds(silent_notice=timedelta(days=365))
    window = replace(AGENT, last_seen_at=NOON - timedelta(days=1))
    assert rules.agent_silent(window, now=NOON, limits=never) is None
