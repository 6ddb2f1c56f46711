"""The market's decisions on plain values: fit, limits, charges, rank."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.hub.market import rules
from hesuan.hub.market.inputs import Input
from hesuan.hub.market.rules import Candidate, Site
from hesuan.hub.market.work import WorkOrder
from hesuan.wire.ids import new_id

GIB = 2**30
SITE = Site(
    title="CPU",
    centre="Zhengzhou East",
    admitted=True,
    has_agent=True,
    drains=False,
    cores=4,
    memory_bytes=8 * GIB,
    apps=("omics-match",),
    scripts_allowed=False,
    takes_inputs=False,
)
APP = WorkOrder(kind="app", app="omics-match", units=1000, cores=2)
SCRIPT = WorkOrder(kind="script", command=("true",), cores=1, time_limit_s=60)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

REFUSALS = [
    ("offering.centre_not_admitted", APP, replace(SITE, admitted=False)),
    ("offering.no_agent", APP, replace(SITE, has_agent=False)),
    ("offering.centre_draining", APP, replace(SITE, drains=True)),
    ("offering.scripts_not_allowed", SCRIPT, SITE),
    ("offering.app_not_installed", replace(APP, app="alphafold"), SITE),
    ("offering.no_inputs", replace(APP, inputs=(Input(new_id(), "a.csv"),)), SITE),
    ("offering.cores_exceeded", replace(APP, cores=5), SITE),
    ("offering.memory_exceeded", replace(APP, memory_bytes=9 * GIB), SITE),
]
"""One row per code, in order of precedence."""


@pytest.mark.parametrize(("code", "work", "site"), REFUSALS)
def test_work_that_does_not_fit_is_refused_with_its_code(code: str, work: WorkOrder, site: Site) -> None:
    refusal = rules.unfit(work, site)
    assert refusal is not None and refusal.code.name == code
    sentences = refusal.sentences()
    assert all("{" not in str(sentence) for sentence in sentences.values())


def test_the_first_refusal_in_the_order_of_the_table_is_told() -> None:
    hopeless = replace(SITE, admitted=False, has_agent=False, drains=True, cores=1, memory_bytes=1)
    found = []
    mended: tuple[dict[str, Any], ...] = (
        {},
        {"admitted": True},
        {"has_agent": True},
        {"drains": False},
        {"apps": ("alphafold",)},
        {"cores": 64},
    )
    for better in mended:
        hopeless = replace(hopeless, **better)
        refusal = rules.unfit(WorkOrder(kind="app", app="alphafold", cores=2, memory_bytes=GIB), hopeless)
        assert refusal is not None
        found.append(refusal.code.name)
    other_work = ("offering.scripts_not_allowed", "offering.no_inputs")
    assert found == [code for code, *_ in REFUSALS if code not in other_work]


def test_both_numbers_stand_in_the_sentence() -> None:
    refusal = rules.unfit(replace(APP, cores=5), SITE)
    assert refusal is not None
    assert "5 cores" in str(refusal.sentences()["en"]) and "4" in str(refusal.sentences()["en"])
    refusal = rules.unfit(replace(APP, memory_bytes=9 * GIB), SITE)
    assert refusal is not None
    assert "9.0 GiB" in str(refusal.sentences()["zh"]) and "8.0 GiB" in str(refusal.sentences()["zh"])


@pytest.mark.parametrize("work", [APP, replace(APP, cores=4), replace(APP, memory_bytes=8 * GIB)])
def test_work_that_just_fits_is_not_refused(work: WorkOrder) -> None:
    assert rules.unfit(work, SITE) is None
    assert rules.unfit(SCRIPT, replace(SITE, scripts_allowed=True)) is None


@pytest.mark.parametrize(
    ("high_ms", "limit_s"), [(1, 60), (20_000, 60), (20_001, 61), (31_000, 93), (100_000, 300)]
)
def test_the_time_limit_is_three_times_the_high_end_and_at_least_a_minute(high_ms: int, limit_s: int) -> None:
    assert rules.time_limit_s(APP, high_ms) == limit_s


def test_the_users_own_limit_stands() -> None:
    assert rules.time_limit_s(SCRIPT, None) == 60
    assert rules.time_limit_s(replace(APP, time_limit_s=5), 100_000) == 5


def test_without_evidence_and_without_a_bound_there_is_no_limit() -> None:
    """Never a default hour."""
    assert rules.time_limit_s(APP, None) is None


TERMS = {
    "cores": 2,
    "price": {"fen_per_core_hour": 36_000},
    "time_limit_s": 93,
    "max_charge_fen": 1860,
    "charge_rule": rules.CHARGE_RULE,
}


def test_the_highest_charge_is_the_whole_limit() -> None:
    assert rules.highest_charge_fen(limit_s=93, cores=2, fen_per_core_hour=36_000) == 1860
    assert rules.highest_charge_fen(limit_s=60, cores=1, fen_per_core_hour=59) == 0, "rounded down to nothing"
    assert rules.highest_charge_fen(limit_s=2**31, cores=2**17, fen_per_core_hour=2**40) is None


def test_an_expected_charge_counts_started_seconds() -> None:
    assert rules.expected_charge_fen(TERMS, 20_500) == 420
    assert rules.expected_charge_fen(TERMS, 20_000) == 400
    assert rules.expected_charge_fen(TERMS, 10**9) == 1860


@given(wall_ms=st.integers(0, 10**9), more_ms=st.integers(0, 10**6))
def test_a_longer_run_never_costs_less_and_none_costs_more_than_the_highest(
    wall_ms: int, more_ms: int
) -> None:
    charge = rules.expected_charge_fen(TERMS, wall_ms)
    assert charge <= rules.expected_charge_fen(TERMS, wall_ms + more_ms) <= 1860


def test_own_cost_is_exact_and_follows_the_users_share() -> None:
    whole = rules.own_cost_fen(mid_ms=500, cores=1, fen_per_core_hour=36_000, copay_fen=100, whole_fen=100)
    assert whole == 5
    shared = rules.own_cost_fen(mid_ms=500, cores=1, fen_per_core_hour=36_000, copay_fen=80, whole_fen=100)
    assert shared == 4


@pytest.mark.parametrize(
    ("units", "own_fen", "text"),
    [
        (20_000, Fraction(400), "5000.00"),
        (1, Fraction(300), "0.33"),
        (20_000, Fraction(0), None),
        (0, Fraction(5), None),
    ],
)
def test_units_per_yuan_are_rounded_down_and_never_infinite(
    units: int, own_fen: Fraction, text: str | None
) -> None:
    assert rules.units_per_yuan(units, own_fen) == text


def test_offers_with_evidence_come_first_by_the_users_own_cost_then_by_time() -> None:
    candidates = [
        Candidate("no evidence, cheap bound", None, 60_000, 1),
        Candidate("dear", Fraction(500), 1_000, 900),
        Candidate("cheap and slow", Fraction(100), 9_000, 900),
        Candidate("cheap and fast", Fraction(100), 2_000, 900),
        Candidate("no evidence, dear bound", None, 60_000, 5_000),
    ]
    assert rules.rank(candidates) == [3, 2, 1, 0, 4]


@given(st.permutations(range(6)))
def test_rank_does_not_depend_on_the_order_of_asking(order: list[int]) -> None:
    candidates = [Candidate(str(n), Fraction(n % 3) if n < 4 else None, 1000, 10 * n) for n in range(6)]
    shuffled = [candidates[n] for n in order]
    assert [shuffled[n] for n in rules.rank(shuffled)] == [candidates[n] for n in rules.rank(candidates)]


def test_a_quote_ends_with_its_hour_or_with_its_price() -> None:
    assert rules.valid_until(NOON, None) == NOON + timedelta(hours=1)
    assert rules.valid_until(NOON, NOON + timedelta(minutes=5)) == NOON + timedelta(minutes=5)


def test_a_quote_is_good_up_to_its_last_moment() -> None:
    assert not rules.is_expired(NOON, NOON - timedelta(microseconds=1))
    assert rules.is_expired(NOON, NOON)
