"""Conditions: typed facts, three truth values, every unmet condition named."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.errors import InputFault
from hesuan.policy.document import read
from hesuan.policy.nodes import Mapping
from hesuan.policy.predicates import FACTS, FactValue, Judgement, judge, parse, parse_fact


def ask(text: str, facts: dict[str, FactValue]) -> Judgement:
    root = read(f"pred: {text}\n")
    assert isinstance(root, Mapping)
    node = root.get("pred")
    assert node is not None
    faults: list[InputFault] = []
    pred = parse(node, source="p", faults=faults)
    assert faults == []
    return judge(pred, facts)


@pytest.mark.parametrize(
    ("condition", "value", "truth"),
    [
        ("applicant.kind == maker", "maker", True),
        ("applicant.kind != maker", "maker", False),
        ("applicant.kind in [maker, university]", "university", True),
        ("applicant.kind in [maker]", "university", False),
        ("applicant.tags has 613_key", frozenset({"613_key", "b"}), True),
        ("applicant.tags has c", frozenset({"b"}), False),
        ("relation.related_party == false", False, True),
        ("contract.months <= 12", Fraction(12), True),
        ("contract.months < 12", Fraction(12), False),
        ("contract.months > 11.5", Fraction(12), True),
        ("contract.signed_on >= 2023-09-01", date(2023, 9, 1), True),
        ("contract.signed_on >= 2023-09-01", date(2023, 8, 31), False),
        ("year.base_total >= 500000.00", 500_000_00, True),
        ("year.base_total >= 500000.00", 499_999_99, False),
        ("applicant.registered_in == 郑州", "郑州", True),
    ],
)
def test_a_condition_compares_by_the_facts_type(condition: str, value: FactValue, truth: bool) -> None:
    fact = condition.split(maxsplit=1)[0]
    assert ask(f'"{condition}"', {fact: value}).truth is truth


A, B = "applicant.kind == maker", "relation.related_party == true"


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        (f'{{all: ["{A}", "{B}"]}}', None),
        (f'{{any: ["{A}", "{B}"]}}', True),
        (f'{{not: "{B}"}}', None),
        (f'{{all: [{{not: "{A}"}}, "{B}"]}}', False),
        (f'{{any: [{{not: "{A}"}}, "{B}"]}}', None),
        ("{all: []}", True),
        ("{any: []}", False),
    ],
)
def test_what_nobody_stated_is_unknown_and_unknown_is_not_true(text: str, truth: bool | None) -> None:
    """``A`` is true, nobody stated ``B``: neither ``B`` nor ``not B`` holds."""
    assert ask(text, {"applicant.kind": "maker"}).truth is truth


def test_every_condition_in_the_way_is_named_with_the_value_and_the_place() -> None:
    judged = ask(
        f'{{all: ["{A}", "{B}", {{not: "contract.months > 3"}}]}}',
        {
            "applicant.kind": "university",
            "contract.months": Fraction(5),
        },
    )
    assert [(one.text, one.value, one.mark.line) for one in judged.unmet] == [
        (A, "university", 1),
        (B, None, 1),
        ("not (contract.months > 3)", "5", 1),
    ]


truths = st.sampled_from([True, False, None])


@given(st.lists(truths, max_size=4))
def test_all_and_any_are_kleenes(values: list[bool | None]) -> None:
    """Against the definition: minimum and maximum under false < unknown < true."""
    names = [
        "applicant.is_legal_person",
        "relation.related_party",
        "award.approved",
        "applicant.is_eligible_pi",
    ]
    facts = {name: value for name, value in zip(names, values, strict=False) if value is not None}
    conditions = ", ".join(f'"{name} == true"' for name in names[: len(values)])
    order = [False, None, True]
    least = min(values, key=order.index, default=True)
    most = max(values, key=order.index, default=False)
    assert ask(f"{{all: [{conditions}]}}", dict(facts)).truth is least
    assert ask(f"{{any: [{conditions}]}}", dict(facts)).truth is most
    assert ask(f"{{not: {{all: [{conditions}]}}}}", dict(facts)).truth is (
        None if least is None else not least
    )


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("applicant.kind", "maker", "maker"),
        ("applicant.tags", ["a", "b"], frozenset({"a", "b"})),
        ("relation.related_party", True, True),
        ("relation.related_party", "false", False),
        ("contract.months", 12, Fraction(12)),
        ("contract.months", "0.1", Fraction(1, 10)),
        ("year.base_total", "1.20", 120),
        ("contract.signed_on", "2026-01-31", date(2026, 1, 31)),
    ],
)
def test_a_stated_fact_is_read_as_its_type(name: str, value: object, typed: FactValue) -> None:
    assert parse_fact(name, value) == typed


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("applicant.knd", "maker", "input.unknown_key"),
        ("applicant.kind", 1.5, "policy.wrong_type"),
        ("applicant.kind", None, "policy.wrong_type"),
        ("applicant.kind", "a b", "policy.wrong_type"),
        ("applicant.tags", "a", "policy.wrong_type"),
        ("contract.months", True, "policy.wrong_type"),
        ("contract.months", 0.5, "policy.wrong_type"),
        ("contract.months", "1e9", "policy.wrong_type"),
        ("contract.signed_on", "2026-02-30", "policy.wrong_type"),
        ("year.base_total", "1,000", "money.not_an_amount"),
    ],
)
def test_a_fact_of_another_type_is_refused(name: str, value: object, code: str) -> None:
    with pytest.raises(InputFault) as fault:
        parse_fact(name, value)
    assert fault.value.code.name == code


def test_facts_are_named_alike() -> None:
    assert list(FACTS) == [name for name in FACTS if name == name.lower() and " " not in name]
