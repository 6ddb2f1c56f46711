"""More cases worked by hand: rates by line, budgets that run short, what an award decides, tax."""

from __future__ import annotations

from fractions import Fraction

import pytest
from tests.policy.rules import codes, rules_with
from tests.policy.test_golden import settle, wan

from hesuan.policy.book import Book
from hesuan.policy.decision import Aid, Line
from hesuan.policy.predicates import FactValue
from hesuan.policy.programme import Programme

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


# --- A budget is compared before rounding ---


@pytest.mark.parametrize(
    ("on_exhaust", "subsidy_fen", "refusals"),
    [("reject", 0, ["policy.budget_exhausted"]), ("partial", 300, [])],
)
def test_a_part_of_a_fen_above_what_is_left_is_above_it(
    on_exhaust: str, subsidy_fen: int, refusals: list[str]
) -> None:
    """30 % of 10.01 is 3.003: of 3.00 left that is too much, though 3.00 is what it would be rounded to.

    The order of evaluation has the budget (9) before rounding (10). 10.00 is the near miss, and paid.
    """
    budget = f"limit: 3.00, counts: issued, on_exhaust: {on_exhaust}"
    programme = rules_with(f"budgets: [{{id: year, window: calendar_year, {budget}}}]", "caps: []")
    above, just = settle(programme, 1_001), settle(programme, 1_000)
    assert (above.subsidy_fen, codes(above)) == (subsidy_fen, refusals)
    assert (just.subsidy_fen, codes(just)) == (300, [])
