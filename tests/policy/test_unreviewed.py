"""Small claims that nobody reviews where one large claim would be: told with the figures, and only if so."""

from __future__ import annotations

import pytest
from tests.policy.rules import rules_with
from tests.policy.test_splitting import ALL, SHIPPED

from hesuan.policy.finding import Finding
from hesuan.policy.linter import lint
from hesuan.policy.programme import Programme
from hesuan.policy.unreviewed import SPLIT_PASSES_APPROVER, SPLIT_PASSES_REVIEW

NO_LIMITS = ("caps: []", "budgets: []")


def told(programme: Programme) -> list[Finding]:
    """The findings of this kind."""
    return [one for one in lint(programme) if one.code in (SPLIT_PASSES_APPROVER, SPLIT_PASSES_REVIEW)]


def issuance(more: str) -> str:
    return f"issuance: {{event: approval, validity: P12M, {more}}}"


SECOND = issuance('second_approver_above: "300.00"')
AUTO = issuance('auto_approve: "contract.amount <= 1000.00"')
HOURS = issuance('auto_approve: "request.gpu_hours <= 5000"')


def test_two_claims_pass_the_second_approver_that_one_would_meet() -> None:
    """Of 30 %: 1,000.00 is worth the 300.00 that one person may approve, 2,000.00 twice that."""
    [finding] = told(rules_with(*NO_LIMITS, SECOND))
    assert (finding.code, finding.field, finding.blocks) == (
        SPLIT_PASSES_APPROVER,
        "issuance.second_approver_above",
        False,
    )
    figures = {name: finding.facts[name] for name in ("at", "whole", "together", "first", "apart")}
    assert figures == {
        "at": "¥300.00",
        "whole": "¥2,000.00",
        "together": "¥600.00",
        "first": "¥1,000.00",
        "apart": "¥600.00",
    }
    assert "第二人" in finding.text("zh") and finding.line > 0


def test_two_claims_pass_without_a_reviewer_where_one_would_not() -> None:
    [finding] = told(rules_with(*NO_LIMITS, AUTO))
    assert (finding.code, finding.field) == (SPLIT_PASSES_REVIEW, "issuance.auto_approve")
    assert (finding.facts["at"], finding.facts["whole"], finding.facts["apart"]) == (
        "¥1,000.00",
        "¥2,000.00",
        "¥600.00",
    )
    assert "无人审核" in finding.text("zh") and "`contract.amount`" in finding.text()


def test_hours_that_a_request_states_are_cut_too() -> None:
    [finding] = told(rules_with(*NO_LIMITS, HOURS))
    assert (finding.facts["at"], finding.facts["whole"]) == ("5000", "10000")


def caps(limit: str, counts: str = "issued") -> str:
    return f'caps: [{{id: c, key: [applicant], window: calendar_year, limit: "{limit}", counts: {counts}}}]'


NEAR = [
    ("a limit that one claim reaches leaves nothing for the second", SECOND, caps("300.00")),
    ("a limit below what one person may approve", SECOND, caps("299.99")),
    ("one claim a year cannot be two", SECOND, caps("1.00", "claims")),
    ("one claim a year cannot be two", AUTO, caps("1.00", "claims")),
    (
        "what grows over the year is seen by the second",
        issuance('auto_approve: "year.base_total <= 1000.00"'),
        "",
    ),
    ("the whole project is seen in each piece", issuance('auto_approve: "project.amount <= 1000.00"'), ""),
    ("which request it is says nothing of its size", issuance('auto_approve: "request.ordinal <= 1"'), ""),
    ("everything passes, whole or cut", issuance(f"auto_approve: {ALL}"), ""),
    ("nothing is said", issuance('transferable: "false"'), ""),
]


@pytest.mark.parametrize(("why", "rule", "more"), NEAR, ids=[f"{at} {one[0]}" for at, one in enumerate(NEAR)])
def test_where_nothing_is_passed_nothing_is_told(why: str, rule: str, more: str) -> None:
    assert told(rules_with(*NO_LIMITS, *([more] if more else []), rule)) == [], why


def test_one_fen_more_of_the_limit_and_it_is_told() -> None:
    """The near miss of the first of the list: 300.01 leaves the second claim a fen."""
    assert len(told(rules_with(*NO_LIMITS, caps("300.01"), SECOND))) == 1


def test_of_what_ships_only_indiaais_hours_can_be_cut() -> None:
    found = {name: [one.facts["fact"] for one in told(SHIPPED[name])] for name in SHIPPED}
    assert {name: facts for name, facts in found.items() if facts} == {
        "in.indiaai.compute": ["request.gpu_hours"]
    }
