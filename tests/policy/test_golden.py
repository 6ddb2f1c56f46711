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


# --- Canada: two thirds and one half, by line ---

CANADA = rules_with(
    "unit: CAD",
    "rates: {select: first, scope: line, tiers: ["
    '{id: canadian, when: "resource.provenance == domestic", rate: 2/3, rate_kind: exact},'
    " {id: foreign, when: {all: []}, rate: 1/2, rate_kind: exact}]}",
    "caps: [{id: project, key: [project], window: lifetime, limit: 5000000.00, counts: redeemed}]",
    "budgets: []",
    "issuance: {event: none, validity: open_ended}",
)
PROJECT: dict[str, FactValue] = {"project.id": "p"}


def cloud(amount_fen: int, provenance: str) -> Line:
    return Line("compute", amount_fen, stated={"resource.provenance": provenance})


def test_canada_pays_two_thirds_and_a_half_line_by_line() -> None:
    """2/3 of 100.00 is 66.66 and 2/3 of a cent, which no cent holds: together with 1/2 of 50.00, 91.66."""
    lines = (cloud(100_00, "domestic"), cloud(50_00, "other"))
    decision = settle(CANADA, lines, event="redeem", stated=PROJECT)
    assert decision.gross == Fraction(20000, 3) + 2500
    assert decision.subsidy_fen == 91_66 and decision.copay_fen == 58_34
    assert [(one.tier, one.rate, one.subsidy_fen) for one in decision.lines] == [
        ("canadian", Fraction(2, 3), 66_66),
        ("foreign", Fraction(1, 2), 25_00),
    ]
    assert decision.cap_left_fen == {"project": 5_000_000_00 - 91_66}
    assert any("66.66" in step.en and "CAD" in step.en for step in decision.trace)


def test_two_thirds_of_three_cents_by_one_line_or_by_three() -> None:
    """Exact within a claim: three lines of one cent are 3 × 2/3 = 2 cents; alone, each is nothing."""
    lines = tuple(cloud(1, "domestic") for _ in range(3))
    together = settle(CANADA, lines, event="redeem", stated=PROJECT)
    assert (together.subsidy_fen, [line.subsidy_fen for line in together.lines]) == (2, [1, 1, 0])
    alone = settle(CANADA, lines[:1], event="redeem", stated=PROJECT)
    assert (alone.subsidy_fen, alone.copay_fen) == (0, 1)


def test_a_line_whose_provenance_nobody_stated_has_no_rate() -> None:
    assert codes(settle(CANADA, 100_00, event="redeem", stated=PROJECT)) == ["policy.fact_missing"]


def test_a_cap_of_one_project_is_not_another_projects() -> None:
    book = Book()
    first = settle(CANADA, (cloud(wan(900), "domestic"),), book, event="redeem", stated=PROJECT)
    assert first.subsidy_fen == wan(500)
    assert codes(settle(CANADA, (cloud(1_00, "domestic"),), book, event="redeem", stated=PROJECT)) == [
        "policy.cap_exhausted"
    ]
    other = settle(CANADA, (cloud(3_00, "domestic"),), book, event="redeem", stated={"project.id": "q"})
    assert other.subsidy_fen == 2_00
    assert codes(settle(CANADA, (cloud(3_00, "domestic"),), book, event="redeem")) == ["policy.fact_missing"]


# --- Chengdu: a budget that runs short ---

CHENGDU_TIERS = (
    "rates: {select: first, tiers: ["
    '{id: national, when: "project.level == national", rate: 30/100, rate_kind: exact, cap: 3000000.00},'
    ' {id: provincial, when: "project.level == provincial", rate: 30/100, rate_kind: exact, cap: 1500000.00},'
    ' {id: general, when: {all: []}, rate: "?"}]}'
)


def chengdu(on_exhaust: str) -> Programme:
    return rules_with(
        CHENGDU_TIERS,
        "caps: []",
        "budgets: [{id: year, window: calendar_year, limit: 10000000.00, counts: issued,"
        f" on_exhaust: {on_exhaust}}}]",
    )


