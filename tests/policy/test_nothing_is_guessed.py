"""Taking a value away from a rule refuses, or changes nothing: no figure is ever put in its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.policy.rules import rules_with
from tests.policy.test_golden import settle

import hesuan.policy
from hesuan.errors import Faults
from hesuan.policy.cases import CaseFile, load_cases
from hesuan.policy.decision import Aid, Decision
from hesuan.policy.evaluator import decide
from hesuan.policy.flows import movements
from hesuan.policy.keys import needed
from hesuan.policy.programme import Programme
from hesuan.policy.schema import load

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
CASES = sorted(FOLDER.glob("*.cases.yaml"))
VALUE = re.compile(r'(?<=: )([^\s\[\]{},#"][^,}\]#\n]*|"[^"\n]*"|\[[^\]\n]*\])')


def without_one_value(text: str) -> list[tuple[int, str]]:
    """The document with one value after another unknown; interpretations keep what they say."""
    rules, mark, rest = text.partition("\ninterpretations:")
    return [
        (
            rules[: found.start()].count("\n") + 1,
            f'{rules[: found.start()]}"?"{rules[found.end() :]}{mark}{rest}',
        )
        for found in VALUE.finditer(rules)
    ]


def paid(decision: Decision) -> tuple[object, ...]:
    return decision.subsidy_fen, decision.shares, [fen for _, fen in decision.counted]


def guesses(whole: Programme, lacking: Programme, cases: CaseFile) -> list[str]:
    """Cases that a lacking rule pays otherwise than the whole one."""
    found = []
    for case in cases.cases:
        before, after = (decide(one, case.facts, case.counters) for one in (whole, lacking))
        assert after.subsidy_fen + after.other_aid_fen + after.copay_fen == after.invoice_fen
        assert {one for one, _ in after.counted} <= set(needed(lacking, case.facts))
        movements(lacking, after)
        if after.granted and (not before.granted or paid(after) != paid(before)):
            found.append(f"{case.id}: {before.subsidy_fen} became {after.subsidy_fen}")
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_no_published_rule_pays_otherwise_for_knowing_less(path: Path) -> None:
    cases = load_cases(path.read_text(), source=path.name)
    text = path.with_name(path.name.replace(".cases.yaml", ".yaml")).read_text()
    whole = load(text, source="whole", extra=cases.interpretations)
    tried, found = 0, []
    for line, changed in without_one_value(text):
        try:
            lacking = load(changed, source="lacking", extra=cases.interpretations)
        except Faults:
            continue  # a name or a version is never unknown
        tried += 1
        found += [f"line {line}: {told}" for told in guesses(whole, lacking, cases)]
    assert found == [] and tried > 20


def test_a_guess_would_be_seen() -> None:
    """Negative control: a document whose cap is left out, not unknown, pays otherwise."""
    path = FOLDER / "cn.henan.suanliquan.2023.cases.yaml"
    cases = load_cases(path.read_text(), source=path.name)
    text = (FOLDER / "cn.henan.suanliquan.2023.yaml").read_text()
    whole = load(text, source="whole")
    assert guesses(
        whole, load(text.replace('limit: "1000000.00"', 'limit: "9000000.00"'), source="other"), cases
    )


OPEN = [
    ('base: {measure: settled, kinds: [compute], tax: incl, apportion: "?"}', "issue", "base.apportion"),
    ('issuance: {event: approval, validity: P12M, windows: "?"}', "issue", "issuance.windows"),
    ('suppliers: {registry: [pool], admission: "?"}', "issue", "suppliers.admission"),
    ('beneficiary: "?"', "issue", "beneficiary"),
    ('redemption: "?"', "redeem", "redemption"),
    ('stacking: {mode: allow, match: "?"}', "issue", "stacking.match"),
    (
        'budgets: [{id: b, window: lifetime, limit: 1.00, counts: issued, on_exhaust: reject, key: "?"}]',
        "issue",
        "budgets[b].key",
    ),
    ('issuance: {event: "?", validity: P12M}', "redeem", "issuance.event"),
    (
        "rates: {select: first, tiers: [{id: a, when: {all: []}, rate: 1/2, rate_kind: exact,"
        ' ordinal_cap: "?"}]}',
        "issue",
        "rates.tiers[a].ordinal_cap",
    ),
]


@pytest.mark.parametrize(("line", "event", "field"), OPEN, ids=[field for _, _, field in OPEN])
def test_a_section_that_says_unknown_is_not_one_left_out(line: str, event: str, field: str) -> None:
    aid = (Aid("city", "contract", 1),)
    lines = (line,) if line.startswith("stacking") else (line, "stacking: {mode: allow}")
    decision = settle(rules_with(*lines), 100_00, event=event, voucher_fen=100_00, aid=aid)
    assert [one.field for one in decision.failures] == [field]
    assert (decision.subsidy_fen, decision.counted) == (0, ())
