"""``hesuan agent`` on the command line: words, exit codes, both languages."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from hesuan.cli.main import main

APPS = Path(__file__).resolve().parents[2] / "apps"


def test_detect_as_json_is_what_the_hub_would_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agent", "detect", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["cores"] >= 1 and body["engine"] == "local" and body["isolation"]


def test_detect_as_a_table_speaks_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "zh", "agent", "detect"]) == 0
    assert "核数" in capsys.readouterr().out


def test_a_benchmark_prints_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "omics-match"
    shutil.copytree(APPS / "omics-match", app, ignore=shutil.ignore_patterns("__pycache__"))
    text = (app / "app.toml").read_text()
    (app / "app.toml").write_text(re.sub(r"sizes = .*\nrepeat = .*", "sizes = [100, 200, 300]", text))
    words = ["agent", "benchmark", "omics-match", "--apps", str(tmp_path), "--cores", "1"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "omics-match 1.0.0" in printed and " 300 " in printed


FAULTY = [
    (["agent", "benchmark", "omics-mtch", "--apps", str(APPS)], 3, "agent.app_unknown"),
    (["agent", "benchmark", "omics-match", "--apps", "/no/such/folder"], 2, "app.no_manifest"),
    (["agent", "run", "--data", "/no/such/folder", "--apps", str(APPS)], 3, "agent.not_enrolled"),
    (["agent", "enrol", "--hub", "http://127.0.0.1:9"], 2, "Missing option"),
    (["agent", "sing"], 2, "No such command"),
]


@pytest.mark.parametrize(("words", "code", "said"), FAULTY)
def test_a_faulty_command_ends_with_its_code_and_one_sentence(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    printed = capsys.readouterr()
    assert said in printed.err and "Traceback" not in printed.err


def test_a_hub_that_is_not_there_leaves_no_half_enrolment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["agent", "enrol", "--hub", "http://127.0.0.1:9", "--code", "X", "--data", str(tmp_path / "site")]
    assert main(words) == 5
    assert "Nothing is lost" in capsys.readouterr().err
    assert not (tmp_path / "site" / "agent.json").exists()
