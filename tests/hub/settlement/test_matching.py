"""The three-way match on plain values: each difference is named with both sides, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.errors import Faults
from hesuan.hub.settlement.matching import Expected, MeterLine, compare
from hesuan.hub.settlement.papers import document, parse

SAID: dict[str, dict[str, Any]] = {
    "contract": {
        "number": "HT-1",
        "signed_on": "2026-01-05",
        "starts_on": "2026-01-10",
        "ends_on": "2026-12-31",
        "amount_fen": 100_000,
        "buyer": "Zhongyuan Bio",
        "seller": "Zhengzhou Supercomputing",
    },
    "invoice": {
        "number": "FP-1",
        "issued_on": "2026-03-31",
        "amount_fen": 1000,
        "buyer": "zhongyuan  bio",
        "seller": "Zhengzhou Supercomputing",
        "kinds": {"compute": 1000},
    },
    "payment": {"number": "ZF-1", "paid_on": "2026-04-02", "amount_fen": 1000},
    "delivery_proof": {"accepted_on": "2026-03-31"},
}
LINES = [
    MeterLine(1, "compute", 600, 120, date(2026, 2, 1), date(2026, 2, 2), signed=True),
    MeterLine(2, "compute", 400, 80, date(2026, 3, 1), date(2026, 3, 1), signed=True),
]
EXPECTED = Expected(
    buyer="Zhongyuan Bio",
    seller="Zhengzhou Supercomputing",
    required=("contract", "invoice", "payment", "delivery_proof"),
    kinds=("compute", "ai_compute"),
    full_face=True,
    user_pays_all=True,
)


def differences(expected: Expected = EXPECTED, lines: list[MeterLine] | None = None, **changes: Any) -> Any:
    said = {kind: {**paper, **changes.get(kind, {})} for kind, paper in SAID.items()}
    found = compare(parse(said), LINES if lines is None else lines, expected)
    return [(one.code.name, one.where) for one in found]


def test_what_agrees_matches() -> None:
    assert differences() == []


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"invoice": {"amount_fen": 1001}}, "match.amount_differs", "papers.invoice.amount_fen"),
        ({"payment": {"amount_fen": 800}}, "match.amount_differs", "papers.payment.amount_fen"),
        ({"contract": {"amount_fen": 999}}, "match.above_contract", "papers.contract.amount_fen"),
        ({"invoice": {"buyer": "Elsewhere"}}, "match.party_differs", "papers.invoice.buyer"),
        ({"contract": {"seller": "Elsewhere"}}, "match.party_differs", "papers.contract.seller"),
        ({"contract": {"starts_on": "2026-02-02"}}, "match.dates_disagree", "papers.contract.starts_on"),
        ({"contract": {"ends_on": "2026-02-28"}}, "match.dates_disagree", "papers.contract.ends_on"),
        ({"invoice": {"issued_on": "2026-01-04"}}, "match.dates_disagree", "papers.invoice.issued_on"),
        ({"payment": {"paid_on": "2026-01-04"}}, "match.dates_disagree", "papers.payment.paid_on"),
        ({"invoice": {"kinds": {"storage": 400}}}, "match.kind_differs", "papers.invoice.kinds.storage"),
    ],
)
def test_each_difference_is_named_alone(change: dict[str, Any], code: str, where: str) -> None:
    assert differences(**change) == [(code, where)]


def test_both_numbers_stand_in_both_languages() -> None:
    said = {**SAID, "invoice": {**SAID["invoice"], "amount_fen": 1234}}
    (found,) = compare(parse(said), LINES, EXPECTED)
    for language in ("en", "zh"):
        assert "¥12.34" in found.sentence(language) and "¥10.00" in found.sentence(language)


def test_kinds_and_signatures_are_the_meters() -> None:
    lines = [LINES[0], replace(LINES[1], kind="storage", signed=False)]
    assert differences(lines=lines, invoice={"kinds": {}}) == [
        ("match.kind_not_paid", "lines[2]"),
        ("match.meter_unsigned", "lines[2]"),
    ]


def test_a_missing_paper_a_used_number_and_what_was_invoiced_before() -> None:
    found = compare(parse({"invoice": SAID["invoice"]}), LINES, EXPECTED)
    assert [one.where for one in found] == ["papers.contract", "papers.payment", "papers.delivery_proof"]
    used = replace(EXPECTED, uses={"contract": (), "invoice": ("elsewhere claim:1",)})
    assert differences(used) == [("match.number_used", "papers.invoice.number")]
    before = replace(EXPECTED, invoiced_before_fen=99_001)
    assert differences(before) == [("match.above_contract", "papers.contract.amount_fen")]


def test_a_net_invoice_is_held_against_what_the_user_paid() -> None:
    net = replace(EXPECTED, full_face=False, user_pays_all=False)
    told = {"invoice": {"amount_fen": 800, "kinds": {}}, "payment": {"amount_fen": 800}}
    assert differences(net, **told) == []


@given(off=st.integers(-50, 50), tolerance=st.integers(0, 50))
def test_the_tolerance_is_exactly_what_is_let_pass(off: int, tolerance: int) -> None:
    expected = replace(EXPECTED, tolerance_fen=tolerance)
    found = differences(expected, invoice={"amount_fen": 1000 + off, "kinds": {}})
    assert bool(found) == (abs(off) > tolerance)


def test_papers_are_read_whole_and_every_fault_is_told() -> None:
    assert document(parse(SAID))["invoice"]["buyer"] == "zhongyuan  bio"  # type: ignore[index,call-overload]
    assert document(parse(document(parse(SAID)))) == document(parse(SAID))
    wrong = {"invoice": {"number": 3, "amount_fen": -1, "colour": "red"}, "bill": {}}
    with pytest.raises(Faults) as caught:
        parse(wrong)
    places = {fault.where for fault in caught.value.faults}
    assert {"papers.invoice.number", "papers.invoice.amount_fen", "papers.invoice.colour"} <= places
    assert {"papers.bill", "papers.invoice.issued_on", "papers.invoice.buyer"} <= places
