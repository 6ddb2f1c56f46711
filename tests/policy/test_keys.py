"""Windows and keys: which counter a request reads, at which event, over which days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.rules import rules_with
from tests.policy.test_golden import settle, wan

from hesuan.policy.book import Book
from hesuan.policy.decision import Facts, Line
from hesuan.policy.keys import needed
from hesuan.policy.programme import Programme
from hesuan.policy.windows import later, window_of

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
RULES = (
    "calendar_year",
    "fiscal_year",
    "quarter",
    "rolling(P3Y)",
    "rolling(P12M)",
    "rolling(P90D)",
    "lifetime",
)


@pytest.mark.parametrize(
    ("rule", "on", "name", "begin", "end"),
    [
        ("calendar_year", "2026-12-31", "2026", "2026-01-01", "2026-12-31"),
        ("fiscal_year", "2026-03-31", "FY2025", "2025-04-01", "2026-03-31"),
        ("fiscal_year", "2026-04-01", "FY2026", "2026-04-01", "2027-03-31"),
        ("quarter", "2026-05-31", "2026Q2", "2026-04-01", "2026-06-30"),
        ("quarter", "2026-12-01", "2026Q4", "2026-10-01", "2026-12-31"),
        ("rolling(P3Y)", "2026-11-21", "rolling(P3Y):2026-11-21", "2023-11-22", "2026-11-21"),
        ("rolling(P1M)", "2026-03-31", "rolling(P1M):2026-03-31", "2026-03-01", "2026-03-31"),
    ],
)
def test_a_window_has_a_name_and_two_days(rule: str, on: str, name: str, begin: str, end: str) -> None:
    window = window_of(rule, date.fromisoformat(on), fiscal_year_start=(4, 1))
    assert (window.name, str(window.begin), str(window.end)) == (name, begin, end)


def test_a_limit_is_that_of_the_day_it_is_counted_on_and_not_of_the_day_decided_about() -> None:
    """Bought in December, claimed in January: the new year's limit. Negative control: without that day."""
    year = rules_with(
        'caps: [{id: a, key: [applicant], window: calendar_year, limit: "900000", counts: redeemed}]'
    )
    bought = Facts("redeem", date(2025, 12, 30), (Line("compute", 100),))
    claimed = replace(bought, counted_on=date(2026, 1, 5))
    assert [one.window.name for facts in (bought, claimed) for one in needed(year, facts)] == ["2025", "2026"]


def test_a_call_and_a_lifetime_have_no_days() -> None:
    assert window_of("call", date(2026, 1, 1), call="c-7").name == "call:c-7"
    assert window_of("lifetime", date(2026, 1, 1)).holds(date(1990, 1, 1))


@given(days, st.sampled_from(RULES))
def test_a_day_lies_in_its_own_window(day: date, rule: str) -> None:
    assert window_of(rule, day, fiscal_year_start=(4, 6)).holds(day)


@given(days, days)
def test_two_days_of_one_fixed_window_name_it_alike(one: date, other: date) -> None:
    for rule in RULES[:3]:
        window = window_of(rule, one, fiscal_year_start=(7, 1))
        assert window.holds(other) == (window == window_of(rule, other, fiscal_year_start=(7, 1)))


def test_months_end_where_they_end() -> None:
    assert later(date(2024, 2, 29), 1, "Y") == date(2025, 2, 28)
    assert later(date(2025, 3, 31), -1, "M") == date(2025, 2, 28)


KEYED = (
    "caps: [{id: pair, key: [pair], window: quarter, limit: 1.00, counts: both},"
    " {id: group, key: [group], window: rolling(P3Y), limit: 1.00, counts: issued},"
    " {id: running, key: [applicant], window: lifetime, limit: 2, counts: active}]",
    "budgets: [{id: call, window: call, limit: 9.00, counts: held, on_exhaust: reject, key: [pool]}]",
)
WHO = {
    "applicant.id": "org-1",
    "applicant.group": "g",
    "supplier.id": "s",
    "call.id": "c",
    "request.pool": "health",
}


def needs(programme: Programme, event: str, **extra: str) -> dict[str, tuple[object, str, str]]:
    facts = Facts(event=event, on=date(2026, 5, 1), lines=(Line("compute", 1),), stated={**WHO, **extra})  # type: ignore[arg-type]
    return {one.id: (one.key, one.window.name, one.counts) for one in needed(programme, facts)}


def test_each_event_reads_its_own_counters() -> None:
    programme = rules_with(*KEYED)
    pair = (("applicant", "org-1"), ("supplier", "s"))
    assert needs(programme, "issue") == {
        "pair": (pair, "2026Q2", "issued"),
        "group": ((("group", "g"),), "rolling(P3Y):2026-05-01", "issued"),
        "running": ((("applicant", "org-1"),), "lifetime", "active"),
    }
    assert needs(programme, "redeem") == {
        "pair": (pair, "2026Q2", "redeemed"),
        "call": ((("pool", "health"),), "call:c", "held"),
    }


def test_where_nothing_is_issued_every_limit_counts_at_use() -> None:
    after_use = rules_with(*KEYED, "issuance: {event: none, validity: open_ended}")
    assert set(needs(after_use, "redeem")) == {"pair", "group", "running", "call"}


