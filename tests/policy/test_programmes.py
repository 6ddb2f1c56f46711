"""The programmes that ship: their numeric cases to the fen, and what keeps Chengdu from being activated."""

from __future__ import annotations

from pathlib import Path

import pytest

import hesuan.policy
from hesuan.errors import Faults
from hesuan.policy.cases import load_cases, run_case
from hesuan.policy.linter import blocking, lint
from hesuan.policy.schema import load

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
CASES = sorted(FOLDER.glob("*.cases.yaml"))
DOCUMENTS = sorted(set(FOLDER.glob("*.yaml")) - set(CASES))


def all_cases() -> list[tuple[Path, str]]:
    return [
        (path, case.id) for path in CASES for case in load_cases(path.read_text(), source=path.name).cases
    ]


@pytest.mark.parametrize(("path", "name"), all_cases(), ids=lambda value: getattr(value, "name", value))
def test_a_numeric_case_comes_out_to_the_fen(path: Path, name: str) -> None:
    cases = load_cases(path.read_text(), source=path.name)
    document = path.with_name(path.name.replace(".cases.yaml", ".yaml"))
    programme = load(document.read_text(), source=document.name, extra=cases.interpretations)
    [case] = [one for one in cases.cases if one.id == name]
    _, differences = run_case(programme, case)
    assert differences == []


def test_a_case_that_expects_something_else_is_told_with_both_figures() -> None:
    """Negative control: the comparison sees one fen."""
    [path] = [one for one in CASES if "henan" in one.name]
    text = path.read_text().replace('subsidy: "640000.00"', 'subsidy: "640000.01"', 1)
    cases = load_cases(text, source=path.name)
    programme = load((FOLDER / "cn.henan.suanliquan.2023.yaml").read_text(), source="h.yaml")
    _, [difference] = run_case(programme, cases.cases[0])
    assert "subsidy is 640000.00, expected 640000.01" in difference


def test_every_programme_has_cases() -> None:
    assert [path.name.replace(".yaml", ".cases.yaml") for path in DOCUMENTS] == [path.name for path in CASES]


def test_nothing_keeps_henan_from_being_activated() -> None:
    programme = load((FOLDER / "cn.henan.suanliquan.2023.yaml").read_text(), source="henan.yaml")
    assert blocking(programme) == ()
    assert [finding.field for finding in lint(programme)] == ["issuance.transferable"]


def test_every_interpretation_of_henan_says_that_it_is_the_demonstrations() -> None:
    programme = load((FOLDER / "cn.henan.suanliquan.2023.yaml").read_text(), source="henan.yaml")
    assert len(programme.interpreted) == 14
    for one in programme.interpreted.values():
        assert one.decided_by.startswith("Demonstration office") and "For demonstration only" in one.citing


def test_chengdus_ordinary_rate_keeps_it_a_draft() -> None:
    text = (FOLDER / "cn.chengdu.suanliquan.2023.yaml").read_text()
    line = text[: text.index('rate: "?"')].count("\n") + 1
    found = blocking(load(text, source="chengdu.yaml"))
    [rate] = [finding for finding in found if finding.field == "rates.tiers[general].rate"]
    assert rate.where == f"chengdu.yaml:{line}" and rate.code.name == "policy.rule_unpublished"
    assert rate.sentence("zh").startswith(f"chengdu.yaml:{line}: “rates.tiers[general].rate”")


def test_faults_of_a_case_file_are_told_at_once() -> None:
    text = (
        "programme: x\ncases:\n  - id: one\n    source: s\n    event: isue\n    on: 2023-02-30\n"
        "    lines: [{kind: compute, amount: 12.345}]\n    facts: {applicant.knd: maker}\n"
        "    used: {caps: {a: one}}\n    expct: {}\n"
    )
    with pytest.raises(Faults) as faults:
        load_cases(text, source="c.yaml")
    assert {fault.where for fault in faults.value.faults} == {
        "c.yaml:3:5",
        "c.yaml:5:12",
        "c.yaml:6:9",
        "c.yaml:7:37",
        "c.yaml:8:28",
        "c.yaml:9:22",
        "c.yaml:10:5",
    }
