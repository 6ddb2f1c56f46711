"""Cases worked by hand from the published rules, exactly, and what the other reading of each would give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

import pytest
from tests.policy.rules import codes, rules_with

from hesuan.policy.book import Book
from hesuan.policy.decision import Aid, Decision, Facts, Line
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import needed
from hesuan.policy.predicates import FactValue
from hesuan.policy.programme import Programme

ON = date(2025, 6, 1)
FULL = {"award.rate": Fraction(1)}
"""An award of the full ceiling rate."""


def settle(
    programme: Programme,
    lines: tuple[Line, ...] | int,
    book: Book | None = None,
    *,
    event: str = "issue",
    on: date = ON,
    stated: Mapping[str, object] | None = None,
    aid: tuple[Aid, ...] = (),
    voucher_fen: int | None = None,
) -> Decision:
    """Decides with a book's counters and counts the answer, as a platform would."""
    book = book if book is not None else Book()
    facts = Facts(
        event=event,  # type: ignore[arg-type]
        on=on,
        lines=(Line("compute", lines),) if isinstance(lines, int) else lines,
        stated={"relation.related_party": False, **(stated or {})},  # type: ignore[dict-item]
        registries=frozenset({"pool"}),
        aid=aid,
    )
    decision = decide(programme, facts, book.counters(needed(programme, facts), voucher_fen=voucher_fen))
    book.add(decision, on)
    return decision


def wan(amount: int) -> int:
    """万元 in fen."""
    return amount * 1_000_000


# --- Beijing: two counters, and once a contract ---

BEIJING = rules_with(
    "base: {measure: contract_amount, kinds: [compute], tax: incl}",
    "rates: {select: first, tiers: [{id: all, when: {all: []}, rate: 20/100, rate_kind: ceiling}]}",
    "budgets: []",
    "caps: [{id: claimed, key: [applicant], window: calendar_year, limit: 2000000.00, counts: issued},"
    " {id: redeemed, key: [applicant], window: calendar_year, limit: 2000000.00, counts: redeemed},"
    " {id: contract_once, key: [contract], window: lifetime, limit: 1, counts: claims}]",
    'eligible: {all: ["contract.signed_on >= 2023-09-01", "contract.months <= 12"]}',
)


def beijing(contract: str, **changed: FactValue) -> dict[str, FactValue]:
    facts: dict[str, FactValue] = {
        "applicant.id": "firm",
        "contract.id": contract,
        "contract.signed_on": date(2024, 1, 2),
        "contract.months": Fraction(12),
        "award.rate": Fraction(1, 5),
    }
    return {**facts, **{name.replace("__", "."): value for name, value in changed.items()}}


def test_beijing_a_both_counters_are_used_up() -> None:
    book = Book()
    issued = settle(BEIJING, wan(1200), book, stated=beijing("c1"))
    assert (issued.gross, issued.subsidy_fen, issued.copay_fen) == (wan(240), 200_000_000, wan(1000))
    assert issued.cap_left_fen == {"claimed": 0, "contract_once": 0}
    used = settle(
        BEIJING, wan(1200), book, event="redeem", stated=beijing("c1"), voucher_fen=issued.subsidy_fen
    )
    assert used.subsidy_fen == 200_000_000 and used.cap_left_fen == {"redeemed": 0}


def test_beijing_b_storage_is_left_out() -> None:
    lines = (Line("compute", wan(300)), Line("storage", wan(40)))
    decision = settle(BEIJING, lines, stated=beijing("c1"))
    assert (decision.base, decision.subsidy_fen, decision.copay_fen) == (wan(300), wan(60), wan(280))
    assert decision.cap_left_fen["claimed"] == wan(140)


def test_beijing_c_and_d_are_refused_together_by_name() -> None:
    late = beijing("c1", contract__signed_on=date(2023, 8, 31), contract__months=Fraction(13))
    decision = settle(BEIJING, wan(1), stated=late)
    assert codes(decision) == ["policy.condition_unmet", "policy.condition_unmet"]
    assert ["2023-08-31" in decision.failures[0].sentence(), "13" in decision.failures[1].sentence()] == [
        True,
        True,
    ]


def test_beijing_e_the_same_contract_again() -> None:
    book = Book()
    assert settle(BEIJING, wan(100), book, stated=beijing("c1")).granted
    again = settle(BEIJING, wan(100), book, stated=beijing("c1"))
    assert codes(again) == ["policy.claim_repeated"]
    assert "`contract_once` allows 1 for contract c1; 1 is counted already" in again.failures[0].sentence()
    assert settle(BEIJING, wan(100), book, stated=beijing("c2")).granted, (
        "another contract is another counter"
    )


