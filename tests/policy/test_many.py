"""Around one decision: batches in proportion, credit notes that move later claims, who pays whom."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.rules import codes, rules_with
from tests.policy.test_golden import settle, wan

from hesuan.policy.batches import decide_batch
from hesuan.policy.book import Book
from hesuan.policy.credit_notes import Claim, CreditNote, recompute
from hesuan.policy.decision import Decision, Facts, Line
from hesuan.policy.evaluator import auto_approved
from hesuan.policy.flows import movements

ON = date(2025, 6, 1)


def request(amount_fen: int, who: str = "a") -> Facts:
    return Facts(
        event="issue",
        on=ON,
        lines=(Line("compute", amount_fen),),
        stated={"relation.related_party": False, "applicant.id": who},
        registries=frozenset({"pool"}),
    )


BATCH = rules_with(
    "caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: 6000.00, counts: issued}]",
    "budgets: [{id: year, window: calendar_year, limit: 9000.00, counts: issued, on_exhaust: prorate_batch}]",
)


def test_a_short_budget_is_shared_in_proportion() -> None:
    """30 % of 10,000 and 20,000 and a capped 6,000 ask 15,000 of 9,000: three fifths each."""
    asked = [request(10_000_00, "a"), request(20_000_00, "b"), request(90_000_00, "c")]
    decisions = decide_batch(BATCH, asked, Book())
    assert [one.subsidy_fen for one in decisions] == [1_800_00, 3_600_00, 3_600_00]
    assert any("3/5 of what is asked" in step.en for step in decisions[0].trace)
    turned = decide_batch(BATCH, asked[::-1], Book())
    assert [one.subsidy_fen for one in turned[::-1]] == [one.subsidy_fen for one in decisions], "no order"


def test_alone_and_short_a_request_waits_for_its_batch() -> None:
    book = Book()
    assert settle(BATCH, 20_000_00, book, stated={"applicant.id": "a"}).subsidy_fen == 6_000_00
    waiting = settle(BATCH, 20_000_00, book, stated={"applicant.id": "b"})
    assert codes(waiting) == ["policy.awaits_batch"] and waiting.queued and waiting.counted == ()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40_000_00), st.sampled_from("abc")), min_size=1, max_size=7))
def test_a_batch_never_passes_its_budget_nor_a_cap(asked: list[tuple[int, str]]) -> None:
    decisions = decide_batch(BATCH, [request(fen, who) for fen, who in asked], Book())
    assert sum(one.subsidy_fen for one in decisions) <= 9_000_00
    for who in "abc":
        assert (
            sum(one.subsidy_fen for one, (_, by) in zip(decisions, asked, strict=True) if by == who)
            <= 6_000_00
        )


# --- Credit notes ---

CAPPED = rules_with(
    "caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: 5000.00, counts: issued}]",
    "budgets: []",
    "funding: [{payer: city, share: 1/2}, {payer: county, share: 1/2}]",
)


def settled(*amounts_fen: int) -> list[Claim]:
    book, claims = Book(), []
    for index, fen in enumerate(amounts_fen):
        decision = settle(CAPPED, fen, book, stated={"applicant.id": "a"})
        claims.append(Claim(f"k{index}", request(fen), decision.subsidy_fen, decision.shares))
    return claims


def test_a_credit_note_takes_from_its_claim_and_gives_to_the_one_the_cap_cut() -> None:
    """3,000 and 2,000 (cut from 3,000) fill 5,000. 4,000 of the first invoice go back: 1,800 and 3,000."""
    claims = settled(10_000_00, 10_000_00)
    assert [claim.subsidy_fen for claim in claims] == [3_000_00, 2_000_00]
    note = CreditNote("k0", (Line("compute", 4_000_00),))
    first, second = recompute(CAPPED, claims, [note])
    assert (first.claim, first.difference_fen, second.claim, second.difference_fen) == (
        "k0",
        -1_200_00,
        "k1",
        1_000_00,
    )
    assert [(share.payer, share.fen) for share in first.shares] == [("city", -600_00), ("county", -600_00)]
    assert recompute(CAPPED, claims, []) == (), "nothing is adjusted without a note"


def test_a_credit_note_can_take_a_claim_below_a_floor() -> None:
    rules = rules_with("floors: [{on: subsidy, min: 100.00, before_rounding: true, else: reject}]")
    claim = Claim("k", request(400_00), 120_00)
    [adjusted] = recompute(rules, [claim], [CreditNote("k", (Line("compute", 100_00),))])
    assert (adjusted.after_fen, codes(adjusted.decision)) == (0, ["policy.below_floor"])


@pytest.mark.parametrize(
    ("note", "told"),
    [
        (CreditNote("k9", (Line("compute", 1),)), "no such claim: k9"),
        (CreditNote("k0", (Line("compute", 10_000_01),)), "1 fen more of compute"),
        (CreditNote("k0", (Line("storage", 1),)), "1 fen more of storage"),
    ],
)
def test_a_note_about_more_than_there_is_is_refused(note: CreditNote, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        recompute(CAPPED, settled(10_000_00), [note])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 20_000_00), min_size=1, max_size=6), st.data())
def test_recomputing_equals_having_billed_the_less_from_the_start(
    amounts: list[int], data: st.DataObject
) -> None:
    taken = [data.draw(st.integers(0, fen)) for fen in amounts]
    claims = settled(*amounts)
    notes = [CreditNote(f"k{i}", (Line("compute", fen),)) for i, fen in enumerate(taken) if fen]
    after = {claim.id: claim.subsidy_fen for claim in claims}
    after |= {one.claim: one.after_fen for one in recompute(CAPPED, claims, notes)}
    less = settled(*[fen - cut for fen, cut in zip(amounts, taken, strict=True)])
    assert after == {claim.id: claim.subsidy_fen for claim in less}


# --- Five flows of money ---


def paid(settlement: str, *more: str) -> list[tuple[str, str, int, str]]:
    rules = rules_with(
        f"settlement: {settlement}",
        "funding: [{payer: province, share: 1/2}, {payer: city, share: 1/2}]",
        *more,
    )
    return [(one.payer, one.payee, one.fen, one.when) for one in movements(rules, settle(rules, 100_01))]


def test_five_ways_to_move_thirty_of_a_hundred() -> None:
    assert paid("{flow: reimburse_user}") == [
        ("user", "supplier", 100_01, "invoice"),
        ("province", "user", 15_00, "claim"),
        ("city", "user", 15_00, "claim"),
    ]
    assert paid("{flow: deduct_pay_supplier, cadence: quarterly}") == [
        ("user", "supplier", 70_01, "invoice"),
        ("province", "supplier", 15_00, "quarterly"),
        ("city", "supplier", 15_00, "quarterly"),
    ]
    schedule = "schedule: [{share: 7/10, when: october}, {share: 3/10, when: december}]"
    assert paid(f"{{flow: prefund_supplier, {schedule}}}") == [
        ("user", "supplier", 70_01, "invoice"),
        ("float", "supplier", 30_00, "claim"),
        ("province", "float", 10_50, "october"),
        ("province", "float", 4_50, "december"),
        ("city", "float", 10_50, "october"),
        ("city", "float", 4_50, "december"),
    ]
    assert paid("{flow: post_award}", "beneficiary: supplier")[1:] == [
        ("province", "supplier", 15_00, "claim"),
        ("city", "supplier", 15_00, "claim"),
    ]
    assert paid("{flow: no_cash}") == []
    assert paid('{flow: "?"}') == [], "an open flow moves nothing"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000_00), st.integers(1, 9), st.integers(1, 9))
def test_instalments_are_the_subsidy(amount_fen: int, one: int, other: int) -> None:
    total = one + other
    rules = rules_with(
        f"settlement: {{flow: reimburse_user, schedule: [{{share: {one}/{total}, when: x}},"
        f" {{share: {other}/{total}, when: y}}]}}",
        "funding: [{payer: a, share: 2/3}, {payer: b, share: 1/3}]",
    )
    decision = settle(rules, amount_fen)
    assert sum(m.fen for m in movements(rules, decision) if m.payee == "user") == decision.subsidy_fen


# --- Doors before the amount ---


def refused(*lines: str, **stated: object) -> Decision:
    facts = {name.replace("__", "."): value for name, value in stated.items()}
    return settle(rules_with(*lines), 100_00, stated=facts)


def test_windows_counterparts_admissions_and_prices_are_asked_before_any_amount() -> None:
    windows = "issuance: {event: approval, validity: P12M, windows: [{from: 2025-05-06, to: 2025-05-31}]}"
    assert codes(refused(windows)) == ["policy.outside_window"]
    assert refused(windows.replace("05-31", "06-05")).granted
    either = "beneficiary: either_not_both"
    assert codes(refused(either)) == ["policy.fact_missing"]
    assert codes(refused(either, relation__counterpart_claimed=True)) == ["policy.claimed_by_counterpart"]
    assert refused(either, relation__counterpart_claimed=False).granted
    admitted = "suppliers: {registry: [pool], admission: {valid_from: 2025-01-01, valid_to: 2025-12-31}}"
    assert codes(refused(admitted, contract__signed_on=date(2024, 12, 31))) == ["policy.admission_lapsed"]
    assert refused(admitted, contract__signed_on=date(2025, 12, 31)).granted
    priced = "suppliers: {registry: [pool], price_rule: L1_match}"
    assert codes(refused(priced)) == ["policy.fact_missing"]
    assert codes(refused(priced, supplier__meets_price_rule=False)) == ["policy.condition_unmet"]
    assert refused(priced, supplier__meets_price_rule=True).granted


def test_where_nothing_is_issued_the_windows_are_for_the_claim() -> None:
    after_use = "issuance: {event: none, validity: open_ended, windows: [{from: 2025-05-06, to: 2025-05-31}]}"
    late = settle(rules_with(after_use), 100_00, event="redeem", on=date(2025, 6, 1))
    assert codes(late) == ["policy.outside_window"]
    assert settle(rules_with(after_use), 100_00, event="redeem", on=date(2025, 5, 31)).granted
    voucher = after_use.replace("event: none", "event: approval").replace("open_ended", "P12M")
    used = settle(rules_with(voucher), 100_00, event="redeem", on=date(2025, 6, 1), voucher_fen=100_00)
    assert used.granted, "a voucher is used after the window it was applied for in"


def test_up_to_5000_hours_need_no_reviewer() -> None:
    rules = rules_with(
        'issuance: {event: approval, validity: P1M, auto_approve: "request.gpu_hours <= 5000"}'
    )
    for hours, is_auto in ((Fraction(5000), True), (Fraction(5001), False)):
        assert settle(rules, 100_00, stated={"request.gpu_hours": hours}).auto_approved is is_auto
    assert not settle(rules, 100_00).auto_approved, "nobody stated the hours"
    assert not auto_approved(rules_with(), request(1)), "a programme without the rule"


def test_the_meter_says_which_lines_lie_in_the_baseline() -> None:
    rules = rules_with(
        "base: {measure: metered_units, kinds: [compute], tax: incl, apportion: {method: by_meter,"
        " baseline: {from: 2025-03-01, to: 2025-12-31}}}"
    )
    days = (date(2025, 2, 28), date(2025, 3, 1), date(2025, 12, 31), date(2026, 1, 1))
    lines = tuple(Line("compute", 100_00, on=day) for day in days)
    assert settle(rules, lines).subsidy_fen == 60_00
    assert codes(settle(rules, (Line("compute", 100_00),))) == ["policy.fact_missing"]


def test_a_floor_in_units_and_a_base_within_bounds() -> None:
    units = "floors: [{on: units, min: 50000, before_rounding: true, else: reject}]"
    assert codes(refused(units)) == ["policy.fact_missing"]
    assert codes(refused(units, request__units=Fraction(49_999))) == ["policy.below_floor"]
    assert refused(units, request__units=Fraction(50_000)).granted
    bounds = "base: {measure: paid, kinds: [compute], tax: incl, min: 50.00, max: 80.00}"
    assert refused(bounds).subsidy_fen == 24_00
    assert codes(settle(rules_with(bounds), 49_99)) == ["policy.below_floor"]


def test_every_cap_that_is_used_up_is_named() -> None:
    rules = rules_with(
        "caps: [{id: one, key: [applicant], window: lifetime, limit: 3.00, counts: issued},"
        " {id: two, key: [project], window: lifetime, limit: 3.00, counts: issued},"
        " {id: once, key: [contract], window: lifetime, limit: 1, counts: claims}]"
    )
    book, facts = Book(), {"applicant.id": "a", "project.id": "p", "contract.id": "c"}
    assert settle(rules, 10_00, book, stated=facts).granted
    again = settle(rules, wan(1), book, stated=facts)
    assert codes(again) == ["policy.cap_exhausted", "policy.cap_exhausted", "policy.claim_repeated"]
