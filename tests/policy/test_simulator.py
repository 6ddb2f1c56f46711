"""A year of claims: never past a budget or cap, the same twice, and told by month, reason and share."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.rules import rules_with

from hesuan.policy.claims import Claim
from hesuan.policy.decision import Facts, Line
from hesuan.policy.programme import Programme
from hesuan.policy.simulator import (
    Simulation,
    months,
    nothing,
    sensitivity,
    simulate,
    top,
    varied,
)

BUDGET = 'budgets: [{{id: year, window: {}, limit: "{}", counts: issued, on_exhaust: {}}}]'
CAP = 'caps: [{{id: unit, key: [applicant], window: {}, limit: "{}", counts: issued}}]'


def claim(number: int, on: date, yuan: int, who: str = "a", **stated: object) -> Claim:
    facts = {"relation.related_party": False, "applicant.id": who, **stated}
    lines = (Line("compute", 100 * yuan),)
    registries = frozenset({"pool"})
    return Claim(f"c{number}", number, Facts("issue", on, lines, stated=facts, registries=registries))  # type: ignore[arg-type]


def year_of(*amounts: int, who: str = "a", step: int = 20) -> list[Claim]:
    begin = date(2025, 1, 10)
    return [claim(at, begin + timedelta(days=step * at), yuan, who) for at, yuan in enumerate(amounts)]


claims_of_years = st.lists(
    st.tuples(st.integers(0, 700), st.integers(1, 4000), st.sampled_from("abc")), min_size=1, max_size=25
).map(
    lambda rows: [
        claim(at, date(2025, 1, 1) + timedelta(days=day), yuan, who)
        for at, (day, yuan, who) in enumerate(sorted(rows))
    ]
)


@settings(max_examples=120, deadline=None)
@given(
    claims_of_years,
    st.sampled_from(["calendar_year", "quarter", "lifetime", "rolling(P6M)"]),
    st.sampled_from(["calendar_year", "rolling(P40D)", "lifetime"]),
    st.sampled_from(["reject", "queue", "partial", "prorate_batch"]),
    st.integers(1, 3000),
    st.integers(1, 2000),
)
def test_no_budget_and_no_cap_is_passed(
    claims: list[Claim], window: str, cap_window: str, rule: str, limit: int, cap: int
) -> None:
    programme = rules_with(BUDGET.format(window, limit, rule), CAP.format(cap_window, cap))
    year = simulate(programme, claims)
    for name, rolling, most_fen in (("budget", window, 100 * limit), ("cap", cap_window, 100 * cap)):
        entries = [
            (needed, one.claim.facts.on, fen)
            for one in year.outcomes
            for needed, fen in one.decision.counted
            if needed.kind == name
        ]
        sums: dict[object, int] = defaultdict(int)
        for needed, on, fen in entries:
            if rolling.startswith("rolling"):
                inside = [f for n, day, f in entries if n.key == needed.key and needed.window.holds(day)]
                assert sum(inside) <= most_fen, (on, needed)
            else:
                sums[needed.key, needed.window.name] += fen
        assert all(fen <= most_fen for fen in sums.values())
    counted = sum(one.decision.subsidy_fen for one in year.outcomes)
    assert counted == year.subsidy_fen == months(year)[-1].running_fen
    assert simulate(programme, claims) == year, "the same year twice"


def test_budget_is_gone_on_a_day_and_short_on_a_day() -> None:
    claims = year_of(1000, 1000, 1000, 500)
    partial = simulate(rules_with(BUDGET.format("calendar_year", "700.00", "partial")), claims)
    assert [one.decision.subsidy_fen for one in partial.outcomes] == [300_00, 300_00, 100_00, 0]
    [use] = partial.budgets
    assert (use.used_fen, use.gone_on, use.short_on) == (700_00, date(2025, 2, 19), date(2025, 3, 11))
    reject = simulate(rules_with(BUDGET.format("calendar_year", "700.00", "reject")), claims)
    [use] = reject.budgets
    assert (use.used_fen, use.gone_on, use.short_on) == (600_00, None, date(2025, 2, 19))
    assert reject.gone_on == date(2025, 2, 19)


def test_a_short_budget_is_shared_within_the_month() -> None:
    claims = [claim(at, date(2025, 1, 5 + at), 1000) for at in range(3)] + [claim(9, date(2025, 2, 1), 1000)]
    year = simulate(rules_with(BUDGET.format("calendar_year", "450.00", "prorate_batch")), claims)
    assert [one.decision.subsidy_fen for one in year.outcomes] == [150_00, 150_00, 150_00, 0]


def test_what_a_platform_keeps_is_kept_here() -> None:
    tiers = (
        'rates: {select: first, tiers: [{id: small, when: "year.base_total <= 1500.00", rate: 1/2,'
        " rate_kind: exact}, {id: big, when: {all: []}, rate: 1/10, rate_kind: exact,"
        " ordinal_cap: [{from: 1, cap: 900.00}, {from: 3, cap: 60.00}]}]}"
    )
    year = simulate(rules_with(tiers), year_of(1000, 1000, 1000) + year_of(1000, who="b", step=1))
    assert [one.decision.tier for one in year.outcomes] == ["small", "big", "big", "small"]
    assert [one.decision.subsidy_fen for one in year.outcomes] == [500_00, 100_00, 60_00, 500_00]
    stated = simulate(
        rules_with(tiers), [claim(0, date(2025, 1, 1), 1000, **{"year.base_total": 200_000_00})]
    )
    assert stated.outcomes[0].decision.tier == "big", "what the table states holds"


def draft() -> tuple[Programme, list[Claim]]:
    related = claim(7, date(2025, 3, 2), 10, "b", **{"relation.related_party": True})
    return rules_with(BUDGET.format("calendar_year", "500.00", '"?"')), [*year_of(1000, 1000, 1000), related]


def test_who_gets_nothing_is_counted_by_the_rule_and_the_open_one_is_named() -> None:
    year = simulate(*draft())
    assert [(one.code, one.field, one.claims, one.first) for one in nothing(year)] == [
        ("policy.budget_rule_open", "budgets[year].on_exhaust", 2, "c1"),
        ("policy.condition_unmet", "eligible", 1, "c7"),
    ]
    assert nothing(year)[0].asked_fen == 2000_00 and nothing(year)[0].where == "t.yaml:9"


def test_months_without_a_claim_are_there_too() -> None:
    year = simulate(rules_with(), [claim(0, date(2025, 11, 5), 10), claim(1, date(2026, 2, 5), 10)])
    assert [(one.name, one.claims, one.running_fen) for one in months(year)] == [
        ("2025-11", 1, 3_00),
        ("2025-12", 0, 3_00),
        ("2026-01", 0, 3_00),
        ("2026-02", 1, 6_00),
    ]


def test_the_five_who_get_most() -> None:
    claims = [claim(at, date(2025, 1, 1 + at), 100 * (at + 1), who) for at, who in enumerate("abcdefg")]
    shares = top(simulate(rules_with(), claims))
    assert [one.applicant for one in shares] == list("gfedc")
    assert shares[0].share == Fraction(7, 28) and sum(one.subsidy_fen for one in shares) == 750_00
    assert top(simulate(rules_with(), [claims[0]][:0] or year_of(0))) == ()


def test_other_rates_and_caps() -> None:
    claims = year_of(1000, 1000)
    programme = rules_with(CAP.format("calendar_year", "500.00"))
    found = sensitivity(programme, claims, rate=Fraction(1, 10), cap=Fraction(1, 2), steps=1)
    assert [(one.rate, one.cap, one.subsidy_fen) for one in found] == [
        (Fraction(-1, 10), Fraction(1, 2), 250_00),
        (Fraction(-1, 10), Fraction(1), 400_00),
        (Fraction(-1, 10), Fraction(3, 2), 400_00),
        (Fraction(0), Fraction(1, 2), 250_00),
        (Fraction(0), Fraction(1), 500_00),
        (Fraction(0), Fraction(3, 2), 600_00),
        (Fraction(1, 10), Fraction(1, 2), 250_00),
        (Fraction(1, 10), Fraction(1), 500_00),
        (Fraction(1, 10), Fraction(3, 2), 750_00),
    ]
    assert varied(programme, rate=Fraction(2), cap=Fraction(1)).tiers[0].rate == 1
    assert varied(programme, rate=Fraction(-2), cap=Fraction(1)).tiers[0].rate == 0


def test_progress_goes_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    programme, claims = draft()
    simulate(programme, claims, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    told.clear()
    sensitivity(
        programme,
        claims,
        rate=Fraction(1, 10),
        cap=Fraction(1, 10),
        steps=1,
        progress=lambda done, of: told.append((done, of)),
    )
    assert told[-1] == (36, 36) and told == sorted(told)


def test_a_year_is_a_value() -> None:
    assert isinstance(simulate(*draft()), Simulation)
    with pytest.raises(AttributeError):
        simulate(*draft()).outcomes = ()  # type: ignore[misc]
