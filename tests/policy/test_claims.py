"""A year of claims as a table: lines of one claim together, and every fault at once."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from tests.policy.rules import rules_with
from tools import sample_claims

from hesuan.errors import Faults
from hesuan.policy.claims import Claim, load_claims

HEAD = (
    "claim,on,kind,amount,registries,applicant.id,applicant.tags,relation.related_party,resource.provenance\n"
)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "programme-claims.csv"


def claims(text: str, *lines: str) -> tuple[Claim, ...]:
    return load_claims(text, source="c.csv", programme=rules_with(*lines))


def faults(text: str) -> list[str]:
    with pytest.raises(Faults) as caught:
        claims(text)
    return [f"{fault.where} {fault.code.name}" for fault in caught.value.faults]


def test_rows_of_one_claim_are_its_lines_and_days_give_the_order() -> None:
    second, first = claims(
        HEAD
        + "b,2026-03-01,compute,10.00,pool other,o1,x y,false,domestic\n"
        + "a,2026-02-01,compute,1.50,,o2,,true,\n"
        + "b,2026-03-01,compute,20.00,pool other,o1,x y,false,other\n"
    )[::-1]
    assert (first.id, second.id, second.line) == ("a", "b", 2)
    assert first.facts.registries is None and second.facts.registries == {"pool", "other"}
    assert [line.amount_fen for line in second.facts.lines] == [10_00, 20_00]
    assert second.facts.stated == {
        "applicant.id": "o1",
        "applicant.tags": frozenset("xy"),
        "relation.related_party": False,
    }
    assert [line.stated["resource.provenance"] for line in second.facts.lines] == ["domestic", "other"]
    assert first.facts.stated["relation.related_party"] is True and "applicant.tags" not in first.facts.stated
    assert first.facts.on == date(2026, 2, 1) and first.facts.event == "issue"


def test_where_nothing_is_issued_a_claim_is_a_use() -> None:
    [claim] = claims(
        "claim,on,kind,amount\na,2026-02-01,compute,1\n", "issuance: {event: none, validity: P1Y}"
    )
    assert claim.facts.event == "redeem"


def test_every_fault_is_told_with_line_and_column() -> None:
    text = (
        "claim,on,kind,amount,tax,other_aid,relation.related_party\n"
        "a,2026-02-30,compute,1e3,,,maybe\n"
        "b,2026-02-01,computer,1.00,2.00,,false\n"
        "c,2026-02-01,compute,1.00,,1.01,false\n"
        "d,2026-02-01,compute\n"
        ",2026-02-01,compute,1.00,,,\n"
        "e,2026-02-01,compute,1.00,,,\n"
        "e,2026-02-02,compute,1.00,,,\n"
    )
    assert sorted(faults(text)) == [
        "c.csv:2:2 policy.not_a_date",
        "c.csv:2:4 money.not_an_amount",
        "c.csv:2:7 policy.wrong_type",
        "c.csv:3:3 policy.not_a_choice",
        "c.csv:3:5 policy.tax_above_amount",
        "c.csv:4:6 policy.aid_above_invoice",
        "c.csv:5:4 claims.row_length",
        "c.csv:6:1 policy.missing_key",
        "c.csv:8:2 claims.rows_disagree",
    ]


def test_faults_of_the_head() -> None:
    assert faults("claim,on,on,amont,kind\na,b,c,d,e\n") == [
        "c.csv:1:3 claims.column_twice",
        "c.csv:1:4 input.unknown_key",
        "c.csv:1:1 policy.missing_key",
    ]
    assert faults("claim,on,kind,amount\n") == ["c.csv:1:1 claims.empty"]
    assert (
        faults('claim,on,kind,amount\n"a"b,2026-01-01,compute,1\n')
        == [
            "c.csv:2:1 claims.not_a_table",
            "c.csv:1:1 claims.empty",
        ][:1]
    )


def test_the_example_is_what_its_tool_writes() -> None:
    out = io.StringIO()
    sample_claims.write(out)
    assert out.getvalue() == EXAMPLE.read_text()
