"""What the linter finds beyond open rules: tiers, amounts, cliffs; each with what it must not find."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.rules import ask, rules_with, text_with
from tests.policy.test_schema import WHOLE

from hesuan.errors import Faults
from hesuan.money import decimal_yuan
from hesuan.policy.cliffs import cliffs
from hesuan.policy.decision import Counters
from hesuan.policy.document import read
from hesuan.policy.linter import Finding, lint
from hesuan.policy.nodes import Mapping, Node, Sequence
from hesuan.policy.schema import load

HANGZHOU = (
    "rates: {select: first, tiers: ["
    '{id: small, when: "year.base_total <= 500000.00", rate: 50/100, rate_kind: ceiling},'
    '{id: other, when: "year.base_total > 500000.00", rate: 30/100, rate_kind: ceiling}]}'
)
ROOMY = 'caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: "900000.00", counts: issued}]'


def tiers(*entries: str, select: str = "first", scope: str = "") -> str:
    return f"rates: {{select: {select}, {scope}tiers: [{', '.join(entries)}]}}"


def tier(name: str, when: str, rate: str = "1/2", more: str = "") -> str:
    return f"{{id: {name}, when: {when}, rate: {rate}, rate_kind: exact{more}}}"


def lint_of(*lines: str) -> list[Finding]:
    """Without what every budget of all or nothing is told: see ``test_splitting.py``."""
    return [one for one in lint(rules_with(*lines)) if one.code.name != "policy.split_at_exhaustion"]


def found(*lines: str) -> list[tuple[str, str, bool]]:
    return [(one.code.name, one.field, one.blocks) for one in lint_of(*lines)]


def one(*lines: str) -> Finding:
    [finding] = lint_of(*lines)
    return finding


# --- Keys ---


def keys(node: Node, path: tuple[str, ...] = ()) -> list[tuple[str, int, int, tuple[str, ...]]]:
    if isinstance(node, Sequence):
        return [key for item in node.items for key in keys(item, path)]
    if not isinstance(node, Mapping):
        return []
    own = [(m.key.text, m.key.mark.line, m.key.mark.column, path) for m in node]
    return own + [key for m in node for key in keys(m.value, (*path, m.key.text))]


FREE = {"audit", "ratio_by_tier", "state_factors", "rates.rates", "when", "release", "eligible"}
"""Below these the document chooses the keys, or they are all, any and not."""


def test_every_key_misspelt_is_told_with_its_place_and_the_right_one() -> None:
    text = text_with(*WHOLE)
    tried = 0
    for key, line, column, path in keys(read(text, source="t.yaml")):
        if FREE & set(path) or (path[-1:] == ("rates",) and "versions" in path):
            continue
        lines = text.splitlines()
        row = lines[line - 1]
        lines[line - 1] = row[: column - 1] + key + "x" + row[column - 1 + len(key) :]
        with pytest.raises(Faults) as caught:
            load("\n".join(lines), source="t.yaml")
        at = [fault for fault in caught.value.faults if fault.where == f"t.yaml:{line}:{column}"]
        told = [fault.sentence() for fault in at if fault.code.name == "input.unknown_key"]
        assert told and f"`{key}x` is not a key here" in told[0], (key, path)
        assert len(key) < 3 or f"`{key}`" in told[0] or f"{key}," in told[0], (key, told)
        tried += 1
    assert tried > 120


# --- Tiers ---


def test_a_tier_whose_conditions_contradict_each_other_is_for_nobody() -> None:
    when = '{all: ["applicant.age_months < 12", "applicant.age_months >= 24"]}'
    finding = one(tiers(tier("a", when), tier("b", "{all: []}")))
    assert (finding.code.name, finding.field, finding.blocks) == (
        "policy.contradictory_tier",
        "rates.tiers[a]",
        False,
    )
    assert (finding.line, finding.column) == (14, 32) and "“a”" in finding.text("zh")


def test_a_tier_for_those_who_are_not_eligible_is_for_nobody() -> None:
    related = tier("a", '"relation.related_party == true"')
    assert found(tiers(related, tier("b", "{all: []}")))[0][0] == "policy.tier_of_nobody_eligible"
    assert found(tiers(related, tier("b", "{all: []}"), scope="scope: line, ")) == []
    """A line may state what the request as a whole does not."""


@pytest.mark.parametrize(
    ("whens", "unreachable"),
    [
        (('"applicant.age_months < 24"', '"applicant.age_months < 12"'), ["b"]),
        (('"applicant.age_months < 12"', '"applicant.age_months < 24"'), []),
        (('"applicant.age_months < 12"', '"applicant.age_months >= 12"', "{all: []}"), ["c"]),
        (('{not: "applicant.tags has a"}', '"applicant.tags has a"', '"applicant.tags has b"'), ["c"]),
        (('"applicant.kind in [a, b]"', '"applicant.kind == b"', '"applicant.kind == c"'), ["b"]),
        (('"now <= 2026-12-31"', "{all: []}"), ["b"]),
        (('"now < 2026-12-31"', "{all: []}"), []),
        (('"?"', "{all: []}", '"now > 2026-01-01"'), ["c"]),
    ],
)
def test_what_the_tiers_above_take_altogether_is_never_reached(
    whens: tuple[str, ...], unreachable: list[str]
) -> None:
    named = [tier(name, when) for name, when in zip("abc", whens, strict=False)]
    codes = [one for one in found(tiers(*named)) if one[0] == "policy.unreachable_tier"]
    assert [field[12] for _, field, _ in codes] == unreachable
    assert all(one[0] != "policy.unreachable_tier" for one in found(tiers(*named, select="max")))


def test_two_tiers_that_leave_the_choice_to_their_order() -> None:
    school, lead = '"applicant.kind == school"', '"project.role == lead"'
    finding = one(tiers(tier("a", school, "1/2"), tier("b", lead, "1/3"), tier("c", "{all: []}", "1/4")))
    assert (finding.code.name, finding.blocks) == ("policy.overlapping_tiers", False)
    assert finding.facts["example"] == "applicant.kind school, project.role lead"
    assert found(tiers(tier("a", school, "1/2"), tier("b", lead, "1/2"))) == [], "the same pay either way"
    exception = '{all: ["applicant.kind == school", "project.role == lead"]}'
    assert found(tiers(tier("a", exception, "1/2"), tier("b", school, "1/3"))) == [], "an exception"
    assert found(tiers(tier("a", school, "1/2"), tier("b", lead, "1/3"), select="max")) == []


# --- Amounts ---


def test_a_floor_above_the_cap_blocks_where_nobody_is_paid() -> None:
    floor = 'floors: [{on: subsidy, min: "200000.01", before_rounding: true, else: reject}]'
    finding = one(floor)
    assert (finding.code.name, finding.blocks) == ("policy.floor_above_cap", True)
    assert "¥200,000.01" in finding.sentence() and "¥200,000.00" in finding.text("zh")
    assert found(floor.replace("0.01", "0.00")) == []
    capped = tiers(tier("a", '"applicant.kind == a"', more=', cap: "5.00"'), tier("b", "{all: []}"))
    six = floor.replace("200000.01", "6.00")
    assert found(capped, six) == [("policy.floor_above_cap", "floors[0]", False)]


def test_a_base_that_may_not_be_so_small_and_does_not_count_beyond() -> None:
    base = "base: {measure: usage_fee, kinds: [compute], tax: incl, max: 10.00}"
    floor = 'floors: [{on: base, min: "10.01", before_rounding: true, else: reject}]'
    assert ("policy.base_floor_above_base", "base", True) in found(base, floor)
    assert ask(rules_with(base, floor), 1_000_00).subsidy_fen == 0, "nothing is ever paid"
    assert found(base, floor.replace("10.01", "10.00")) == [("policy.split_gains", "base.max", False)]
    least = base.replace("max", "min: 10.01, max")
    assert found(least) == [("policy.split_gains", "base.max", False)]
    assert ask(rules_with(least), 10_01).subsidy_fen == 3_00, "the base's own least is asked of the whole"


def test_a_budget_below_one_maximal_award() -> None:
    budget = (
        'budgets: [{id: year, window: calendar_year, limit: "199999.99", counts: issued, on_exhaust: queue}]'
    )
    finding = one(budget)
    assert (finding.code.name, finding.blocks) == ("policy.budget_below_award", False)
    assert finding.facts["most"] == "¥200,000.00"
    assert found(budget.replace("199999.99", "200000.00")) == []
    assert found(budget, "caps: []") == [], "no rule says how much one award is at most"
    other = budget.replace("on_exhaust", 'when: "applicant.kind == a", on_exhaust')
    assert found(other, tiers(tier("b", '"applicant.kind == b"'))) == [], "it does not pay that tier"


def test_a_ratio_of_all_public_money_below_the_tiers_own_rate() -> None:
    """Shenzhen: 60 % for a start-up, and all public money together 50 %."""
    rates = tiers(
        tier("startup", '"applicant.age_months < 12"', "60/100"), tier("normal", "{all: []}", "50/100")
    )
    stacking = "stacking: {mode: sum_ratio_cap, ratio: 50/100}"
    finding = one(rates, stacking)
    assert (finding.code.name, finding.blocks) == ("policy.ratio_below_rate", True)
    assert finding.facts["tier"] == "startup" and finding.field == "stacking.ratio"
    decided = stacking.replace("}", ", ratio_by_tier: {startup: 50/100}}")
    assert found(rates, decided) == [], "somebody decided"


@pytest.mark.parametrize(
    ("rate", "rounding", "missing"),
    [
        ("30/100", 'quantum: "0.01", mode: floor, stages: [base]', True),
        ("30/100", 'quantum: "1.00", mode: floor, stages: [base]', False),
        ("30/100", 'quantum: "0.01", mode: floor, stages: [subsidy]', False),
        ("1/1", 'quantum: "0.01", mode: floor, stages: [charge]', False),
        ("2/3", 'quantum: "1.00", mode: floor, stages: [base]', True),
    ],
)
def test_parts_of_a_hundredth_that_no_rule_rounds(rate: str, rounding: str, missing: bool) -> None:
    lines = tiers(tier("a", "{all: []}", rate)), f"rounding: {{{rounding}}}"
    assert [code for code, *_ in found(*lines)] == (["policy.rounding_missing"] if missing else [])


# --- Cliffs ---


def test_hangzhous_cliff_at_500000() -> None:
    finding = one(HANGZHOU, ROOMY)
    assert (finding.code.name, finding.field, finding.blocks) == ("policy.cliff", "rates.tiers[small]", False)
    assert (finding.facts["at_fen"], finding.facts["loss_fen"]) == (500_000_00, 100_000_00)
    told = finding.sentence()
    assert "¥500,000.00 gets ¥250,000.00" in told and "¥500,000.01 gets ¥150,000.00" in told
    assert "Splitting a contract here gains" in told and "拆分合同可获利" in finding.text("zh")


def test_a_cap_below_both_sides_hides_the_cliff_and_none_is_told() -> None:
    assert found(HANGZHOU, ROOMY.replace("900000.00", "150000.00")) == []


@pytest.mark.parametrize(
    ("small", "other", "at_fen"),
    [
        ("year.base_total < 500000.00", "year.base_total >= 500000.00", 499_999_99),
        ("contract.amount <= 500000.00", "contract.amount > 500000.00", 500_000_00),
        ("request.units < 5000", "request.units >= 5000", 4_999_99),
    ],
)
def test_the_last_amount_before_a_cliff(small: str, other: str, at_fen: int) -> None:
    rates = HANGZHOU.replace("year.base_total <= 500000.00", small)
    rates = rates.replace("year.base_total > 500000.00", other)
    [cliff] = cliffs(rules_with(rates, ROOMY))
    assert (cliff.at_fen, cliff.below.tier, cliff.above.tier) == (at_fen, "small", "other")


def test_more_for_more_is_no_cliff() -> None:
    assert found(HANGZHOU.replace("50/100", "20/100"), ROOMY) == []


def test_a_limit_on_who_may_apply_is_a_cliff_down_to_nothing() -> None:
    finding = one('eligible: "contract.amount <= 100000.00"')
    assert finding.field == "eligible" and finding.facts["loss_fen"] == 30_000_00
    assert "(refused)" in finding.text() and "不予支付" in finding.text("zh")


def test_a_limit_of_one_route_is_a_cliff_though_another_route_asks_for_more_facts() -> None:
    """The UK's AIRR: the gateway route ends at 10,000 hours, and only firms of a size may go on."""
    routes = (
        'eligible: {any: [{all: ["request.kind == gateway", "request.units <= 10000"]},'
        ' {all: ["request.kind == rapid", "applicant.size == small", "request.units <= 20000"]}]}'
    )
    found = [cliff.at_fen for cliff in cliffs(rules_with(routes, "caps: []"))]
    assert found == [10_000_00, 20_000_00]
    asked = 'eligible: {any: ["request.units <= 10000", "applicant.size == small"]}'
    assert [cliff.at_fen for cliff in cliffs(rules_with(asked, "caps: []"))] == [10_000_00]
    assert ask(rules_with(asked), stated={"request.units": Fraction(10_001)}).failures[1].code.name == (
        "policy.fact_missing"
    ), "negative control: the refusal itself does not tell the two apart"


