"""``hesuan plan forecast|search|compare`` of a serving: the same verbs, told by ``[serving]`` in the file."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from hesuan.cli.exits import Exit
from hesuan.cli.main import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
APART = EXAMPLES / "deepseek-r1-serving-cloudmatrix384.toml"
TOGETHER = EXAMPLES / "llama-3-70b-serving-hgx-h100.toml"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A model and a machine that are searched in an instant."""
    path = tmp_path / "run.toml"
    text = TOGETHER.read_text().replace("llama-3-70b", "llama-3-8b").replace("cards = 32", "cards = 4")
    path.write_text(text)
    return path


def said(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    assert main(["plan", *map(str, words)]) == code
    told = capsys.readouterr()
    return told.out if code in (0, Exit.REFUSED) and told.out else told.err


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_a_forecast_tells_latency_rates_memory_money_and_energy(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "forecast", APART)
    for word in (
        *("first token, TTFT", "each further token, TPOT", "80 % interval", "answers per decoding card"),
        *("prompts per prefilling card", "a million answer tokens", "¥", "kWh", "key-value cache"),
        *("The cache holds", "Only assumed", "docs/model/serving.md", "The latency bounds hold"),
    ):
        assert word in told, word


def test_a_forecast_speaks_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "forecast", TOGETHER, "--lang", "zh")
    for word in ("首词元时延 TTFT", "每词元时延 TPOT", "每百万回答词元", "KV 缓存", "仅为假定", "估计"):
        assert word in told, word


def test_the_parts_printed_sum_to_the_latencies(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "forecast", TOGETHER)
    found = answer(capsys, "forecast", TOGETHER)["forecast"]
    together = [line.split() for line in told.splitlines() if line.strip().startswith("together")]
    assert together[0][1:3] == [f"{found['tpot_s'] * 1e3:.1f}", "ms"]
    assert together[1][1:3] == [f"{found['ttft_s'] * 1e3:.0f}", "ms"]


def test_the_answer_for_programs_has_memory_money_and_energy(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "forecast", TOGETHER)
    assert sum(found["memory_bytes"].values()) < found["memory_limit_bytes"]
    assert found["kwh_per_million_tokens"] > 0 and found["forecast"]["fen_per_million_tokens"] > 0
    low, high = found["forecast"]["tpot_interval_s"].values()
    assert low < found["forecast"]["tpot_s"] < high


def test_a_missed_bound_is_said_with_both_numbers(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.write_text(small.read_text().replace("tpot_ms = 40", "tpot_ms = 1"))
    assert "A latency bound is missed: TPOT" in said(capsys, "forecast", small)


def test_a_layout_that_does_not_fit_is_refused_at_its_line(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = small.read_text().replace("llama-3-8b", "llama-3-405b").replace("tp = 4 ", "tp = 1 ")
    small.write_text(text)
    told = said(capsys, "forecast", small, code=Exit.REFUSED)
    line = text[: text.index("[plan]")].count("\n") + 1
    assert told.startswith(f"{small}:{line}: Weights of") and "[serving.memory_exceeded]" in told
    assert "At least" in told


def test_without_a_plan_the_search_is_named(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.write_text(small.read_text().partition("[plan]")[0])
    assert "hesuan plan search" in said(capsys, "forecast", small, code=Exit.FAULTY)


def test_a_search_tells_the_frontier_and_why_the_others_lost(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "search", small, "--top", 3)
    for word in ("layouts with their batches", "Frontier", "tokens/s per card", "Why the others lost", "TP"):
        assert word in told, word
    found = answer(capsys, "search", small)
    rates = [one["forecast"]["output_tokens_per_s_per_card"] for one in found["frontier"]]
    assert rates == sorted(rates, reverse=True)
    assert found["tried"] == len(rates) + sum(found["lost"].values()) or len(rates) == 64
    assert said(capsys, "search", small, "--by", "time", "--top", 1) != said(
        capsys, "search", small, "--top", 1
    )


def test_bounds_out_of_reach_are_refused_with_both_numbers(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(small.read_text().replace("tpot_ms = 40", "tpot_ms = 0.1"))
    told = said(capsys, "search", small, code=Exit.REFUSED)
    assert "No layout meets the bounds." in told and "TPOT: 100 µs asked;" in told
    assert "TPOT above 100 µs" in told


def test_offers_are_compared_each_at_its_own_best_layout(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "compare", small, "--on", "hgx-h100@14.00,hgx-a100:4")
    assert "hgx-a100" in told and "●" in told and "no price is known" in told
    found = answer(capsys, "compare", small, "--on", "hgx-h100@14.00,hgx-a100:4")
    assert [one["cluster"]["name"] for one in found] == ["hgx-h100", "hgx-a100"]


def test_a_calibration_of_trainings_is_not_taken_in_silence(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, "forecast", small, "--calibration", "ours.toml", code=Exit.FAULTY)
    assert "[plan.calibration_of_trainings]" in told


def test_a_training_beside_a_serving_is_refused(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.write_text(small.read_text() + "[training]\nseq = 1\n")
    assert "`training` is not a key here" in said(capsys, "forecast", small, code=Exit.FAULTY)


def test_a_sweep_of_a_folder_takes_its_trainings_and_a_folder_of_servings_has_none(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("sweep", small.parent, "--clusters", "hgx-h100")
    assert "plan.no_workloads" in said(capsys, *words, code=Exit.FAULTY)
    training = (EXAMPLES / "llama-3-70b-hgx-h100.toml").read_text()
    (small.parent / "training.toml").write_text(training)
    assert "training" in said(capsys, *words)


@pytest.mark.parametrize(
    "words", [["forecast"], ["search"], ["compare", "--on", "hgx-h100,hgx-a100"]], ids=lambda words: words[0]
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_verb_draws_a_picture_whose_text_is_inside(
    words: list[str], language: str, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.svg"
    verb, *more = words
    said(capsys, verb, small, *more, "--plot", path, "--lang", language)
    root = ET.parse(path).getroot()
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert texts
    for text in texts:
        assert 0 <= float(text.attrib["x"]) <= width and 0 < float(text.attrib["y"]) <= height, text.text