def test_beijing_claimed_in_one_year_and_redeemed_in_the_next_binds_both_years() -> None:
    """A full claim in 2024, redeemed in 2025: a second one may be claimed in 2025 and not redeemed there."""
    book = Book()
    settle(BEIJING, wan(1000), book, on=date(2024, 12, 1), stated=beijing("c1"))
    redeemed = settle(
        BEIJING,
        wan(1000),
        book,
        event="redeem",
        on=date(2025, 2, 1),
        stated=beijing("c1"),
        voucher_fen=wan(200),
    )
    assert redeemed.subsidy_fen == wan(200)
    assert settle(BEIJING, wan(1000), book, on=date(2025, 3, 1), stated=beijing("c2")).subsidy_fen == wan(200)
    second = settle(
        BEIJING,
        wan(1000),
        book,
        event="redeem",
        on=date(2025, 6, 1),
        stated=beijing("c2"),
        voucher_fen=wan(200),
    )
    assert codes(second) == ["policy.cap_exhausted"]
    later = settle(
        BEIJING,
        wan(1000),
        book,
        event="redeem",
        on=date(2026, 1, 5),
        stated=beijing("c2"),
        voucher_fen=wan(200),
    )
    assert later.subsidy_fen == wan(200)


# --- Shenzhen: 60 % against 50 % ---

SHENZHEN_TIERS = (
    "rates: {select: first, tiers: ["
    '{id: startup, when: "applicant.age_months < 12", rate: 60/100, rate_kind: ceiling},'
    " {id: normal, when: {all: []}, rate: 50/100, rate_kind: ceiling}]}"
)
YOUNG: dict[str, FactValue] = {"applicant.age_months": Fraction(6), **FULL}


def shenzhen(stacking: str) -> Programme:
    return rules_with(
        SHENZHEN_TIERS,
        f"stacking: {{mode: sum_ratio_cap, scope: project, authorities: [any_public], {stacking}}}",
        "caps: []",
        "budgets: []",
    )


@pytest.mark.parametrize(
    ("stacking", "aid_fen", "subsidy_fen"),
    [
        ("ratio: 50/100", 0, wan(60)),
        ("ratio: 50/100", 1, wan(50) - 1),
        ("ratio: 50/100", wan(10), wan(40)),
        ("ratio_by_tier: {startup: 60/100, normal: 50/100}", wan(10), wan(50)),
        ("ratio_by_tier: {startup: 60/100, normal: 50/100}", 1, wan(60) - 1),
    ],
)
def test_shenzhens_start_up_rate_meets_its_ceiling(stacking: str, aid_fen: int, subsidy_fen: int) -> None:
    """1,000,000.00 of a start-up: under the text one fen of other aid costs 100,000.00; by tier, one fen."""
    aid = (Aid("district", "project", aid_fen),) if aid_fen else ()
    decision = settle(shenzhen(stacking), wan(100), stated=YOUNG, aid=aid)
    assert decision.subsidy_fen == subsidy_fen


def test_an_unknown_ceiling_of_a_tier_refuses_by_its_name() -> None:
    rules = shenzhen('ratio_by_tier: {startup: "?", normal: 50/100}')
    aid = (Aid("district", "project", 1),)
    assert settle(rules, wan(1), stated={**FULL, "applicant.age_months": Fraction(20)}, aid=aid).granted
    refused = settle(rules, wan(1), stated=YOUNG, aid=aid)
    assert [one.field for one in refused.failures] == ["stacking.ratio_by_tier.startup"]


# --- Hangzhou: the cliff at 500,000 ---


def hangzhou(retroactive: str) -> Programme:
    return rules_with(
        f"rates: {{select: first, retroactive: {retroactive}, tiers: ["
        '{id: small, when: {all: ["applicant.size == sme", "year.base_total <= 500000.00"]},'
        " rate: 50/100, rate_kind: exact},"
        " {id: domestic, when: {all: []}, rate: 30/100, rate_kind: exact}]}",
        "caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: 8000000.00, counts: issued}]",
        "budgets: []",
    )


def year(base_fen: int, granted_fen: int = 0) -> dict[str, FactValue]:
    return {"applicant.size": "sme", "year.base_total": base_fen, "year.granted_total": granted_fen}