def test_a_cap_for_larger_requests_only_is_a_cliff() -> None:
    caps = ROOMY.replace("900000.00", "10000.00").replace(
        "counts", 'when: "contract.amount > 100000.00", counts'
    )
    finding = one(caps)
    assert finding.field == "caps[unit_year]" and finding.facts["loss_fen"] == 20_000_00


def test_a_lump_sum_above_a_rate() -> None:
    lump = '{id: big, when: "contract.amount >= 10000.00", lump_sum: "1000.00"}'
    split, finding = lint_of(tiers(lump, tier("small", "{all: []}", "1/2")))
    assert split.code.name == "policy.split_gains" and split.field == "rates.tiers[big].lump_sum"
    assert finding.facts["at_fen"] == 9_999_99 and finding.facts["loss_fen"] == 3_999_99


def test_the_second_request_gets_less_than_the_first() -> None:
    rule = ', ordinal_cap: [{from: 1, cap: "300.00"}, {from: 2, cap: "150.00"}, {from: 3, cap: "200.00"}]'
    finding, split = lint_of(tiers(tier("a", "{all: []}", "1/2", rule)))
    assert split.facts["gain_fen"] == 150_00, "the second request's own cap, beside the first one's"
    assert (finding.code.name, finding.facts["ordinal"]) == ("policy.ordinal_cliff", 2)
    assert finding.facts["loss_fen"] == 150_00 and finding.facts["at_fen"] == 600_00


