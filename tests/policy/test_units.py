"""Unit credits: exchange at dated rates, tranches, checkpoints that take back what lies unused."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from tests.policy.rules import rules_with
from tests.policy.test_golden import settle

from hesuan.errors import InputFault, Refused
from hesuan.policy.book import Book
from hesuan.policy.decay import Holding, reduce
from hesuan.policy.decision import Line
from hesuan.policy.exchange import Usage, back, charge, node_share, rate_on, to_resource
from hesuan.policy.programme import Programme
from hesuan.policy.tranches import pieces

UNIT = 100


def access(gpu_rate: str = "2") -> Programme:
    """ACCESS Discover with Jetstream2's table."""
    return rules_with(
        "unit: ACCESS_CREDIT",
        "base: {measure: metered_units, kinds: [vcpu_hour, gpu_hour]}",
        "budgets: []",
        "funding: []",
        "rates: {select: first, tiers: [{id: full, when: {all: []}, rate: 1/1, rate_kind: exact}]}",
        "caps: [{id: project, key: [project], window: lifetime, limit: 1500000, counts: issued},"
        " {id: funding_award, key: [funding_award], window: lifetime, limit: 3000000, counts: issued}]",
        "stacking: {mode: allow}",
        "settlement: {flow: no_cash}",
        "issuance: {event: approval, validity: open_ended, transferable: within_project,"
        " tranches: [{id: first, share: 1/2, release: issuance},"
        " {id: second, share: 1/2, release: progress_report}]}",
        "exchange: {table: access_rates, versioned: true, reversible: true,"
        " state_factors: {running: 1, suspended: 3/4, stopped: 1/2, shelved: 0},"
        " versions: [{from: 2022-01-01, rates: {jetstream2_gpu: 4, jetstream2_cpu: 1}},"
        f" {{from: 2025-01-01, rates: {{jetstream2_gpu: {gpu_rate}, jetstream2_cpu: 1}}}}]}}",
    )


VM = tuple(
    Usage(state, Fraction(hours), Fraction(32))
    for state, hours in (("running", 100), ("suspended", 10), ("stopped", 20), ("shelved", 100))
)
PROJECT = {"project.id": "p", "funding_award.id": "f"}


def test_access_an_award_is_in_units_and_nobody_pays() -> None:
    award = settle(access(), (Line("vcpu_hour", 1_500_000 * UNIT),), stated=PROJECT)
    assert (award.subsidy_fen, award.shares, award.copay_fen) == (1_500_000 * UNIT, (), 0)
    assert award.cap_left_fen == {"project": 0, "funding_award": 1_500_000 * UNIT}
    assert any("1,500,000.00 ACCESS_CREDIT" in step.en for step in award.trace)


def test_access_half_is_locked_and_a_gpu_machine_costs_7520() -> None:
    """6,400 + 480 + 640 + 0 = 7,520 of the 10,000 exchanged; 740,000 unexchanged, 750,000 locked."""
    programme = access()
    first, second = pieces(programme, 1_500_000 * UNIT, on=date(2025, 6, 1))
    assert (first.fen, first.released, second.fen, second.released) == (
        750_000 * UNIT,
        True,
        750_000 * UNIT,
        False,
    )
    used = charge(programme, "jetstream2_gpu", VM, on=date(2025, 6, 1))
    assert [amount / UNIT for _, amount in used.parts] == [6400, 480, 640, 0]
    assert used.fen == 7_520 * UNIT
    exchanged = 10_000 * UNIT
    assert exchanged - used.fen == 2_480 * UNIT and first.fen - exchanged == 740_000 * UNIT
    reported = pieces(programme, 1_500_000 * UNIT, on=date(2025, 6, 1), events=["progress_report"])
    assert [piece.released for piece in reported] == [True, True]


def test_the_older_page_charges_twice_as_much_so_a_rate_is_of_a_day() -> None:
    older = charge(access(), "jetstream2_gpu", VM, on=date(2024, 6, 1))
    assert older.fen == 15_040 * UNIT > 10_000 * UNIT and older.rate_begin == date(2022, 1, 1)
    with pytest.raises(Refused, match="no_rate"):
        rate_on(access().terms.exchange, "jetstream2_gpu", date(2021, 12, 31))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="no_state_factor"):
        charge(access(), "jetstream2_gpu", (Usage("paused", Fraction(1), Fraction(1)),), on=date(2025, 6, 1))


def test_unused_units_go_back_at_the_rate_they_were_bought_at() -> None:
    programme = access()
    bought = to_resource(programme, "jetstream2_gpu", 10_000 * UNIT, on=date(2024, 6, 1))
    assert bought == 2_500, "at 4 credits an hour"
    assert back(programme, "jetstream2_gpu", bought, made_on=date(2024, 6, 1)) == 10_000 * UNIT
    assert back(programme, "jetstream2_gpu", bought, made_on=date(2025, 6, 1)) == 5_000 * UNIT, (
        "at another rate"
    )


def test_lifetime_caps_hold_across_projects_of_one_funding_award() -> None:
    book, programme = Book(), access()

    def ask(project: str, units: int) -> int:
        lines = (Line("vcpu_hour", units * UNIT),)
        stated = {"project.id": project, "funding_award.id": "f"}
        return settle(programme, lines, book, stated=stated).subsidy_fen // UNIT

    assert [ask("p", 1_500_000), ask("q", 1_500_000), ask("r", 1)] == [1_500_000, 1_500_000, 0]