@pytest.mark.parametrize(
    ("on_exhaust", "subsidy_fen", "refused", "queued"),
    [
        ("partial", 100_000_000, [], False),
        ("reject", 0, ["policy.budget_exhausted"], False),
        ("queue", 0, ["policy.budget_queued"], True),
        ('"?"', 0, ["policy.budget_rule_open"], False),
    ],
)
def test_chengdus_provincial_lead_meets_what_is_left(
    on_exhaust: str, subsidy_fen: int, refused: list[str], queued: bool
) -> None:
    book, rules = Book(), chengdu(on_exhaust)
    for _ in range(3):
        national = settle(rules, wan(1200), book, stated={"project.level": "national"})
        assert (national.gross, national.subsidy_fen) == (wan(360), wan(300))
    provincial = settle(rules, wan(400), book, stated={"project.level": "provincial"})
    assert (provincial.gross, provincial.subsidy_fen) == (wan(120), subsidy_fen)
    assert (codes(provincial), provincial.queued) == (refused, queued)
    ordinary = settle(rules, wan(40), book, stated={"project.level": "none"})
    assert codes(ordinary) == ["policy.rate_unspecified"]


# --- IndiaAI, Guizhou, Langfang: what an award, an order of claims and a lump sum decide ---


def test_an_award_letter_carries_rate_and_limit() -> None:
    rules = rules_with(
        "unit: INR",
        "rates: {select: first, tiers: [{id: letter, when: {all: []}, rate: award.rate}]}",
        "caps: [{id: letter, key: [award], window: lifetime, limit: award.max_subsidy, counts: redeemed}]",
        "budgets: []",
    )
    letter: dict[str, FactValue] = {
        "award.id": "l-1",
        "award.rate": Fraction(2, 5),
        "award.max_subsidy": 98_68_00_000_00,
    }
    book = Book()
    first = settle(rules, 246_00_00_000_00, book, event="redeem", stated=letter)
    assert first.subsidy_fen == 98_40_00_000_00, "40 % of 246 crore is 98.4 crore; the letter allows 98.68"
    second = settle(rules, 1_00_00_000_00, book, event="redeem", stated=letter)
    assert second.subsidy_fen == 28_00_000_00
    unsaid = {name: value for name, value in letter.items() if name != "award.max_subsidy"}
    assert codes(settle(rules, 1_00, event="redeem", stated=unsaid)) == ["policy.award_limit_missing"]


def test_the_cap_depends_on_the_place_of_the_claim() -> None:
    rules = rules_with(
        "rates: {select: first, tiers: [{id: cloud, when: {all: []}, rate: 40/100, rate_kind: exact,"
        " ordinal_cap: [{from: 1, cap: 50000.00}, {from: 2, cap: 30000.00}]}]}"
    )
    for ordinal, subsidy_fen in ((1, wan(5)), (2, wan(3)), (7, wan(3))):
        assert (
            settle(rules, wan(100), stated={"request.ordinal": Fraction(ordinal)}).subsidy_fen == subsidy_fen
        )
    assert codes(settle(rules, wan(100))) == ["policy.fact_missing"]


def test_a_newcomers_lump_sum_competes_with_the_rates() -> None:
    rules = rules_with(
        "rates: {select: max, tiers: [{id: ordinary, when: {all: []}, rate: 50/100, rate_kind: exact},"
        ' {id: newcomer, when: "applicant.is_newly_landed == true", lump_sum: 500000.00}]}',
        "caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: 1000000.00, counts: issued,"
        " tiers: [ordinary]}]",
    )
    new: dict[str, FactValue] = {"applicant.is_newly_landed": True}
    lump = settle(rules, wan(80), stated=new)
    assert (lump.tier, lump.rate, lump.subsidy_fen, lump.counted[0][0].kind) == (
        "newcomer",
        None,
        wan(50),
        "budget",
    )
    assert settle(rules, wan(300), stated=new).subsidy_fen == wan(100), "half of it, cut to the cap"
    cut = settle(rules, wan(30), stated=new)
    assert cut.subsidy_fen == wan(30), "never more than the invoice"
    [told] = [step for step in cut.trace if step.name == "invoice"]
    assert "500,000.00" in told.en and "300,000.00" in told.zh
    assert told.citing == next(step.citing for step in cut.trace if step.name == "gross")
    assert not [step for step in lump.trace if step.name == "invoice"], "told only where it cuts"


