"""Splitting an invoice never raises the subsidy except where the linter says so.

Decided for random programmes and for every programme that ships: one claim whole, and cut into up to six
pieces claimed in a row on one day. Whatever is gained must stand among the findings: a cliff between a piece
and the whole, a rule that holds each claim by itself, rounding up (bounded by the finding's own amount for
each piece), a budget that pays all or nothing. Each kind of finding has its negative control: without looking
at it the property is false.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.rules import rules_with

import hesuan.policy
from hesuan.money import decimal_yuan
from hesuan.policy.cliffs import cliffs
from hesuan.policy.decision import BUDGET_EXHAUSTED, Decision
from hesuan.policy.linter import blocking, lint
from hesuan.policy.predicates import FactValue
from hesuan.policy.programme import Programme
from hesuan.policy.schema import load
from hesuan.policy.splitting import (
    SPLIT_AT_EXHAUSTION,
    SPLIT_BY_ROUNDING,
    SPLIT_GAINS,
    decide_in_turn,
    examples,
    rounding_gain,
    splits,
)

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
SHIPPED = {
    path.stem: load(path.read_text(), source=path.name)
    for path in sorted(FOLDER.glob("*.yaml"))
    if not path.name.endswith(".cases.yaml")
}
ALL = "{all: []}"
NO_LIMITS = ("caps: []", "budgets: []")


def gained(
    programme: Programme, stated: dict[str, FactValue], pieces: Sequence[int], *, by_contract: bool
) -> tuple[int, Decision]:
    """What the pieces get more than the whole, and how the whole was decided."""
    [whole] = decide_in_turn(programme, stated, (sum(pieces),), by_contract=by_contract)
    apart = decide_in_turn(programme, stated, pieces, by_contract=by_contract)
    return sum(one.subsidy_fen for one in apart) - whole.subsidy_fen, whole


def is_told(programme: Programme, pieces: Sequence[int], gain: int, whole: Decision) -> bool:
    """Whether a finding of the linter says that this may be gained."""
    if gain <= len(pieces) * rounding_gain(programme):
        return True
    whole_fen = sum(pieces)
    findings = lint(programme)
    points = [one.facts["at_fen"] for one in findings if one.code == SPLIT_GAINS]
    if any(isinstance(at, int) and at <= whole_fen for at in points):
        return True
    if any(min(pieces) <= cliff.at_fen < whole_fen for cliff in cliffs(programme)):
        return True
    exhausted = BUDGET_EXHAUSTED in [one.code for one in whole.failures]
    return exhausted and SPLIT_AT_EXHAUSTION in [one.code for one in findings]


def of(*entries: str, select: str = "first") -> str:
    return f"rates: {{select: {select}, tiers: [{', '.join(entries)}]}}"


def one_tier(more: str, rate: str = "1/2") -> str:
    return of(f"{{id: a, when: {ALL}, rate: {rate}, rate_kind: exact, {more}}}")


# --- What is told ---


@pytest.mark.parametrize(
    ("field", "rules", "at_fen", "gain_fen"),
    [
        ("rates.tiers[a].cap", (one_tier('cap: "300.00"'),), 600_00, 300_00),
        ("rates.tiers[a].lump_sum", (of(f'{{id: a, when: {ALL}, lump_sum: "50.00"}}'),), 50_00, 50_00),
        (
            "rates.tiers[a].ordinal_cap",
            (one_tier('ordinal_cap: [{from: 1, cap: "50.00"}, {from: 2, cap: "30.00"}]'),),
            100_00,
            30_00,
        ),
        (
            "base.max",
            ("base: {measure: paid, kinds: [compute], tax: incl, max: 100.00}",),
            100_00,
            30_00,
        ),
        (
            "caps[c]",
            ("caps: [{id: c, key: [contract], window: lifetime, limit: 60.00, counts: issued}]",),
            200_00,
            60_00,
        ),
    ],
)
def test_a_rule_that_holds_each_claim_by_itself_is_told(
    field: str, rules: tuple[str, ...], at_fen: int, gain_fen: int
) -> None:
    programme = rules_with(*NO_LIMITS, *rules)
    [split] = splits(programme)
    assert (split.field, split.at_fen, split.gain_fen) == (field, at_fen, gain_fen)
    [finding] = [one for one in lint(programme) if one.code == SPLIT_GAINS]
    assert (finding.field, finding.blocks, finding.facts["gain_fen"]) == (field, False, gain_fen)
    assert "拆分可获利" in finding.text("zh") and finding.line > 0


@pytest.mark.parametrize(
    "cap",
    [
        "{id: c, key: [applicant], window: calendar_year, limit: 300.00, counts: issued}",
        "{id: c, key: [contract], window: lifetime, limit: 1, counts: claims},"
        " {id: d, key: [applicant], window: lifetime, limit: 1, counts: claims}",
        "{id: c, key: [project], window: lifetime, limit: 300.00, counts: issued, tiers: [a]}",
    ],
)
def test_where_a_counted_limit_holds_both_pieces_nothing_is_told(cap: str) -> None:
    capped = one_tier('cap: "300.00"')
    assert splits(rules_with("budgets: []", capped, f"caps: [{cap}]")) == ()
    assert [one.field for one in splits(rules_with(*NO_LIMITS, capped))] == ["rates.tiers[a].cap"]


def test_a_counted_limit_between_one_claim_and_two_leaves_the_rest_to_gain() -> None:
    cap = "caps: [{id: c, key: [applicant], window: calendar_year, limit: 400.00, counts: issued}]"
    [split] = splits(rules_with("budgets: []", one_tier('cap: "300.00"'), cap))
    assert split.gain_fen == 100_00


def test_rounding_up_is_told_with_the_most_a_piece_may_gain() -> None:
    rounding = 'rounding: {quantum: "1.00", mode: half_up, stages: [base, subsidy]}'
    programme = rules_with(*NO_LIMITS, rounding)
    [finding] = [one for one in lint(programme) if one.code == SPLIT_BY_ROUNDING]
    assert finding.facts["most"] == "¥0.65", "half of 1.00 of the base at 30 %, and half of 1.00"
    assert "四舍五入" in finding.text("zh")
    assert rounding_gain(rules_with(rounding.replace("half_up", "floor"))) == 0


def test_a_budget_of_all_or_nothing_is_told_and_one_that_pays_the_rest_is_not() -> None:
    def told(rule: str) -> list[str]:
        budget = (
            f"budgets: [{{id: y, window: lifetime, limit: 900000.00, counts: issued, on_exhaust: {rule}}}]"
        )
        return [one.text() for one in lint(rules_with("caps: []", budget)) if "exhaust" in one.code.name]

    [reject] = told("reject")
    assert "with ¥15,000.00 left, one that is worth ¥30,000.00 gets nothing" in reject
    assert told("partial") == told("queue") == told("prorate_batch") == []


def test_what_ships_is_told_as_it_is() -> None:
    """Langfang's one-off beside a rate, Guizhou's cap by the place of a request; nothing else."""
    told = {
        (name, one.field, one.facts["at_fen"], one.facts["gain_fen"])
        for name, programme in SHIPPED.items()
        for one in lint(programme)
        if one.code == SPLIT_GAINS
    }
    assert told == {
        ("cn.langfang.suanliquan.2023", "rates.tiers[newly_landed].lump_sum", 500_000_00, 250_000_00),
        ("cn.guizhou.yunshiyongquan", "rates.tiers[iaas].ordinal_cap", 125_000_00, 30_000_00),
        ("cn.guizhou.yunshiyongquan", "rates.tiers[paas_saas].ordinal_cap", 83_333_34, 30_000_00),
    }


def test_a_tiers_cap_of_chengdus_leads_is_told_once_its_open_rules_are_decided() -> None:
    """Its kinds of lines are open, so no claim is granted and nothing can be proven; decided, it is."""
    text = (FOLDER / "cn.chengdu.suanliquan.2023.yaml").read_text()
    decided = text.replace('kinds: "?"', "kinds: [ai_compute]").replace('kinds: ["?"]', "kinds: [ai_compute]")
    decided = decided.replace('to: "?"', "to: open_ended").replace('validity: "?"', "validity: P12M")
    found = {one.field: one for one in splits(load(decided, source="c.yaml"))}
    lead = found["rates.tiers[national_lead].cap"]
    assert (lead.at_fen, lead.gain_fen) == (10_000_000_00, 3_000_000_00)
    assert splits(SHIPPED["cn.chengdu.suanliquan.2023"]) == ()


# --- The property ---

amounts = st.integers(1_00, 2_000_00)


@st.composite
def tier_rules(draw: st.DrawFn, name: str, when: str) -> str:
    if draw(st.integers(0, 4)) == 0:
        return f"{{id: {name}, when: {when}, lump_sum: {decimal_yuan(draw(amounts))}}}"
    more = draw(
        st.one_of(
            st.just(""),
            amounts.map(lambda fen: f", cap: {decimal_yuan(fen)}"),
            st.tuples(amounts, amounts).map(
                lambda fens: (
                    f", ordinal_cap: [{{from: 1, cap: {decimal_yuan(fens[0])}}},"
                    f" {{from: 2, cap: {decimal_yuan(fens[1])}}}]"
                )
            ),
        )
    )
    return f"{{id: {name}, when: {when}, rate: {draw(st.integers(1, 7))}/7, rate_kind: exact{more}}}"


@st.composite
def programmes(draw: st.DrawFn) -> tuple[str, ...]:
    """Tiers by amount with limits of their own, a base within bounds, floors, caps by key, a short budget."""
    fact = draw(st.sampled_from(("year.base_total", "contract.amount", "request.units")))
    bound = draw(st.integers(1, 300))
    tiers = [draw(tier_rules("small", f'"{fact} <= {bound}"'))] if draw(st.booleans()) else []
    tiers.append(draw(tier_rules("rest", ALL)))
    least = draw(st.sampled_from(("", ", min: 40.00")))
    most = draw(st.sampled_from(("", "", ", max: 250.00")))
    key = draw(st.sampled_from(("applicant", "contract", "project")))
    counts = draw(st.sampled_from(("issued", "claims")))
    limit = draw(st.integers(1, 3)) if counts == "claims" else decimal_yuan(draw(amounts))
    cap = f"{{id: c, key: [{key}], window: lifetime, limit: {limit}, counts: {counts}}}"
    floor = draw(
        st.sampled_from(
            (
                "",
                "{on: subsidy, min: 9.00, before_rounding: true, else: reject}",
                "{on: base, min: 70.00, before_rounding: true, else: zero}",
            )
        )
    )
    budget = (
        f"{{id: b, window: lifetime, limit: {draw(st.integers(2_100, 6_000))}.00, counts: issued,"
        f" on_exhaust: {draw(st.sampled_from(('partial', 'reject')))}}}"
    )
    stages = draw(st.sampled_from(("[subsidy]", "[base, subsidy]")))
    return (
        of(*tiers, select=draw(st.sampled_from(("first", "max")))),
        f"base: {{measure: paid, kinds: [compute], tax: incl{least}{most}}}",
        f"caps: [{cap if draw(st.booleans()) else ''}]",
        f"budgets: [{budget if draw(st.booleans()) else ''}]",
        f"floors: [{floor}]",
        f"rounding: {{quantum: {draw(st.sampled_from(('0.01', '1.00', '0.37')))},"
        f" mode: {draw(st.sampled_from(('floor', 'ceil', 'half_up', 'half_even')))}, stages: {stages}}}",
    )


pieces_of = st.lists(
    st.one_of(amounts, st.integers(1, 300).map(lambda units: 100 * units)), min_size=2, max_size=6
)
STATED: dict[str, FactValue] = {"relation.related_party": False, "line.kind": "compute"}


@settings(max_examples=200, deadline=None)
@given(programmes(), pieces_of, st.booleans())
def test_splitting_gains_nothing_that_is_not_told(
    rules: tuple[str, ...], pieces: list[int], by_contract: bool
) -> None:
    programme = rules_with(*rules)
    gain, whole = gained(programme, STATED, pieces, by_contract=by_contract)
    assert is_told(programme, pieces, gain, whole), f"{gain, pieces, by_contract} {rules}"


def requests_of(programme: Programme) -> list[dict[str, FactValue]]:
    """What somebody states whose claim a tier takes, a small or a large one, for every tier that has one."""
    sizes = (1_000_00, 1_000_000_00)
    return [stated for fen in sizes for _, stated in examples(programme, 2 * fen, fen)]


WAYS = [(name, at) for name, one in SHIPPED.items() for at in range(len(requests_of(one)))]
LARGE = st.one_of(
    st.integers(1, 40_000_000_00), st.integers(1, 9_000_00), st.sampled_from((500_000_00, 5_000_00))
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WAYS), st.lists(LARGE, min_size=2, max_size=6), st.booleans())
def test_splitting_gains_nothing_that_is_not_told_in_what_ships(
    way: tuple[str, int], pieces: list[int], by_contract: bool
) -> None:
    programme = SHIPPED[way[0]]
    gain, whole = gained(programme, requests_of(programme)[way[1]], pieces, by_contract=by_contract)
    assert is_told(programme, pieces, gain, whole), f"{way, gain, pieces, by_contract}"


def test_the_property_is_asked_of_claims_that_are_granted() -> None:
    """Else it would hold of a programme that refuses everything; what grants none here is a draft."""
    granting = {
        name
        for name, at in WAYS
        for fen in (10_000_00, 200_000_00, 2_000_000_00)
        if decide_in_turn(SHIPPED[name], requests_of(SHIPPED[name])[at], (fen,))[0].granted
    }
    drafts = {name for name, one in SHIPPED.items() if blocking(one)}
    assert len(granting) >= 12 and set(SHIPPED) - granting - drafts == set()


@pytest.mark.parametrize(
    "rules",
    [
        (one_tier('cap: "300.00"'),),
        (of(f'{{id: a, when: {ALL}, lump_sum: "50.00"}}'),),
        ("base: {measure: paid, kinds: [compute], tax: incl, max: 100.00}",),
        ('rounding: {quantum: "1.00", mode: ceil, stages: [subsidy]}',),
        ("budgets: [{id: b, window: lifetime, limit: 200.00, counts: issued, on_exhaust: reject}]",),
        (
            of(
                '{id: small, when: "year.base_total <= 600", rate: 1/2, rate_kind: exact}',
                f"{{id: rest, when: {ALL}, rate: 1/9, rate_kind: exact}}",
            ),
        ),
    ],
    ids=["cap", "lump_sum", "base.max", "rounding", "exhaustion", "cliff"],
)
def test_without_its_finding_the_property_is_false(
    rules: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: each exception is needed, and it is the finding that makes it one."""
    programme, pieces = rules_with(*NO_LIMITS, *rules), [599_99, 500_01]
    gain, whole = gained(programme, STATED, pieces, by_contract=False)
    assert gain > 0 and is_told(programme, pieces, gain, whole)
    monkeypatch.setattr("tests.policy.test_splitting.lint", lambda _: ())
    monkeypatch.setattr("tests.policy.test_splitting.cliffs", lambda _: ())
    monkeypatch.setattr("tests.policy.test_splitting.rounding_gain", lambda _: 0)
    assert not is_told(programme, pieces, gain, whole)