def test_charges_are_of_what_is_reserved_and_at_least_the_least() -> None:
    """Delta: a quarter of a node's cores and half its memory is half a node; a minute still costs 1."""
    programme = rules_with(
        "exchange: {table: delta, versioned: true, reversible: false, charge_on: reserved, min_charge: 1,"
        " versions: [{from: 2025-01-01, rates: {a100: 48, amd_core: 0.4}}]}"
    )
    share = node_share(Fraction(1, 4), Fraction(1, 2), Fraction(1, 4))
    hour = Usage("running", Fraction(1), share, used=Fraction(1, 8))
    assert charge(programme, "a100", (hour,), on=date(2025, 6, 1)).fen == 24 * UNIT
    minute = Usage("running", Fraction(1, 60), Fraction(1))
    assert charge(programme, "amd_core", (minute,), on=date(2025, 6, 1)).fen == 1 * UNIT
    assert charge(programme, "amd_core", (), on=date(2025, 6, 1)).fen == 0
    with pytest.raises(Refused, match="not_reversible"):
        back(programme, "a100", Fraction(1), made_on=date(2025, 6, 1))


def test_a_charge_that_no_rule_rounds_is_not_rounded() -> None:
    third = (Usage("running", Fraction(1, 3), Fraction(1)),)
    with pytest.raises(InputFault, match="charge_unrounded"):
        charge(access(), "jetstream2_cpu", third, on=date(2025, 6, 1))
    rounded = rules_with(
        "exchange: {table: t, versioned: true, versions: [{from: 2025-01-01, rates: {cpu: 1}}]}",
        "rounding: {quantum: 0.01, mode: ceil, stages: [charge]}",
    )
    assert charge(rounded, "cpu", third, on=date(2025, 6, 1)).fen == 34


# --- ALCC: what lies unused is taken back ---


def alcc(reference: str) -> Programme:
    return rules_with(
        "unit: NODE_HOUR",
        "expiry: {mode: decay, exemption: programme_manager, returns_to: pool, checkpoints: ["
        f"{{date: 2026-11-01, reference: {reference}, brackets: ["
        "{lt: 10/100, remove_of_unused: 25/100}, {gt: 10/100, lt: 25/100, remove_of_unused: 15/100}]},"
        f" {{date: 2027-03-01, reference: {reference}, brackets: ["
        "{lt: 25/100, remove_of_unused: 50/100}, {gt: 25/100, lt: 50/100, remove_of_unused: 25/100}]}]}",
    )


@pytest.mark.parametrize(("reference", "removed"), [("current", 142_500), ("original", 285_000)])
def test_alcc_takes_142500_or_285000_hours(reference: str, removed: int) -> None:
    """1,000,000 hours; 80,000 used on 1 November (8 %): a quarter of 920,000 goes, 770,000 stay. On 1 March
    200,000 are used: 26 % of the current (a quarter of 570,000 goes), 20 % of the original (half goes)."""
    programme = alcc(reference)
    expiry = programme.terms.expiry
    assert expiry is not None
    november, march = expiry.checkpoints
    first = reduce(programme, november, Holding(1_000_000 * UNIT, 1_000_000 * UNIT, 80_000 * UNIT))
    assert first.removed_fen == 230_000 * UNIT and first.returns_to == "pool"
    second = reduce(programme, march, Holding(1_000_000 * UNIT, 770_000 * UNIT, 200_000 * UNIT))
    assert (
        second.removed_fen == removed * UNIT
        and second.en
        and second.zh
        and second.citing.startswith("t.yaml:")
    )


def test_a_share_in_no_bracket_is_refused_and_one_above_all_keeps_everything() -> None:
    programme = alcc("current")
    expiry = programme.terms.expiry
    assert expiry is not None
    november = expiry.checkpoints[0]
    for used in (10, 25):
        between = reduce(programme, november, Holding(100 * UNIT, 100 * UNIT, used * UNIT))
        assert between.refused is not None and between.refused.name == "policy.between_brackets"
    for used in (26, 60, 100):
        assert reduce(programme, november, Holding(100 * UNIT, 100 * UNIT, used * UNIT)).removed_fen == 0
    assert reduce(programme, november, Holding(100 * UNIT, 100 * UNIT, 11 * UNIT)).removed_fen == 13_35


def test_only_the_named_role_exempts() -> None:
    programme = alcc("current")
    assert programme.terms.expiry is not None
    november, idle = programme.terms.expiry.checkpoints[0], Holding(100 * UNIT, 100 * UNIT, 0)
    exempt = reduce(
        programme, november, idle, exempted_by="programme_manager", reason="outage of the machine"
    )
    assert exempt.removed_fen == 0 and "outage of the machine" in exempt.en
    assert reduce(programme, november, idle, exempted_by="clerk").removed_fen == 25 * UNIT


def test_an_open_reference_takes_nothing_and_says_so() -> None:
    programme = alcc('"?"')
    assert programme.terms.expiry is not None
    found = reduce(programme, programme.terms.expiry.checkpoints[0], Holding(UNIT, UNIT, 0))
    assert found.removed_fen == 0 and found.refused is not None and found.refused.name == "policy.open_rule"