def test_a_rolling_window_forgets_after_its_time_and_not_before() -> None:
    """At most 315,000.00 a group in three years, as for minimal financial assistance."""
    rules = rules_with(
        "caps: [{id: mfa, key: [group], window: rolling(P3Y), limit: 315000.00, counts: issued}]",
        "budgets: []",
        "period: {from: 2020-01-01, to: open_ended}",
    )
    book = Book()

    def give(on: date, group: str = "g") -> int:
        return settle(rules, wan(100), book, on=on, stated={"applicant.group": group}).subsidy_fen

    assert give(date(2022, 5, 1)) == 300_000_00
    assert give(date(2025, 4, 30)) == 15_000_00, "the last day on which the first still counts"
    assert give(date(2025, 5, 1)) == 300_000_00, "three years later it no longer does"
    assert give(date(2025, 5, 1)) == 0
    assert give(date(2025, 5, 1), group="h") == 300_000_00


def test_a_share_of_another_budget_holds_commercial_use_alone() -> None:
    """EuroHPC: at most 20 % of the access time to commercial users; the others may have all of it."""
    rules = rules_with(
        "unit: GPU_HOUR",
        "base: {measure: metered_units, kinds: [gpu_hour]}",
        "rates: {select: first, tiers: [{id: full, when: {all: []}, rate: 1/1, rate_kind: exact}]}",
        "caps: []",
        "funding: []",
        "settlement: {flow: no_cash}",
        "budgets: [{id: machine, window: calendar_year, limit: 1000, counts: issued, on_exhaust: partial},"
        " {id: commercial, window: calendar_year, share_of: {pool: machine, ratio: 20/100}, counts: issued,"
        ' on_exhaust: partial, when: "applicant.user_class == commercial"}]',
    )
    book = Book()

    def give(user_class: str, hours: int) -> int:
        lines = (Line("gpu_hour", 100 * hours),)
        return settle(rules, lines, book, stated={"applicant.user_class": user_class}).subsidy_fen // 100

    assert [give("commercial", 150), give("commercial", 150), give("commercial", 150)] == [150, 50, 0]
    assert [give("academic", 700), give("academic", 700)] == [700, 100]


def test_a_budget_may_be_kept_apart_by_pool() -> None:
    rules = rules_with(
        "caps: []",
        "budgets: [{id: pool, window: call, limit: 100.00, counts: issued, on_exhaust: reject, key: [pool]}]",
    )
    book = Book()

    def give(pool: str) -> int:
        return settle(rules, 300_00, book, stated={"call.id": "c", "request.pool": pool}).subsidy_fen

    assert [give("health"), give("health"), give("climate")] == [90_00, 0, 90_00]


def test_a_cap_on_some_lines_leaves_the_others_alone() -> None:
    """Compute up to 5,000,000.00 and model services up to 1,000,000.00, in one claim."""
    rules = rules_with(
        "base: {measure: order, kinds: [compute, model], tax: incl}",
        "rates: {select: first, scope: line, tiers: ["
        '{id: model, when: "line.kind == model", rate: 30/100, rate_kind: exact},'
        " {id: compute, when: {all: []}, rate: 60/100, rate_kind: exact}]}",
        "budgets: []",
        "caps: [{id: computing, key: [applicant], window: calendar_year, limit: 5000000.00, counts: issued,"
        ' when: "line.kind == compute"},'
        " {id: model_year, key: [applicant], window: calendar_year, limit: 1000000.00, counts: issued,"
        " tiers: [model]}]",
    )
    book = Book()
    lines = (Line("model", wan(600)), Line("compute", wan(400)), Line("model", wan(10)))
    first = settle(rules, lines, book)
    assert [line.subsidy_fen for line in first.lines] == [wan(100), wan(240), 0]
    assert first.cap_left_fen == {"computing": wan(260), "model_year": 0}
    second = settle(rules, lines, book)
    assert [line.subsidy_fen for line in second.lines] == [0, wan(240), 0]
    assert second.granted and second.rate is None and second.tier == "model, compute"


def test_an_active_cap_counts_vouchers_that_run() -> None:
    rules = rules_with("caps: [{id: running, key: [applicant], window: lifetime, limit: 2, counts: active}]")
    book = Book()
    first = settle(rules, 100_00, book)
    assert settle(rules, 100_00, book).granted and not settle(rules, 100_00, book).granted
    [(need, fen)] = [entry for entry in first.counted if entry[0].id == "running"]
    assert fen == 100, "one claim is 1.00"
    book.count(need, -fen, date(2025, 7, 1))
    assert settle(rules, 100_00, book).granted, "closing one makes room"


def test_an_age_is_stated_and_never_guessed() -> None:
    rules = rules_with("caps: [{id: g, key: [group], window: lifetime, limit: 1.00, counts: issued}]")
    refused = settle(rules, 100_00, stated={"applicant.age_months": Fraction(1)})
    assert [one.code.name for one in refused.failures] == ["policy.fact_missing"]
    assert refused.failures[0].facts["fact"] == "applicant.group"
