"""Whether conditions can hold together, held against trying every request of a small grid."""

from __future__ import annotations

import itertools
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hesuan.policy import satisfiability
from hesuan.policy.predicates import All, AnyOf, Condition, FactValue, Not, Pred, judge
from hesuan.policy.satisfiability import is_possible, satisfy
from hesuan.policy.tier_checks import condition

DAY = date(2026, 3, 1)
GRID: dict[str, tuple[FactValue, ...]] = {
    "applicant.kind": ("firm", "school", "other"),
    "applicant.tags": tuple(frozenset(names) for n in range(3) for names in itertools.combinations("ab", n)),
    "applicant.is_legal_person": (False, True),
    "applicant.age_months": tuple(Fraction(n, 2) for n in range(7)),
    "year.base_total": (0, 1, 2, 3),
    "now": tuple(date(2026, 3, day) for day in (1, 2, 3)),
}
"""Every literal below is inside, and between and beside any two there is a value, or there is none at all."""


def conditions() -> st.SearchStrategy[Pred]:
    def of(fact: str, operators: tuple[str, ...], literals: tuple[FactValue, ...]) -> st.SearchStrategy[Pred]:
        return st.builds(condition, st.just(fact), st.sampled_from(operators), st.sampled_from(literals))

    compare = ("==", "!=", "<", "<=", ">", ">=")
    return st.one_of(
        of("applicant.kind", ("==", "!="), ("firm", "school")),
        st.just(condition("applicant.kind", "in", "firm", "school")),
        of("applicant.tags", ("has",), ("a", "b")),
        of("applicant.is_legal_person", ("==", "!="), (False, True)),
        of("applicant.age_months", compare, (Fraction(1), Fraction(2))),
        of("year.base_total", compare, (1, 2)),
        of("now", compare, (date(2026, 3, 2),)),
    )


predicates: st.SearchStrategy[Pred] = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, max_size=3).map(tuple).map(All),
        st.lists(inner, max_size=3).map(tuple).map(AnyOf),
    ),
    max_leaves=7,
)


def facts_in(pred: Pred) -> set[str]:
    match pred:
        case Condition():
            return {pred.fact}
        case Not(part=part):
            return facts_in(part)
        case All(parts=parts) | AnyOf(parts=parts):
            return set().union(*map(facts_in, parts))


def by_trying(demands: list[tuple[Pred, bool]]) -> bool:
    names = sorted(set().union(*(facts_in(pred) for pred, _ in demands)))
    return any(
        all(judge(pred, dict(zip(names, values, strict=True))).truth is wanted for pred, wanted in demands)
        for values in itertools.product(*(GRID[name] for name in names))
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(predicates, st.booleans()), min_size=1, max_size=4))
@example([(condition("year.base_total", ">", 1), True), (condition("year.base_total", "<", 2), True)])
@example([(condition("applicant.age_months", ">", Fraction(1)), True), (AnyOf(()), False)])
def test_it_says_what_trying_every_request_says(demands: list[tuple[Pred, bool]]) -> None:
    answer = satisfy(demands)
    assert answer.possible is by_trying(demands)
    if answer.possible:
        assert all(judge(pred, answer.example).truth is wanted for pred, wanted in demands), answer.example


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(predicates, st.booleans()), min_size=1, max_size=4))
def test_short_of_patience_it_cannot_tell_and_is_never_wrong(demands: list[tuple[Pred, bool]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(satisfiability, "MOST_STEPS", 6)
        assert is_possible(*demands) in (None, by_trying(demands))


@pytest.mark.parametrize(
    ("pairs", "possible"),
    [
        ([("year.base_total", ">", 1), ("year.base_total", "<", 2)], False),
        ([("applicant.age_months", ">", Fraction(1)), ("applicant.age_months", "<", Fraction(2))], True),
        ([("year.base_total", "<", 0)], False),
        ([("now", ">", DAY), ("now", "<", date(2026, 3, 2))], False),
        ([("applicant.kind", "==", "firm"), ("applicant.kind", "in", "school")], False),
        ([("applicant.kind", "!=", "firm"), ("applicant.kind", "!=", "other")], True),
        ([("applicant.is_legal_person", "!=", True), ("applicant.is_legal_person", "!=", False)], False),
    ],
)
def test_money_and_days_are_whole_and_numbers_are_not(
    pairs: list[tuple[str, str, FactValue]], possible: bool
) -> None:
    assert is_possible(*((condition(*pair), True) for pair in pairs)) is possible


def test_a_million_alternatives_are_not_waited_for() -> None:
    kinds = [AnyOf(tuple(condition("applicant.kind", "==", f"k{n}-{m}") for m in range(9))) for n in range(9)]
    assert is_possible(*((kind, True) for kind in kinds)) in (None, False)