def test_hangzhous_cliff_costs_a_hundred_thousand_for_one_fen() -> None:
    below = settle(hangzhou("false"), wan(50), stated=year(wan(50)))
    above = settle(hangzhou("false"), wan(50) + 1, stated=year(wan(50) + 1))
    assert (below.subsidy_fen, above.subsidy_fen) == (wan(25), wan(15))


def test_a_tier_that_is_not_retroactive_leaves_the_first_contract_alone() -> None:
    second = settle(hangzhou("false"), 1_00, stated=year(wan(50) + 1_00, wan(25)))
    assert (second.subsidy_fen, second.recover_fen, second.tier) == (30, 0, "domestic")


def test_a_retroactive_tier_takes_back_what_the_year_got_too_much() -> None:
    """500,000.00 at 50 % was 250,000.00; with 0.01 more the year is worth 150,000.00 at 30 %."""
    second = settle(hangzhou("true"), 1, stated=year(wan(50) + 1, wan(25)))
    assert (second.subsidy_fen, second.recover_fen) == (0, wan(10))
    assert "¥100,000.00 of earlier claims is to be recovered" in second.trace[-1].en
    third = settle(hangzhou("true"), wan(50), stated=year(wan(100), wan(15)))
    assert (third.subsidy_fen, third.recover_fen) == (wan(15), 0), "30 % of 1,000,000.00 less 150,000.00"


def test_retroactive_needs_to_know_the_year() -> None:
    known = {"applicant.size": "sme", "year.base_total": wan(1)}
    assert codes(settle(hangzhou("true"), wan(1), stated=known)) == ["policy.fact_missing"]


# --- Qingyang: a voucher drawn by instalments ---


def qingyang(drawdown: str) -> Programme:
    return rules_with(
        "floors: [{on: subsidy, min: 5000.00, before_rounding: true, else: reject}]",
        "caps: [{id: unit, key: [applicant], window: lifetime, limit: 2000000.00, counts: issued}]",
        "budgets: []",
        f"redemption: {{claimant: supplier, drawdown: {drawdown}}}",
    )


@pytest.mark.parametrize(
    ("drawdown", "drawn_fen", "copay_fen", "left_fen"),
    [("front_load", wan(25), 0, wan(5)), ("pro_rata", 75_000_00, 175_000_00, 225_000_00)],
)
def test_qingyang_c_the_first_invoice(drawdown: str, drawn_fen: int, copay_fen: int, left_fen: int) -> None:
    rules = qingyang(drawdown)
    voucher_fen = settle(rules, wan(100)).subsidy_fen
    assert voucher_fen == wan(30)
    first = settle(rules, wan(25), event="redeem", voucher_fen=voucher_fen)
    assert (first.subsidy_fen, first.copay_fen) == (drawn_fen, copay_fen)
    assert voucher_fen - first.subsidy_fen == left_fen


def test_the_holder_may_choose_up_to_the_whole_invoice() -> None:
    chosen: dict[str, FactValue] = {"request.draw": 100_000_00}
    rules = qingyang("choice")
    assert (
        settle(rules, wan(25), event="redeem", voucher_fen=wan(30), stated=chosen).subsidy_fen == 100_000_00
    )
    greedy: dict[str, FactValue] = {"request.draw": wan(99)}
    assert settle(rules, wan(25), event="redeem", voucher_fen=wan(30), stated=greedy).subsidy_fen == wan(25)
    assert codes(settle(rules, wan(25), event="redeem", voucher_fen=wan(30))) == ["policy.fact_missing"]


def test_an_open_drawdown_is_refused_where_the_readings_differ_and_only_there() -> None:
    rules = qingyang('"?"')
    differs = settle(rules, wan(25), event="redeem", voucher_fen=wan(30))
    assert [one.field for one in differs.failures] == ["redemption.drawdown"]
    last = settle(rules, wan(25), event="redeem", voucher_fen=1_00)
    assert last.subsidy_fen == 1_00, "a voucher with 1.00 left gives 1.00 by any reading"


def test_qingyangs_floor_is_the_vouchers_and_not_each_invoices() -> None:
    small = settle(qingyang("pro_rata"), 100_00, event="redeem", voucher_fen=wan(30))
    assert small.subsidy_fen == 30_00
    both = rules_with("floors: [{on: subsidy, min: 5000.00, before_rounding: true, else: reject, at: both}]")
    assert codes(settle(both, 100_00, event="redeem", voucher_fen=wan(30))) == ["policy.below_floor"]
