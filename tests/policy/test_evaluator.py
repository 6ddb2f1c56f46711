"""Deciding: published examples to the fen, the order of the steps, and what must never happen."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.rules import OPEN, ask, codes, rules_with

from hesuan.policy.decision import Counters, Line

NANNING = (
    "base: {measure: settled, kinds: [compute], tax: incl, apportion: {method: day_fraction,"
    " day_count: end_minus_start, baseline: {from: 2025-03-01, to: 2025-12-31}}}",
    'rounding: {quantum: "1", mode: floor, stages: [base, subsidy]}',
    'caps: [{id: unit_year, key: [applicant], window: lifetime, limit: "2000000.00", counts: issued}]',
)
CONTRACT = {"contract.starts_on": date(2025, 1, 1), "contract.ends_on": date(2026, 12, 31)}


def test_nannings_own_example_to_the_yuan() -> None:
    """The only worked example an office published: 305 of 729 days of 200,000.00, 30 %, cut to whole yuan."""
    decision = ask(rules_with(*NANNING), 200_000_00, stated=dict(CONTRACT))
    assert decision.base == 83_676_00
    assert decision.subsidy_fen == 25_102_00
    assert decision.copay_fen == 174_898_00
    assert decision.cap_left_fen == {"unit_year": 1_974_898_00}


@pytest.mark.parametrize(
    ("change", "subsidy_fen"),
    [
        (lambda text: text.replace("mode: floor", "mode: half_up"), 25_103_00),
        (lambda text: text.replace("end_minus_start", "inclusive"), 25_150_00),
        (lambda text: text.replace('quantum: "1"', 'quantum: "0.01"').replace("base, ", ""), 25_102_88),
    ],
)
def test_any_other_reading_of_nanning_pays_another_amount(change: object, subsidy_fen: int) -> None:
    """Negative control: rounding and day-count are law, so each other choice must be seen in the amount."""
    rules = rules_with(*(change(line) for line in NANNING))  # type: ignore[operator]
    assert ask(rules, 200_000_00, stated=dict(CONTRACT)).subsidy_fen == subsidy_fen


BEIJING = (
    "rates: {select: first, tiers: [{id: all, when: {all: []}, rate: 20/100, rate_kind: ceiling}]}",
    'caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: "2000000.00", counts: issued}]',
    'budgets: [{id: year, window: calendar_year, limit: "90000000.00", counts: issued, on_exhaust: reject}]',
    'eligible: {all: ["contract.signed_on >= 2023-09-01", "contract.months <= 12"]}',
)
SIGNED: dict[str, object] = {
    "contract.signed_on": date(2025, 1, 2),
    "contract.months": Fraction(12),
    "award.rate": Fraction(1, 5),
}


def test_beijing_caps_and_leaves_storage_out() -> None:
    rules = rules_with(*BEIJING)
    capped = ask(rules, 12_000_000_00, stated=SIGNED)  # type: ignore[arg-type]
    assert (capped.gross, capped.subsidy_fen, capped.copay_fen) == (2_400_000_00, 2_000_000_00, 10_000_000_00)
    lines = (Line("compute", 3_000_000_00), Line("storage", 400_000_00))
    mixed = ask(rules, lines=lines, stated=SIGNED)  # type: ignore[arg-type]
    assert (mixed.base, mixed.subsidy_fen, mixed.copay_fen) == (3_000_000_00, 600_000_00, 2_800_000_00)
    assert mixed.cap_left_fen == {"unit_year": 1_400_000_00}


def test_every_condition_that_fails_is_named_with_its_line() -> None:
    late = {**SIGNED, "contract.signed_on": date(2023, 8, 31), "contract.months": Fraction(13)}
    decision = ask(rules_with(*BEIJING), stated=late, registries=frozenset(), on=date(2024, 1, 1))  # type: ignore[arg-type]
    assert codes(decision) == [
        "policy.outside_period",
        "policy.condition_unmet",
        "policy.condition_unmet",
        "policy.supplier_not_admitted",
    ]
    sentences = [failure.sentence("en") for failure in decision.failures]
    assert "2024-01-01 is outside the programme's period, 2025-01-01 to 2026-12-31" in sentences[0]
    assert sentences[1].startswith("t.yaml:11: `contract.signed_on` is 2023-08-31")
    assert "13" in sentences[2] and "contract.months <= 12" in sentences[2]
    assert (decision.granted, decision.subsidy_fen, decision.shares) == (False, 0, ())


def test_up_to_is_no_rate_until_an_award_states_its_own() -> None:
    stated = {key: value for key, value in SIGNED.items() if key != "award.rate"}
    assert codes(ask(rules_with(*BEIJING), stated=stated)) == ["policy.award_rate_missing"]  # type: ignore[arg-type]
    above = {**SIGNED, "award.rate": Fraction(1, 2)}
    assert ask(rules_with(*BEIJING), 100_00, stated=above).subsidy_fen == 20_00  # type: ignore[arg-type]
    below = {**SIGNED, "award.rate": Fraction(1, 10)}
    assert ask(rules_with(*BEIJING), 100_00, stated=below).subsidy_fen == 10_00  # type: ignore[arg-type]


QINGYANG = (
    'floors: [{on: subsidy, min: "5000.00", before_rounding: "true", else: reject}]',
    'rounding: {quantum: "0.01", mode: half_up, stages: [subsidy]}',
)


def test_qingyangs_floor_is_tested_before_rounding() -> None:
    """16,666.66 gives 4,999.998: rounded up first it would pass, and it must not."""
    below = ask(rules_with(*QINGYANG), 16_666_66)
    assert codes(below) == ["policy.below_floor"]
    assert "¥4,999.99 + 4/5 fen is below the floor of ¥5,000.00" in below.failures[0].sentence()
    above = ask(rules_with(*QINGYANG), 16_666_67)
    assert (above.subsidy_fen, above.copay_fen) == (5_000_00, 11_666_67)
    rounded_first = QINGYANG[0].replace('"true"', '"false"'), QINGYANG[1]
    assert ask(rules_with(*rounded_first), 16_666_66).subsidy_fen == 5_000_00


def test_tax_counts_or_does_not_as_the_rule_says() -> None:
    lines = (Line("compute", 106_00, tax_fen=6_00),)
    excl = "base: {measure: usage_fee, kinds: [compute], tax: excl}"
    assert ask(rules_with(), lines=lines).subsidy_fen == 31_80
    assert ask(rules_with(excl), lines=lines).subsidy_fen == 30_00
    unsaid = rules_with('base: {measure: usage_fee, kinds: [compute], tax: "?"}')
    assert codes(ask(unsaid, lines=lines)) == ["policy.open_rule"]
    assert ask(unsaid, 106_00).granted, "where no line carries tax, the open rule is not reached"


def test_other_public_money_is_forbidden_limited_or_added() -> None:
    """Of 10,000.00: 3,000.00 from here, 4,000.00 from elsewhere."""
    limited = "stacking: {mode: sum_ratio_cap, ratio: 50/100}"
    assert codes(ask(rules_with(), other_aid_fen=4_000_00)) == ["policy.other_aid_forbidden"]
    assert ask(rules_with(limited), other_aid_fen=4_000_00).subsidy_fen == 1_000_00
    assert ask(rules_with(limited), other_aid_fen=6_000_00).subsidy_fen == 0
    assert ask(rules_with("stacking: {mode: allow}"), other_aid_fen=4_000_00).subsidy_fen == 3_000_00
    whole = ask(rules_with("stacking: {mode: allow}"), other_aid_fen=9_000_00)
    assert (whole.subsidy_fen, whole.copay_fen) == (1_000_00, 0), "never more than the invoice"
    assert ask(rules_with("stacking: {mode: highest}"), other_aid_fen=1_000_00).subsidy_fen == 2_000_00
    unsaid = rules_with('stacking: {mode: "?"}')
    assert ask(unsaid).granted and codes(ask(unsaid, other_aid_fen=1)) == ["policy.open_rule"]


def test_what_an_empty_budget_does_is_the_rules_to_say() -> None:
    short = Counters(caps={"unit_year": 0}, budgets={"year": 999_000_00})
    spent = Counters(caps={"unit_year": 0}, budgets={"year": 1_000_000_00})

    def rule(on_exhaust: str) -> str:
        return (
            'budgets: [{id: year, window: calendar_year, limit: "1000000.00", counts: issued,'
            f" on_exhaust: {on_exhaust}}}]"
        )

    assert codes(ask(rules_with(rule("reject")), counters=short)) == ["policy.budget_exhausted"]
    assert ask(rules_with(rule("partial")), counters=short).subsidy_fen == 1_000_00
    assert codes(ask(rules_with(rule("partial")), counters=spent)) == ["policy.budget_exhausted"]
    queued = ask(rules_with(rule("queue")), counters=short)
    assert codes(queued) == ["policy.budget_queued"] and queued.queued and not queued.granted
    open_rule = ask(rules_with(rule('"?"')), counters=short)
    assert codes(open_rule) == ["policy.budget_rule_open"]
    assert "¥1,000.00 left of ¥1,000,000.00; ¥3,000.00 is needed" in open_rule.failures[0].sentence()


def test_a_counter_that_was_not_given_is_not_zero() -> None:
    assert codes(ask(rules_with(), counters=Counters(budgets={"year": 0}))) == ["policy.counter_missing"]


def test_an_unknown_fact_decides_no_tier() -> None:
    tiers = (
        "rates: {select: first, tiers: ["
        '{id: lead, when: {all: ["project.level == national"]}, rate: 60/100, rate_kind: exact},'
        " {id: rest, when: {all: []}, rate: 10/100, rate_kind: exact}]}"
    )
    unknown = ask(rules_with(tiers))
    assert codes(unknown) == ["policy.fact_missing"] and unknown.failures[0].field == "rates.tiers[lead].when"
    assert ask(rules_with(tiers), stated={"project.level": "none"}).tier == "rest"
    assert ask(rules_with(tiers), stated={"project.level": "national"}).tier == "lead"
    most = tiers.replace("select: first", "select: max").replace("rate: 10/100", "rate: 70/100")
    assert ask(rules_with(most), stated={"project.level": "national"}).tier == "rest"


def test_a_limit_is_not_rounded_past() -> None:
    """Rounding up to whole yuan would turn 100.50 left into 101."""
    up = 'rounding: {quantum: "1", mode: ceil, stages: [subsidy]}'
    nearly = Counters(caps={"unit_year": 200_000_00 - 100_50}, budgets={"year": 0})
    assert ask(rules_with(up), 10_000_00, counters=nearly).subsidy_fen == 100_00
    assert ask(rules_with(up), 100_01, counters=OPEN).subsidy_fen == 31_00


def test_shares_that_are_not_one_pay_nothing() -> None:
    two = "funding: [{payer: city, share: 1/2}, {payer: county, share: 1/3}]"
    assert codes(ask(rules_with(two))) == ["policy.shares_not_one"]


def test_the_trace_has_a_line_for_each_of_the_thirteen_steps() -> None:
    decision = ask(rules_with())
    assert [step.number for step in decision.trace] == list(range(1, 14))
    assert all(step.citing.startswith("t.yaml") and step.en and step.zh for step in decision.trace)
    [gross] = [step for step in decision.trace if step.name == "gross"]
    assert gross.citing == "t.yaml:14" and "¥10,000.00 × 3/10 = ¥3,000.00" in gross.en


def test_a_list_that_says_unknown_is_not_an_empty_list() -> None:
    for line in ('caps: "?"', 'budgets: "?"', 'floors: "?"', 'funding: "?"'):
        assert codes(ask(rules_with(line))) == ["policy.open_rule"]


# --- What must never happen, for any programme ---

ratios = st.fractions(min_value=0, max_value=1, max_denominator=97)
amounts = st.integers(0, 3_000_000_00)
sections = st.fixed_dictionaries(
    {
        "rate": ratios,
        "mode": st.sampled_from(["floor", "ceil", "half_up", "half_even"]),
        "quantum": st.sampled_from(["0.01", "1", "100", "0.37"]),
        "stages": st.sampled_from(["[subsidy]", "[base, subsidy]"]),
        "stacking": st.sampled_from(["{mode: allow}", "{mode: sum_ratio_cap, ratio: 3/5}"]),
        "on_exhaust": st.sampled_from(["reject", "partial"]),
        "payers": st.lists(st.integers(1, 50), min_size=1, max_size=5),
    }
)


@settings(max_examples=200, deadline=None)
@given(
    sections, amounts, amounts, st.integers(0, 200_000_00), st.integers(0, 1_000_000_00), st.integers(0, 100)
)
def test_shares_sum_and_no_limit_is_passed(
    rule: dict[str, object], compute: int, storage: int, used_cap: int, used_budget: int, aid_percent: int
) -> None:
    weights = rule["payers"]
    assert isinstance(weights, list) and isinstance(rule["rate"], Fraction)
    payers = ", ".join(f"{{payer: p{i}, share: {weight}/{sum(weights)}}}" for i, weight in enumerate(weights))
    rate = f"{rule['rate'].numerator}/{rule['rate'].denominator}"
    programme = rules_with(
        f"funding: [{payers}]",
        f"rates: {{select: first, tiers: [{{id: all, when: {{all: []}}, rate: {rate}, rate_kind: exact}}]}}",
        f'rounding: {{quantum: "{rule["quantum"]}", mode: {rule["mode"]}, stages: {rule["stages"]}}}',
        f"stacking: {rule['stacking']}",
        'budgets: [{id: year, window: calendar_year, limit: "1000000.00", counts: issued,'
        f" on_exhaust: {rule['on_exhaust']}}}]",
    )
    invoice = compute + storage
    decision = ask(
        programme,
        lines=(Line("compute", compute), Line("storage", storage)),
        counters=Counters(caps={"unit_year": used_cap}, budgets={"year": used_budget}),
        other_aid_fen=invoice * aid_percent // 100,
    )
    subsidy = decision.subsidy_fen
    assert subsidy >= 0 and decision.copay_fen >= 0
    assert subsidy + decision.other_aid_fen + decision.copay_fen == invoice == decision.invoice_fen
    assert used_cap + subsidy <= max(used_cap, 200_000_00)
    assert used_budget + subsidy <= max(used_budget, 1_000_000_00)
    assert subsidy <= invoice - decision.other_aid_fen
    assert sum(share.fen for share in decision.shares) == subsidy
    assert all(share.fen >= 0 for share in decision.shares)
    assert decision.granted or (subsidy == 0 and decision.failures)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 100_000_00), min_size=1, max_size=6))
def test_splitting_an_invoice_never_pays_more(parts: list[int]) -> None:
    programme = rules_with()
    whole = ask(programme, sum(parts)).subsidy_fen
    used, split = 0, 0
    for part in parts:
        paid = ask(programme, part, counters=Counters(caps={"unit_year": used}, budgets={"year": used}))
        split += paid.subsidy_fen
        used += paid.subsidy_fen
    assert split <= whole


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 900_000_00), st.integers(0, 900_000_00))
def test_a_higher_charge_never_pays_less(charge: int, more: int) -> None:
    """Settlement rests on it: the hold was made for the highest charge."""
    programme = rules_with()
    assert ask(programme, charge).subsidy_fen <= ask(programme, charge + more).subsidy_fen
