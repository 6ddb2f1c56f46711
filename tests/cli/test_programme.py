"""``hesuan programme``: what a rule-writer is told without any platform, and loading into one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from tests.people import Person

import hesuan.policy
from hesuan.cli.main import main
from hesuan.hub.config import server
from hesuan.hub.programmes.models import ProgrammeVersion

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
HENAN = FOLDER / "cn.henan.suanliquan.2023.yaml"
CHENGDU = FOLDER / "cn.chengdu.suanliquan.2023.yaml"


def check(*files: Path, language: str = "en") -> int:
    return main(["--lang", language, "programme", "check", *map(str, files)])


def test_a_sound_programme_with_its_cases(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(HENAN) == 0
    told = capsys.readouterr().out
    assert "0 open or blocking rules, 5 of 5 cases as expected" in told
    assert "note  cn.henan.suanliquan.2023.yaml:" in told


def test_an_open_programme_is_refused_with_field_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(CHENGDU, language="zh") == 1
    told = capsys.readouterr().out
    line = CHENGDU.read_text()[: CHENGDU.read_text().index('rate: "?"')].count("\n") + 1
    assert f"阻止激活  cn.chengdu.suanliquan.2023.yaml:{line}: “rates.tiers[general].rate”" in told
    assert "5 个算例中 5 个符合预期" in told


def test_a_case_that_came_out_otherwise_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "h.yaml").write_text(HENAN.read_text().replace("rate: 20/100", "rate: 21/100"))
    cases = HENAN.with_name(HENAN.name.replace(".yaml", ".cases.yaml"))
    (tmp_path / "h.cases.yaml").write_text(cases.read_text())
    assert check(tmp_path / "h.yaml") == 1
    assert "henan_6a: subsidy is 672000.00, expected 640000.00" in capsys.readouterr().out


def test_faults_are_told_all_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text(HENAN.read_text().replace("rounding:", "roundin:").replace("P\n", "Q\n"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    assert check(tmp_path / "f.yaml", tmp_path / "binary.yaml", tmp_path / "missing.yaml") == 2
    told = capsys.readouterr().err
    assert "Did you mean `rounding`?" in told and "[input.unknown_key]" in told
    assert told.count("[programme.file_unreadable]") == 2


def test_an_officer_loads_and_an_approver_activates(
    officer: Person, approver: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "set_up", lambda: None)
    words = ["programme", "load", str(HENAN), "--as", officer.identity.username]
    assert main(words) == 0 and ProgrammeVersion.objects.get().state == "draft"
    activate = ["programme", "activate", str(HENAN), "--as"]
    assert main([*activate, officer.identity.username]) == 1
    assert ProgrammeVersion.objects.get().state == "draft"
    assert main([*activate, approver.identity.username]) == 0
    version = ProgrammeVersion.objects.get()
    assert version.state == "active" and version.source_name == HENAN.name
    assert version.id in capsys.readouterr().out
    assert main(["programme", "load", str(HENAN), "--as", "nobody"]) == 3


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def lint(*files: Path, language: str = "en", words: tuple[str, ...] = ()) -> int:
    return main(["--lang", language, "programme", "lint", *map(str, files), *words])


def test_lint_ends_with_the_worst_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text(HENAN.read_text().replace("caps:", "cap:"))
    assert lint(HENAN) == 0
    assert lint(HENAN, CHENGDU) == 1
    assert lint(HENAN, CHENGDU, tmp_path / "f.yaml", tmp_path / "missing.yaml") == 2
    told = capsys.readouterr().out
    assert "Did you mean `caps`? [input.unknown_key]" in told and "[programme.file_unreadable]" in told


def test_lint_speaks_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(EXAMPLES / "programme-city.yaml", language="zh") == 1
    told = capsys.readouterr().out
    assert "警告      programme-city.yaml:22: 多百分之一即少得 ¥100,000.00" in told
    assert "阻止激活 1 项，警告 1 项" in told


def test_lint_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text(HENAN.read_text().replace("caps:", "cap:"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff")
    assert lint(EXAMPLES / "programme-city.yaml", words=("--json",)) == 1
    answer = json.loads(capsys.readouterr().out)
    [file] = answer["files"]
    assert (answer["exit"], file["blocks"], file["warns"], file["readable"]) == (1, 1, 1, True)
    cliff = next(one for one in file["findings"] if one["code"] == "policy.cliff")
    assert set(cliff) == {
        *("code", "severity", "field", "file", "line", "column", "en", "zh", "facts"),
    }
    assert (cliff["severity"], cliff["line"], cliff["column"]) == ("warns", 22, 7)
    assert (cliff["facts"]["at_fen"], cliff["facts"]["loss_fen"]) == (50_000_000, 10_000_000)
    assert lint(tmp_path / "f.yaml", tmp_path / "binary.yaml", words=("--json",)) == 2
    faulty, binary = json.loads(capsys.readouterr().out)["files"]
    assert (faulty["readable"], faulty["programme"], binary["blocks"]) == (False, None, 1)
    unknown = next(one for one in faulty["findings"] if one["code"] == "input.unknown_key")
    assert unknown["line"] == HENAN.read_text().splitlines().index("caps:") + 1 and unknown["column"] == 1


CITY, FACTS = EXAMPLES / "programme-city.yaml", EXAMPLES / "programme-facts.json"
COUNTERS, ASSUME = EXAMPLES / "programme-counters.json", EXAMPLES / "programme-assume.yaml"


def decide(*words: object, language: str = "en") -> int:
    return main(["--lang", language, "programme", "decide", str(CITY), *map(str, words)])


def test_one_decision_with_its_whole_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert decide("--facts", FACTS) == 0
    told = capsys.readouterr().out
    assert [line[:2].strip() for line in told.splitlines() if line[:2].strip().isdigit()] == [
        str(number) for number in range(1, 14)
    ]
    assert "Granted: ¥240,000.00" in told and "paid by city ¥160,000.00, district ¥80,000.00" in told
    assert "Nothing was taken as used of applicant_year, year" in told


def test_a_refusal_names_the_open_rule_and_an_assumption_fills_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--facts", FACTS, "--counters", COUNTERS)
    assert decide(*words, language="zh") == 1
    told = capsys.readouterr().out
    assert "不予支付：" in told and "[policy.budget_rule_open]" in told and "尚未使用" not in told
    assert decide(*words, "--assume", ASSUME) == 0
    told = capsys.readouterr().out
    assert "Granted: ¥50,000.00" in told
    assert decide("--facts", FACTS, "--assume", COUNTERS) == 2


def test_a_decision_for_programs_has_no_float(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(text: str) -> float:
        raise AssertionError(f"a float: {text}")

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FACTS.read_bytes())))
    assert decide("--facts", "-", "--json") == 0
    answer = json.loads(capsys.readouterr().out, parse_float=refuse)
    assert (answer["subsidy_fen"], answer["rate"], answer["tier"]) == (24_000_000, "1/2", "small")
    assert answer["subsidy_fen"] + answer["copay_fen"] + answer["other_aid_fen"] == answer["invoice_fen"]
    assert [step["step"] for step in answer["trace"]] == list(range(1, 14))
    assert all(step["en"] and step["zh"] and ":" in step["citing"] for step in answer["trace"])
    assert {one["id"]: one["fen"] for one in answer["counted"]} == {
        "applicant_year": 24_000_000,
        "year": 24_000_000,
    }


def test_every_fault_of_the_facts_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.json").write_text(FACTS.read_text().replace("issue", "isue").replace("480000.00", "4e5"))
    assert decide("--facts", tmp_path / "f.json") == 2
    told = capsys.readouterr().err
    assert "f.json:2:12" in told and "f.json:5:38" in told and "f.json:12:24" in told
    assert decide("--facts", tmp_path / "missing.json") == 2