def test_a_match_follows_the_national_voucher_without_review() -> None:
    """Hangzhou: 15 % beside a national 30 %, or a claim of one's own up to 60 % of the invoice together."""
    rules = rules_with(
        "rates: {select: first, tiers: [{id: sme, when: {all: []}, rate: 50/100, rate_kind: exact}]}",
        "stacking: {mode: sum_ratio_cap, scope: contract, authorities: [any_public],"
        " ratio_by_tier: {sme: 60/100},"
        " match: {with: national_voucher, ratio_by_tier: {sme: 15/100}, auto: true}}",
    )
    aid = (Aid("state", "contract", wan(3), programme="national_voucher", rate=Fraction(3, 10)),)
    matched = settle(rules, wan(10), aid=aid)
    assert matched.subsidy_fen == 15_000_00 and "as a match" in "".join(step.en for step in matched.trace)
    own = settle(rules, wan(10), aid=aid, stated={"request.matches": False})
    assert own.subsidy_fen == 30_000_00, "60 % of 100,000.00 less the state's 30,000.00"
    assert settle(rules, wan(10)).subsidy_fen == 50_000_00, "nothing to match"


def test_the_higher_of_two_aids_counts_what_is_paid_already() -> None:
    rules = rules_with("stacking: {mode: highest, scope: contract}")
    for aid_fen, subsidy_fen in ((1_000_00, 2_000_00), (3_000_00, 0), (5_000_00, 0)):
        aid = (Aid("district", "contract", aid_fen),)
        assert settle(rules, 10_000_00, aid=aid).subsidy_fen == subsidy_fen
    wider = (Aid("district", "type", 1_000_00),)
    assert settle(rules, 10_000_00, aid=wider).subsidy_fen == 3_000_00, "not for the same contract"


def test_aid_of_another_level_is_not_what_a_city_forbids() -> None:
    rules = rules_with("stacking: {mode: forbid, scope: contract, authorities: [city_level]}")
    assert settle(rules, 10_000_00, aid=(Aid("state", "contract", 1_000_00),)).subsidy_fen == 3_000_00
    for authority in ("city_level", ""):
        refused = settle(rules, 10_000_00, aid=(Aid(authority, "line", 0),))
        assert codes(refused) == ["policy.other_aid_forbidden"], "unknown may be the one that is meant"


def test_a_named_role_sets_an_awards_own_cap_and_nobody_else() -> None:
    rules = rules_with(
        "caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: 8000.00, counts: issued,"
        " override_by: [bureau_director]}]"
    )
    award: dict[str, FactValue] = {
        "award.cap": wan(2),
        "award.cap_role": "bureau_director",
        "award.reason": "multimodal",
    }
    assert settle(rules, wan(10)).subsidy_fen == 8_000_00
    raised = settle(rules, wan(10), stated=award)
    assert (raised.subsidy_fen, raised.cap_left_fen["unit_year"]) == (wan(2), 0)
    assert any("set by bureau_director: multimodal" in step.en for step in raised.trace)
    clerk = settle(rules, wan(10), stated={**award, "award.cap_role": "clerk"})
    assert codes(clerk) == ["policy.override_not_allowed"]


# --- What no text says: tax; and what Shanghai adds up ---


@pytest.mark.parametrize(("tax", "subsidy_fen"), [("incl", 318_000_00), ("excl", 300_000_00)])
def test_whether_tax_counts_moves_every_subsidy_by_its_part(tax: str, subsidy_fen: int) -> None:
    """1,060,000.00 with 6 % of tax in it: 18,000.00 of 318,000.00, or 5.7 %."""
    rules = rules_with(
        f"base: {{measure: contract_amount, kinds: [compute], tax: {tax}}}", "caps: []", "budgets: []"
    )
    assert settle(rules, (Line("compute", wan(106), tax_fen=wan(6)),)).subsidy_fen == subsidy_fen


def test_city_and_district_together_may_pay_all_and_no_more() -> None:
    rules = rules_with(
        "stacking: {mode: sum_ratio_cap, scope: contract, authorities: [any_public], ratio: 1/1}"
    )
    for district_fen, city_fen in ((70_000_00, 30_000_00), (90_000_00, 10_000_00)):
        aid = (Aid("district", "contract", district_fen),)
        decision = settle(rules, wan(10), aid=aid)
        assert (decision.subsidy_fen, decision.copay_fen) == (city_fen, 0)
