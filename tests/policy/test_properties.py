"""What must hold for any programme, any request and any order of requests."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.rules import rules_with

from hesuan.policy.book import Book
from hesuan.policy.decision import Aid, Decision, Facts, Line
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import Needed, needed
from hesuan.policy.programme import Programme

SOME = settings(max_examples=120, deadline=None)
WINDOWS = ("calendar_year", "fiscal_year", "quarter", "rolling(P90D)", "rolling(P1Y)", "lifetime")
KEYS = ("applicant", "group", "project", "contract", "pair")
BEGIN = date(2025, 1, 1)


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    """Two tiers by line or by claim, some caps, a budget, payers, a rule for other aid."""
    rates = [f"{draw(st.integers(0, 7))}/7" for _ in range(2)]
    scope = draw(st.sampled_from(("line", "claim")))
    caps = ", ".join(
        f"{{id: c{i}, key: [{draw(st.sampled_from(KEYS))}], window: {draw(st.sampled_from(WINDOWS))},"
        f" limit: {draw(st.integers(1, 900))}.{draw(st.integers(10, 99))},"
        f" counts: {draw(st.sampled_from(('issued', 'redeemed', 'both')))}"
        + draw(st.sampled_from(("", ', when: "line.kind == compute"', ", tiers: [own]")))
        + "}"
        for i in range(draw(st.integers(0, 3)))
    )
    weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    payers = ", ".join(f"{{payer: p{i}, share: {w}/{sum(weights)}}}" for i, w in enumerate(weights))
    stacking = draw(
        st.sampled_from(
            (
                "{mode: allow}",
                "{mode: highest, scope: contract}",
                "{mode: sum_ratio_cap, ratio: 3/5}",
                "{mode: sum_ratio_cap, ratio_by_tier: {own: 3/7, rest: 5/7}}",
            )
        )
    )
    return rules_with(
        "period: {from: 2025-01-01, to: open_ended, fiscal_year_start: 04-01}",
        "base: {measure: usage_fee, kinds: [compute, model], tax: incl}",
        f"rates: {{select: {draw(st.sampled_from(('first', 'max')))}, scope: {scope}, tiers: ["
        f'{{id: own, when: "resource.provenance == domestic", rate: {rates[0]}, rate_kind: exact}},'
        f" {{id: rest, when: {{all: []}}, rate: {rates[1]}, rate_kind: exact}}]}}",
        f"caps: [{caps}]",
        f"funding: [{payers}]",
        f"stacking: {stacking}",
        "budgets: [{id: all, window: quarter, limit: 1500.00, counts: issued,"
        f" on_exhaust: {draw(st.sampled_from(('partial', 'reject', 'queue')))}}}]",
        f"rounding: {{quantum: {draw(st.sampled_from(('0.01', '1', '0.37')))},"
        f" mode: {draw(st.sampled_from(('floor', 'ceil', 'half_up', 'half_even')))}, stages: [subsidy]}}",
    )


amounts = st.integers(0, 2_000_00)
lines = st.lists(
    st.builds(
        lambda kind, amount, where: Line(kind, amount, stated={"resource.provenance": where}),
        st.sampled_from(("compute", "model", "storage")),
        amounts,
        st.sampled_from(("domestic", "other")),
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn) -> Facts:
    found = tuple(draw(lines))
    invoice = sum(line.amount_fen for line in found)
    aid_fen = invoice * draw(st.sampled_from((0, 0, 1, 40, 100))) // 100
    who = draw(st.integers(1, 3))
    return Facts(
        event=draw(st.sampled_from(("issue", "redeem"))),
        on=BEGIN + timedelta(days=draw(st.integers(0, 500))),
        lines=found,
        stated={
            "relation.related_party": False,
            "resource.provenance": draw(st.sampled_from(("domestic", "other"))),
            "applicant.id": f"a{who}",
            "applicant.group": f"g{who % 2}",
            "project.id": f"p{draw(st.integers(1, 2))}",
            "contract.id": f"c{draw(st.integers(1, 3))}",
            "supplier.id": "s",
        },
        registries=frozenset({"pool"}),
        aid=(Aid("city", "contract", aid_fen),) if aid_fen else (),
    )


def run(programme: Programme, sequence: list[Facts]) -> list[Decision]:
    """In the order of their days, each with the counters of the ones before."""
    book, found = Book(), []
    for facts in sorted(sequence, key=lambda one: one.on):
        found.append(decide(programme, facts, book.counters(needed(programme, facts))))
        book.add(found[-1], facts.on)
    return found


@SOME
@given(programmes(), requests())
def test_the_invoice_is_paid_by_subsidy_aid_and_copay(programme: Programme, facts: Facts) -> None:
    [decision] = run(programme, [facts])
    assert decision.subsidy_fen >= 0 and decision.copay_fen >= 0
    assert decision.subsidy_fen + decision.other_aid_fen + decision.copay_fen == facts.invoice_fen
    assert sum(share.fen for share in decision.shares) == decision.subsidy_fen
    assert sum(line.subsidy_fen for line in decision.lines) in (0, decision.subsidy_fen)
    assert decision.granted or (decision.subsidy_fen, decision.counted) == (0, ())
    assert all(step.en and step.zh and step.citing.startswith("t.yaml") for step in decision.trace)
    if decision.granted:
        assert {step.number for step in decision.trace} == set(range(1, 14))


@SOME
@given(programmes(), st.lists(requests(), min_size=1, max_size=8))
def test_no_limit_is_passed_whatever_the_sequence(programme: Programme, sequence: list[Facts]) -> None:
    """Added up here, without the book: per counter, and per rolling window at each of its days."""
    ordered = sorted(sequence, key=lambda one: one.on)
    decisions = run(programme, sequence)
    given_: dict[tuple[object, ...], list[tuple[Needed, int]]] = defaultdict(list)
    for decision in decisions:
        for need, fen in decision.counted:
            given_[need.kind, need.id, need.key, need.counts].append((need, fen))
    for entries in given_.values():
        for need, _ in entries:
            inside = [fen for other, fen in entries if other.window.name == need.window.name]
            if need.window.name.startswith("rolling"):
                inside = [
                    fen for other, fen in entries if other.window.end and need.window.holds(other.window.end)
                ]
            assert need.limit_fen is not None and sum(inside) <= need.limit_fen
    assert len(ordered) == len(decisions)


@SOME
@given(programmes(), st.lists(requests(), min_size=1, max_size=4))
def test_the_same_is_decided_again(programme: Programme, sequence: list[Facts]) -> None:
    assert run(programme, sequence) == run(programme, sequence)


EXACT = rules_with(
    "caps: []",
    "budgets: []",
    "rates: {select: first, tiers: [{id: a, when: {all: []}, rate: 3/7, rate_kind: exact}]}",
)


@SOME
@given(st.lists(st.integers(0, 100_000_00), min_size=1, max_size=9))
def test_splitting_an_invoice_never_raises_the_subsidy(parts: list[int]) -> None:
    """Rounding down loses a part of a fen each time; it never gains one."""
    pieces = sum(run(EXACT, [request(fen)])[0].subsidy_fen for fen in parts)
    assert pieces <= run(EXACT, [request(sum(parts))])[0].subsidy_fen <= pieces + len(parts)


@SOME
@given(st.lists(st.integers(0, 100_000_00), min_size=1, max_size=9), st.integers(1, 200_000_00))
def test_splitting_does_not_beat_a_cap_either(parts: list[int], limit_fen: int) -> None:
    capped = rules_with(
        "budgets: []",
        f"caps: [{{id: c, key: [applicant], window: lifetime, counts: issued,"
        f" limit: {limit_fen // 100}.{limit_fen % 100:02d}}}]",
    )
    pieces = sum(one.subsidy_fen for one in run(capped, [request(fen) for fen in parts]))
    assert pieces <= run(capped, [request(sum(parts))])[0].subsidy_fen <= limit_fen


def request(amount_fen: int) -> Facts:
    return Facts(
        event="issue",
        on=BEGIN,
        lines=(Line("compute", amount_fen),),
        stated={"relation.related_party": False, "applicant.id": "a"},
        registries=frozenset({"pool"}),
    )


def test_splitting_does_gain_where_it_should_be_seen() -> None:
    """Negative controls: rounding up, and a cliff, are exactly where the property above does not hold."""
    up = rules_with("caps: []", "budgets: []", "rounding: {quantum: 0.01, mode: ceil, stages: [subsidy]}")
    assert 2 * run(up, [request(1)])[0].subsidy_fen > run(up, [request(2)])[0].subsidy_fen
    cliff = rules_with(
        "caps: []",
        "budgets: []",
        "rates: {select: first, tiers: ["
        '{id: small, when: "contract.amount <= 100.00", rate: 1/2, rate_kind: exact},'
        " {id: rest, when: {all: []}, rate: 1/10, rate_kind: exact}]}",
    )

    def of(fen: int) -> int:
        one = request(fen)
        facts = Facts(one.event, one.on, one.lines, {**one.stated, "contract.amount": fen}, one.registries)
        return run(cliff, [facts])[0].subsidy_fen

    assert 2 * of(100_00) > of(200_00)


def test_a_passed_limit_would_be_seen() -> None:
    """Negative control of the sum above: without its counter, the second request passes the cap."""
    rules = rules_with(
        "caps: [{id: c, key: [applicant], window: lifetime, limit: 40.00, counts: issued}]", "budgets: []"
    )
    fresh = Book().counters(needed(rules, request(100_00)))
    blind = [decide(rules, request(100_00), fresh) for _ in range(2)]
    assert sum(fen for one in blind for _, fen in one.counted) > 40_00
    assert sum(one.subsidy_fen for one in run(rules, [request(100_00)] * 2)) == 40_00


def test_a_fraction_of_a_fen_is_never_lost_between_payers() -> None:
    thirds = rules_with(
        "caps: []",
        "budgets: []",
        "funding: [{payer: a, share: 1/3}, {payer: b, share: 1/3}, {payer: c, share: 1/3}]",
        "rates: {select: first, tiers: [{id: a, when: {all: []}, rate: 1/1, rate_kind: exact}]}",
    )
    decision = run(thirds, [request(101)])[0]
    assert [share.fen for share in decision.shares] == [35, 33, 33]
    assert decision.rate == Fraction(1)
