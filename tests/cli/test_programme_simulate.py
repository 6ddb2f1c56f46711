"""``hesuan programme simulate``: tables in both languages, JSON without a float, a picture, all faults."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hesuan.cli.main import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CITY, CLAIMS = EXAMPLES / "programme-city.yaml", EXAMPLES / "programme-claims.csv"
ASSUME = EXAMPLES / "programme-assume.yaml"


def simulate(*words: object, language: str = "en", claims: Path = CLAIMS) -> int:
    start = ["--lang", language, "programme", "simulate", str(CITY), "--claims", str(claims)]
    return main([*start, *map(str, words)])


def test_a_year_as_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--steps", "0") == 0
    told = capsys.readouterr().out
    assert "example.city version 1: 180 claims, 2026-01-03 to 2026-12-30" in told
    assert "budgets[year].on_exhaust (programme-city.yaml:11)" in told and "2026-07-16" in told
    assert "Rate \\ caps" not in told
    assert simulate(language="zh") == 0
    told = capsys.readouterr().out
    assert "未获资助的原因" in told and "比例 \\ 上限" in told and "× 5/4" in told


def test_a_year_for_programs_has_no_float_and_is_the_same_twice(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(text: str) -> float:
        raise AssertionError(f"a float: {text}")

    texts = []
    for _ in range(2):
        assert simulate("--json", "--assume", ASSUME, "--rate", "1/10", "--cap", "1/2", "--steps", "1") == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    year = json.loads(texts[0], parse_float=refuse)
    assert year["subsidy_fen"] == year["budgets"][0]["limit_fen"] == 1_200_000_000
    assert year["budgets"][0]["gone_on"] == "2026-07-16"
    assert year["months"][-1]["running_fen"] == year["subsidy_fen"]
    assert sum(one["subsidy_fen"] for one in year["outcomes"]) == year["subsidy_fen"]
    assert len(year["outcomes"]) == year["claims"] == 180 and len(year["sensitivity"]) == 9
    own = next(one for one in year["sensitivity"] if (one["rate"], one["cap"]) == (0, 1))
    assert (own["subsidy_fen"], own["granted"]) == (year["subsidy_fen"], year["granted"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_year_as_a_picture(language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--plot", tmp_path / "year.svg", language=language) == 0
    root = ElementTree.fromstring((tmp_path / "year.svg").read_text())
    texts = [node.text or "" for node in root.iter() if node.tag.endswith("}text")]
    assert any("2026-07-16" in text and text.startswith("year 2026") for text in texts)
    assert "policy.budget_rule_open · budgets[year].on_exhaust" in texts and "× 5/4" in texts
    assert simulate("--plot", tmp_path / "year.gif") == 2
    assert "[plan.picture_format]" in capsys.readouterr().err


def test_a_year_in_which_nobody_gets_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.csv").write_text("claim,on,kind,amount\na,2026-01-01,storage,1.00\n")
    assert simulate("--plot", tmp_path / "y.svg", claims=tmp_path / "c.csv") == 0
    assert "0 get ¥0.00" in capsys.readouterr().out


def test_every_fault_is_told_before_anything_is_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.csv").write_text("claim,on,kind,amount\na,2026-13-01,compute,1.234\n")
    assert simulate(claims=tmp_path / "c.csv") == 2
    told = capsys.readouterr()
    assert told.out == "" and "c.csv:2:2" in told.err and "c.csv:2:4" in told.err
    assert simulate("--rate", "0.05", "--cap", "x") == 2
    assert capsys.readouterr().err.count("[money.not_a_ratio]") == 2
    assert simulate("--cap", "1/2", "--steps", "3") == 2
    assert "[programme.step_too_large]" in capsys.readouterr().err
