"""Facts and counters as files state them: exact, and every fault at once."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction

import pytest
from tests.policy.rules import rules_with

from hesuan.errors import Faults
from hesuan.policy.decision import Aid
from hesuan.policy.requests import load_counters, load_facts
from hesuan.policy.schema import load_assumptions

FACTS = {
    "event": "issue",
    "on": "2025-06-01",
    "lines": [{"kind": "compute", "amount": "100.10", "tax": "5.66", "facts": {"use.purpose": "training"}}],
    "facts": {"applicant.tags": ["a", "b"], "relation.related_party": False, "applicant.age_months": 7},
    "aid": [{"authority": "national", "scope": "contract", "amount": "1.00", "rate": "1/2"}],
    "registries": ["pool"],
}


@pytest.mark.parametrize("layout", [{"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}, {}])
def test_json_in_any_layout(layout: dict[str, object]) -> None:
    facts = load_facts(json.dumps(FACTS, **layout), source="f.json")  # type: ignore[arg-type]
    assert facts.on == date(2025, 6, 1) and facts.registries == {"pool"}
    assert facts.lines[0].amount_fen == 100_10 and facts.lines[0].tax_fen == 5_66
    assert facts.lines[0].stated == {"use.purpose": "training"}
    assert facts.stated["applicant.tags"] == frozenset("ab")
    assert facts.stated["applicant.age_months"] == 7 and facts.stated["relation.related_party"] is False
    assert facts.aid == (Aid("national", "contract", 1_00, "", Fraction(1, 2)),)


def test_a_number_keeps_the_digits_that_were_written() -> None:
    text = '{"event":"issue","on":"2025-06-01","lines":[{"kind":"compute","amount":90071992547409.93}]}'
    assert load_facts(text, source="f.json").lines[0].amount_fen == 9_007_199_254_740_993
    assert int(float("90071992547409.93") * 100) != 9_007_199_254_740_993, "as a float it would not be"


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"event": "isue"}, ["policy.not_a_choice"]),
        ({"event": "?"}, ["policy.not_stated"]),
        (
            {"lines": [{"kind": "compute", "amount": "1.00", "tax": "1.01"}], "aid": []},
            ["policy.tax_above_amount"],
        ),
        ({"aid": [{"amount": "100.11"}]}, ["policy.aid_above_invoice"]),
        ({"other_aid": "1.00"}, ["policy.aid_twice"]),
        ({"fact": {}}, ["input.unknown_key"]),
        (
            {"facts": {"applicant.knd": "x", "year.base_total": "1e3"}},
            ["input.unknown_key", "money.not_an_amount"],
        ),
        ({"facts": []}, ["policy.wrong_shape"]),
    ],
)
def test_faults_are_told_with_code_and_place(change: dict[str, object], codes: list[str]) -> None:
    with pytest.raises(Faults) as caught:
        load_facts(json.dumps({**FACTS, **change}, indent=1), source="f.json")
    assert [fault.code.name for fault in caught.value.faults] == codes
    assert all(fault.where.count(":") == 2 for fault in caught.value.faults)


def test_counters_are_of_the_programmes_own_caps_and_budgets() -> None:
    programme = rules_with()
    text = '{"caps": {"unit_year": "5.00"}, "budgets": {"year": "6.00"}, "voucher": "7.00"}'
    counters = load_counters(text, source="c.json", programme=programme)
    assert (counters.caps, counters.budgets, counters.voucher_fen) == ({"unit_year": 500}, {"year": 600}, 700)
    with pytest.raises(Faults) as caught:
        load_counters('{"caps": {"unit_yaer": 5}, "budget": {}}', source="c.json", programme=programme)
    assert [fault.sentence() for fault in caught.value.faults] == [
        "c.json:1:28: `budget` is not a key here. Did you mean `budgets`?",
        "c.json:1:11: `unit_yaer` is not a key here. Did you mean `unit_year`?",
    ]


def test_a_file_of_assumptions_is_read_by_the_same_rules() -> None:
    entry = "{field: a, value: b, decided_by: c, decided_at: 2026-01-31, citing: d}"
    text = f"programme: x\ninterpretations: [{entry}]\n"
    [one] = load_assumptions(text, source="a.yaml")
    assert (one.path, one.where) == ("a", "a.yaml:2")
    with pytest.raises(Faults):
        load_assumptions(text.replace("citing", "citng"), source="a.yaml")
