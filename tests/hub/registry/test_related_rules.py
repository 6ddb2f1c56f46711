"""Who is related: a graph small enough to check by hand, and properties over graphs nobody drew."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.hub.registry.rules import FAMILIES, THRESHOLD, Tie, related

A, B, C, X, Y = (f"organisation:{name}" for name in "ABCXY")
PERSON, ACCOUNT, NUMBER = "party:p", "bank_account:1", "party:n"


def tie(
    left: str, right: str, kind: str = "legal_representative", ratio: str = "", *, proved: bool = True
) -> Tie:
    share = Fraction(ratio) if ratio else None
    return Tie(f"{left}-{kind}-{right}", kind, left, right, share, proved)


def holds(left: str, right: str, ratio: str = "1/2") -> Tie:
    return tie(left, right, "shareholding", ratio)


RELATED = {
    "one holds the other": ([holds(A, B)], None),
    "the other holds the one": ([holds(B, A)], None),
    "one holds what holds the other": ([holds(A, X), holds(X, B)], X),
    "what holds both": ([holds(X, A), holds(X, B)], X),
    "somebody outside holds both": ([holds(A, PERSON), holds(B, PERSON)], PERSON),
    "one legal representative": ([tie(A, PERSON), tie(B, PERSON)], PERSON),
    "who represents one holds the other": ([tie(A, PERSON), holds(B, PERSON)], PERSON),
    "one bank account": ([tie(A, ACCOUNT, "bank_account"), tie(B, ACCOUNT, "bank_account")], ACCOUNT),
    "two accounts of one party": ([tie(A, NUMBER, "registration"), tie(B, NUMBER, "registration")], None),
    "an intermediate under two accounts": (
        [holds(A, X), tie(X, NUMBER, "registration"), tie(Y, NUMBER, "registration"), holds(Y, B)],
        X,
    ),
    "a number that was entered as an outside party": (
        [holds(A, NUMBER), tie(B, NUMBER, "registration")],
        None,
    ),
}
UNRELATED = {
    "nothing": [],
    "two intermediates": [holds(A, X), holds(X, Y), holds(Y, B)],
    "two intermediates, one of them a person": [tie(A, PERSON), holds(X, PERSON), holds(X, B)],
    "two accounts at two places": [tie(A, ACCOUNT, "bank_account"), tie(B, "bank_account:2", "bank_account")],
    "a small share": [holds(A, B, "24/100")],
    "a small share on the way": [holds(A, X), holds(X, B, "24/100")],
    "somebody else's relation": [holds(A, X), holds(B, Y), tie(C, ACCOUNT, "bank_account")],
}


@pytest.mark.parametrize("case", RELATED)
def test_related(case: str) -> None:
    ties, through = RELATED[case]
    path = related(ties, A, B)
    assert path is not None
    assert path.through == (min(X, Y) if "two accounts" in case and through else through)
    assert set(path.ties) <= set(ties)


@pytest.mark.parametrize("case", UNRELATED)
def test_not_related(case: str) -> None:
    assert related(UNRELATED[case], A, B) is None


def test_the_threshold_is_a_parameter_and_itself_enough() -> None:
    assert related([holds(A, B, "1/4")], A, B) is not None
    assert related([holds(A, B, "1/4")], A, B, threshold=Fraction(3, 10)) is None
    assert related([holds(A, B, "1/100")], A, B, threshold=Fraction(1, 100)) is not None


def test_a_direct_tie_is_told_before_one_through_somebody() -> None:
    path = related([holds(A, X), holds(X, B), holds(B, A)], A, B)
    assert path is not None and path.ties == (holds(B, A),)


def test_what_is_only_declared_counts_against_who_declared_it() -> None:
    assert related([replace(holds(A, B), proved=False)], A, B) is not None
    said_of_itself = [tie(A, PERSON, proved=False), tie(B, PERSON, proved=False)]
    assert related(said_of_itself, A, B) is not None
    said_of_others = [replace(holds(X, A), proved=False), replace(holds(X, B), proved=False)]
    assert related(said_of_others, A, B) is None
    assert related([replace(one, proved=True) for one in said_of_others], A, B) is not None


# --- Properties ---

NODES = [A, B, C, X, Y, PERSON, NUMBER, ACCOUNT]


@st.composite
def ties_of(draw: st.DrawFn) -> list[Tie]:
    found = []
    for number in range(draw(st.integers(0, 7))):
        kind = draw(st.sampled_from(sorted(FAMILIES)))
        left = draw(st.sampled_from(NODES[:5]))
        ends = [ACCOUNT] if FAMILIES[kind] == "bank_account" else [PERSON, NUMBER]
        ends += NODES[:5] if kind in ("shareholding", "legal_representative") else []
        right = draw(st.sampled_from([end for end in ends if end != left]))
        ratio = draw(st.fractions(0, 1, max_denominator=10)) if kind == "shareholding" else None
        found.append(Tie(f"r{number}", kind, left, right, ratio, draw(st.booleans())))
    return found


@given(ties_of())
def test_relation_is_symmetric(ties: list[Tie]) -> None:
    here, there = related(ties, A, B), related(ties, B, A)
    assert (here is None) == (there is None)
    if here and there:
        assert (set(here.ties), here.through) == (set(there.ties), there.through)


@given(ties_of(), ties_of())
def test_more_ties_never_unrelate(ties: list[Tie], more: list[Tie]) -> None:
    both = [*ties, *(replace(one, relation_id=f"m{one.relation_id}") for one in more)]
    assert related(ties, A, B) is None or related(both, A, B) is not None


@given(ties_of(), st.fractions(0, 1, max_denominator=10))
def test_a_higher_threshold_never_relates(ties: list[Tie], threshold: Fraction) -> None:
    higher = max(THRESHOLD, threshold)
    assert related(ties, A, B) is not None or related(ties, A, B, threshold=higher) is None


@given(ties_of())
def test_the_order_of_the_ties_changes_nothing(ties: list[Tie]) -> None:
    assert related(ties, A, B) == related(ties[::-1], A, B)


@given(ties_of())
def test_it_agrees_with_counting_steps(ties: list[Tie]) -> None:
    """The same question answered naively: at most two edges, one of a registration number costs none."""
    counted = [
        one
        for one in ties
        if (one.kind != "shareholding" or (one.ratio or 0) >= THRESHOLD)
        and (one.proved or one.left in (A, B))
    ]
    far = {node: (0 if node == A else 99) for node in NODES}
    for _ in NODES:
        for one in counted:
            cost = 0 if one.kind == "registration" else 1
            far[one.right] = min(far[one.right], far[one.left] + cost)
            far[one.left] = min(far[one.left], far[one.right] + cost)
    assert (related(ties, A, B) is not None) == (far[B] <= 2)


@given(st.integers(3, 6))
def test_a_chain_of_two_or_more_between_does_not_relate(length: int) -> None:
    chain = [A, *(f"organisation:{number}" for number in range(length - 1)), B]
    assert related([holds(left, right) for left, right in pairwise(chain)], A, B) is None
