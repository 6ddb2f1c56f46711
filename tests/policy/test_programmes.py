"""The programmes that ship: cases to the fen, sources, and what keeps some from being activated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hesuan.policy
from hesuan.errors import Faults
from hesuan.policy.cases import CaseFile, load_cases, run_case
from hesuan.policy.linter import blocking, lint
from hesuan.policy.programme import Programme
from hesuan.policy.schema import load

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
CASES = sorted(FOLDER.glob("*.cases.yaml"))
DOCUMENTS = sorted(set(FOLDER.glob("*.yaml")) - set(CASES))

SECTION_7 = """
cn.nanning.suanliquan.2025 t1_official_example
cn.beijing.suanliquan.2023 t2a_claimed t2a_redeemed t2b_storage t2c_signed_too_early t2d_thirteen_months
cn.beijing.suanliquan.2023 t2e_same_contract_again
cn.qingyang.suanliquan.2024 t5a_just_below_the_least t5b_just_above_the_least t5c_voucher
cn.qingyang.suanliquan.2024 t5c_first_quarter_pro_rata t5c_first_quarter_front_load
cn.henan.suanliquan.2023 henan_6a
us.nsf.access.discover t9_first_half t9_exchanged t9_gpu_machine t9_older_table
cn.chengdu.suanliquan.2023 national_lead_first national_lead_second national_lead_third
cn.chengdu.suanliquan.2023 provincial_lead ordinary_msme
"""
"""The worked cases that the register of rules gives to the fen; none of them may go missing."""

FIGURE = re.compile(r"rates\.tiers\[.+\]\.(rate|cap|lump_sum)|caps\[.+\]\.limit|floors\[.+\]\.min")
"""What an amount is worked out from; where somebody decided it, the programme is not simply runnable."""


def beside(path: Path) -> Path:
    return path.with_name(path.name.replace(".yaml", ".cases.yaml"))


def cases_of(path: Path) -> CaseFile:
    return load_cases(beside(path).read_text(), source=beside(path).name)


def programme_of(path: Path) -> Programme:
    return load(path.read_text(), source=path.name)


def all_cases() -> list[tuple[Path, str]]:
    return [(path, case.id) for path in DOCUMENTS for case in cases_of(path).all]


@pytest.mark.parametrize(("path", "name"), all_cases(), ids=lambda value: getattr(value, "name", value))
def test_a_numeric_case_comes_out_to_the_fen(path: Path, name: str) -> None:
    cases = cases_of(path)
    [case] = [one for one in cases.all if one.id == name]
    assert case.differences(cases.programme(case, path.read_text(), source=path.name)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_programme_says_where_its_rules_were_read(path: Path) -> None:
    programme = programme_of(path)
    assert programme.id == path.stem
    assert re.fullmatch("[OPMS]([+][OPMS])?", str(programme.terms.evidence))
    assert programme.terms.sources
    assert all(re.match("https?://", one.url) for one in programme.terms.sources)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_programme_has_cases_a_refusal_among_them(path: Path) -> None:
    cases = cases_of(path)
    assert len(cases.all) >= 4
    assert any("refused" in case.expect for case in cases.all)
    assert any("refused" not in case.expect for case in cases.all) or cases.status == "refused"
    assert all(any(value for value in case.expect.values()) for case in cases.all), (
        "a case compares something"
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_programme_is_as_runnable_as_it_says(path: Path) -> None:
    programme, cases = programme_of(path), cases_of(path)
    assert set(cases.why) == {"en", "zh"}
    assert all(cases.why.values())
    assert sorted(finding.field for finding in blocking(programme)) == sorted(cases.open)
    assert (cases.status == "refused") == bool(cases.open)
    if cases.status == "refused":
        assert programme.interpreted == {}, "what cannot be activated is left as it was published"
    if cases.status == "assumptions":
        assert programme.interpreted
    if cases.status == "runnable":
        assert [path for path in programme.interpreted if FIGURE.fullmatch(path)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_interpretation_says_that_it_is_the_demonstrations(path: Path) -> None:
    for one in programme_of(path).interpreted.values():
        assert one.decided_by == "Demonstration office 示范办"
        en, _, zh = one.citing.partition(" For demonstration only. ")
        assert len(en) >= len("As the caps."), "and why"
        assert re.search("[\u4e00-\u9fff]", zh.removesuffix("仅供演示。")), "in both languages"
        assert zh.endswith("仅供演示。")


@pytest.mark.parametrize("line", SECTION_7.split("\n")[1:-1])
def test_no_worked_case_of_the_register_is_missing(line: str) -> None:
    name, *wanted = line.split()
    assert set(wanted) <= {case.id for case in cases_of(FOLDER / f"{name}.yaml").all}


def test_a_reading_stands_in_for_the_documents_own() -> None:
    """The same claim under the other reading of the same open rule."""
    path = FOLDER / "cn.qingyang.suanliquan.2024.yaml"
    cases = cases_of(path)
    own, other = (
        next(case for case in cases.cases if case.id == f"t5c_first_quarter_{name}")
        for name in ("pro_rata", "front_load")
    )
    assert own.facts == other.facts
    assert own.differences(cases.programme(other, path.read_text(), source="q.yaml")) != []


def test_a_reading_that_is_not_in_the_file_is_told() -> None:
    path = FOLDER / "cn.qingyang.suanliquan.2024.yaml"
    text = beside(path).read_text().replace("    reading: front_load", "    reading: front_lode")
    with pytest.raises(Faults, match="no_such_reading"):
        load_cases(text, source="q.yaml")


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("us.nsf.access.discover", 'charge: "7520.00"', 'charge: "7520.01"', "charge is 7520.00"),
        ("us.nsf.access.discover", 'locked: "750000.00"', 'locked: "0.00"', "locked is 750000.00"),
        ("us.doe.alcc.2026", 'removed: "142500.00"', 'removed: "285000.00"', "removed is 142500.00"),
        (
            "us.doe.alcc.2026",
            "checkpoint: 2026-11-01",
            "checkpoint: 2026-11-02",
            "no checkpoint on 2026-11-02",
        ),
    ],
)
def test_a_case_of_units_that_expects_something_else_is_told(
    name: str, old: str, new: str, told: str
) -> None:
    """Negative control for charges, releases and reductions."""
    path = FOLDER / f"{name}.yaml"
    cases = load_cases(beside(path).read_text().replace(old, new, 1), source="u.yaml")
    lines = [
        line
        for case in cases.all
        for line in case.differences(cases.programme(case, path.read_text(), source="u.yaml"))
    ]
    assert len(lines) == 1
    assert told in lines[0]


def test_a_case_that_expects_something_else_is_told_with_both_figures() -> None:
    """Negative control: the comparison sees one fen."""
    [path] = [one for one in CASES if "henan" in one.name]
    text = path.read_text().replace('subsidy: "640000.00"', 'subsidy: "640000.01"', 1)
    cases = load_cases(text, source=path.name)
    programme = load((FOLDER / "cn.henan.suanliquan.2023.yaml").read_text(), source="h.yaml")
    _, [difference] = run_case(programme, cases.cases[0])
    assert "subsidy is 640000.00, expected 640000.01" in difference


def test_every_programme_has_cases() -> None:
    assert [beside(path) for path in DOCUMENTS] == CASES


def test_nothing_keeps_henan_from_being_activated() -> None:
    programme = load((FOLDER / "cn.henan.suanliquan.2023.yaml").read_text(), source="henan.yaml")
    assert blocking(programme) == ()
    told = [(finding.code.name, finding.field) for finding in lint(programme)]
    assert told == [
        ("policy.split_at_exhaustion", "budgets[province_year]"),
        ("policy.unknown_value", "issuance.transferable"),
    ]


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
