"""``hesuan programme``: what a rule-writer is told without any platform, and loading into one."""

from __future__ import annotations

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


def test_an_officer_loads_and_activates(
    officer: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "set_up", lambda: None)
    words = ["programme", "load", str(HENAN), "--as", officer.identity.username]
    assert main(words) == 0 and ProgrammeVersion.objects.get().state == "draft"
    assert main([*words, "--activate"]) == 0
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