def test_an_open_rule_on_the_way_is_no_proof() -> None:
    assert "policy.cliff" not in [code for code, *_ in found(HANGZHOU, ROOMY, 'rounding: "?"')]


amounts = st.integers(1, 40).map(lambda units: units * 25_000)
percents = st.integers(1, 9).map(lambda tenths: f"{tenths}/10")


@settings(max_examples=80, deadline=None)
@given(st.lists(amounts, max_size=3, unique=True), st.lists(percents, min_size=4, max_size=4), st.data())
def test_splitting_gains_nothing_except_across_a_reported_cliff(
    bounds: list[int], rates: list[str], data: st.DataObject
) -> None:
    """Hangzhou's kind of rule: the tier by what the year comes to, this request included."""
    entries = [
        tier(f"t{at}", f'"year.base_total <= {decimal_yuan(bound)}"', rate)
        for at, (bound, rate) in enumerate(zip(sorted(bounds), rates, strict=False))
    ]
    programme = rules_with(tiers(*entries, tier("rest", "{all: []}", rates[3])), "caps: []")
    whole = data.draw(
        st.one_of(st.integers(2, 1_200_000), st.sampled_from([25_001, *(b + 1 for b in bounds)]))
    )
    first = data.draw(st.integers(1, whole - 1))

    def get(fen: int, year_fen: int) -> int:
        counters = Counters(caps={}, budgets={"year": 0})
        return ask(programme, fen, stated={"year.base_total": year_fen}, counters=counters).subsidy_fen

    gained = get(first, first) + get(whole - first, whole) - get(whole, whole)
    reported = [cliff.at_fen for cliff in cliffs(programme)]
    assert gained <= 0 or any(first <= at < whole for at in reported)
    falls = [
        b
        for b, r, s in zip(sorted(bounds), rates, [*rates[1 : len(bounds)], rates[3]], strict=False)
        if Fraction(s) < Fraction(r)
    ]
    assert sorted(set(reported)) == falls, "every fall of the rate, and nothing else"


def test_findings_stand_in_the_order_of_the_document() -> None:
    marks = [finding.line for finding in lint_of(HANGZHOU, ROOMY, 'stacking: {mode: "?"}')]
    assert marks == sorted(marks) and len(marks) == 2


def test_a_document_of_many_tiers_holds_nobody_up() -> None:
    def many(count: int) -> list[tuple[str, str, bool]]:
        entries = [tier(f"t{n}", f'"year.base_total <= {10 + n}.00"', f"{99 - n}/100") for n in range(count)]
        return found(tiers(*entries), "caps: []")

    assert len(many(20)) == 20 and many(61) == [], "every fall, the last one to nothing; then none is sought"
