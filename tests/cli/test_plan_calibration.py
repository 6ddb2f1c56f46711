"""``hesuan plan``: what a fit saved, given to forecasts, searches and comparisons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.cli.planning import fitting

ROWS = Path(__file__).resolve().parents[2] / "tests" / "planner" / "rows" / "runs.csv"
RUN = """\
[model]
name = "llama-3-8b"
[cluster]
name = "hgx-a100"
cards = 16
price_yuan_per_card_hour = "6.00"
[training]
seq = 2048
global_batch = 64
era = 2021.5
[plan]
tp = 4
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a run and a saved fit, where the command runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text(RUN)
    assert main(["plan", "fit", str(ROWS), "--save", "ours.toml", "--date", "2021-04-09"]) == 0
    assert "Saved to ours.toml: holds for a100-80gb-sxm on hgx-a100" in capsys.readouterr().out
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["plan", *words]) == code
    told = capsys.readouterr()
    return told.out if code == 0 else told.err


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_a_calibrated_forecast_says_so_and_names_the_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = answer(capsys, "forecast", "run.toml")
    found = answer(capsys, "forecast", "run.toml", "--calibration", "ours.toml")
    assert (plain["kind"], found["kind"]) == ("estimated", "calibrated")
    assert found["calibration"]["file"] == "ours.toml" and found["calibration"]["dated"] == "2021-04-09"
    assert found["step_s"] < plain["step_s"]
    told = said(capsys, "forecast", "run.toml", "--calibration", "ours.toml")
    assert "Calibrated by ours.toml: 3 measured runs, 2021-04-09" in told
    assert "ours.toml, docs/model/training.md" in told and "calibrated" in told
    assert "校准" in said(capsys, "forecast", "run.toml", "--calibration", "ours.toml", "--lang", "zh")


def test_a_run_may_name_its_calibration_and_the_commands_word_stands_before_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "run.toml").write_text('calibration = "ours.toml"\n' + RUN)
    assert answer(capsys, "forecast", "run.toml")["kind"] == "calibrated"
    (here / "mine.toml").write_text((here / "ours.toml").read_text())
    found = answer(capsys, "search", "run.toml", "--calibration", "mine.toml")
    assert found["calibration"]["file"] == "mine.toml"


def test_a_missing_calibration_is_told_with_the_files_other_faults(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "run.toml").write_text('calibration = "no.toml"\n' + RUN.replace("tp = 4", "tpp = 4"))
    told = said(capsys, "forecast", "run.toml", code=Exit.FAULTY)
    assert "run.toml:1: no.toml cannot be read" in told and "Did you mean `tp`" in told


def test_on_another_chip_it_is_refused_not_ignored(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "run.toml").write_text(RUN.replace("hgx-a100", "hgx-h100"))
    for verb in ("forecast", "search"):
        told = said(capsys, verb, "run.toml", "--calibration", "ours.toml", code=Exit.REFUSED)
        assert "a100-80gb-sxm" in told and "[plan.calibration_other_chip]" in told
    told = said(
        capsys, "compare", "run.toml", "--on", "hgx-h100", "--calibration", "ours.toml", code=Exit.FAULTY
    )
    assert "[plan.calibration_unused]" in told


def test_a_comparison_says_which_offer_was_moved_by_whose_runs(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "compare", "run.toml", "--on", "hgx-a100,hgx-h100", "--calibration", "ours.toml")
    assert "hgx-a100: Calibrated by ours.toml: 3 measured runs" in told
    assert "hgx-h100: no calibration holds for it" in told


def test_another_cluster_of_the_chip_is_warned_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "fit", str(ROWS), "--save", "lab.toml", "--cluster", "our-lab"]) == 0
    capsys.readouterr()
    found = answer(capsys, "forecast", "run.toml", "--calibration", "lab.toml")
    assert found["kind"] == "estimated" and found["calibration"]["caveats"][0]["what"] == "cluster"
    told = said(capsys, "forecast", "run.toml", "--calibration", "lab.toml")
    assert "Caution: fitted on our-lab, not on hgx-a100" in told


def test_a_fit_that_cannot_be_saved_is_one_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "fit", str(ROWS), "--save", "no/ours.toml", code=Exit.FAULTY)
    assert "[plan.unwritable]" in told


@pytest.mark.parametrize(("count", "head"), [(4, "c0, c1, c2, c3"), (6, "c0, c1, c2, c3 and 2 more")])
def test_many_clusters_are_counted(count: int, head: str) -> None:
    assert fitting.some([f"c{i}" for i in range(count)]) == head
