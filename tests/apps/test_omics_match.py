"""The packaged application: right answers on planted truth, bounded, repeatable, and wrong answers found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

APP = Path(__file__).resolve().parents[2] / "apps" / "omics-match"
sys.path.insert(0, str(APP))

from omics_match import command  # noqa: E402
from omics_match.data import BLOCK, World  # noqa: E402
from omics_match.matching import Matched, Matcher, Tally, rank, reached  # noqa: E402

REQUIRED_PPM = 900_000


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(World(7), top_k=10)


def tallied(matcher: Matcher, samples: int, *, shuffle: bool = False) -> dict[str, int | str]:
    tally = Tally()
    rng = np.random.default_rng(1)
    for block in matcher.blocks(samples, cores=2):
        truth = rng.permutation(block.truth) if shuffle else block.truth
        tally.add(Matched(block.ranked, block.scores, truth))
    return tally.result()


def test_the_planted_truth_is_found(matcher: Matcher) -> None:
    result = tallied(matcher, 1000)
    assert result["samples"] == 1000
    assert REQUIRED_PPM < int(result["recall_at_1_ppm"]) <= int(result["recall_at_10_ppm"]) <= 1_000_000
    assert reached(result, REQUIRED_PPM)


@pytest.mark.parametrize("samples", [10, 100, 1000])
def test_a_shuffled_truth_fails_the_check(matcher: Matcher, samples: int) -> None:
    """The negative control: the check looks at answers, not at having run."""
    result = tallied(matcher, samples, shuffle=True)
    assert not reached(result, REQUIRED_PPM)


def test_an_alignment_learnt_from_unpaired_views_finds_nothing() -> None:
    """The second negative control: it is the pairs that teach, not the form of the data."""
    world = World(7)
    images, expression = world.training()
    shuffled = np.random.default_rng(1).permutation(expression)
    world.__dict__["training"] = lambda: (images, shuffled)
    assert not reached(tallied(Matcher(world, top_k=10), 200), REQUIRED_PPM)


def test_the_noise_a_user_may_choose_still_meets_the_check() -> None:
    assert reached(tallied(Matcher(World(3, noise=1.1), top_k=10), 1000), REQUIRED_PPM)


def test_the_answer_does_not_depend_on_the_number_of_cores(matcher: Matcher) -> None:
    def digests(cores: int) -> list[bytes]:
        return [block.ranked.tobytes() for block in matcher.blocks(5 * BLOCK + 3, cores)]

    assert digests(1) == digests(2) == digests(3)


def test_a_sample_does_not_depend_on_how_many_were_asked_for() -> None:
    world = World(5)
    few, few_truth = world.samples(2, 3)
    many, many_truth = world.samples(2, BLOCK)
    assert np.array_equal(few, many[:3]) and np.array_equal(few_truth, many_truth[:3])


def test_another_seed_is_another_world() -> None:
    assert not np.array_equal(World(1).samples(0, 4)[0], World(2).samples(0, 4)[0])


def test_ranks_are_best_first_and_ties_go_by_column() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.9, 0.2]], dtype=np.float32)
    ranked, values = rank(scores, 3)
    assert ranked.tolist() == [[1, 3, 2]]
    assert values[0, 0] == values[0, 1] == np.float32(0.9)


def run_app(output: Path, *words: str) -> subprocess.CompletedProcess[str]:
    output.mkdir()
    call = [sys.executable, "-B", str(APP / "run.py"), "--output", str(output), *words]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_writes_matches_and_a_result_that_agree(tmp_path: Path) -> None:
    done = run_app(tmp_path / "a", "--samples", "300", "--require-recall-ppm", str(REQUIRED_PPM))
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "a" / "matches.csv").read_text().splitlines()
    result = json.loads((tmp_path / "a" / "result.json").read_text())
    assert lines[0] == "sample," + ",".join(f"match_{k}" for k in range(1, 11)) + ",score_1"
    assert len(lines) == 301 and [line.split(",")[0] for line in lines[1:]] == [str(i) for i in range(300)]
    assert set(result) == {"samples", "recall_at_1_ppm", "recall_at_10_ppm", "digest"}
    again = run_app(tmp_path / "b", "--samples", "300", "--cores", "2")
    assert again.returncode == 0
    assert json.loads((tmp_path / "b" / "result.json").read_text()) == result


def test_the_command_ends_with_3_when_the_answer_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--samples", "100", "--output", str(tmp_path), "--require-recall-ppm", str(REQUIRED_PPM)]
    assert command.main(words) == 0
    monkeypatch.setattr(Matcher, "block", wrong_block)
    assert command.main(words) == command.WRONG_ANSWER


def wrong_block(matcher: Matcher, index: int, count: int) -> Matched:
    _, truth = matcher.world.samples(index, count)
    ranked = np.tile(np.arange(matcher.top_k, dtype=np.int32), (count, 1))
    return Matched(ranked, np.zeros((count, matcher.top_k), dtype=np.float32), truth)


def test_time_grows_in_proportion_to_the_samples(matcher: Matcher) -> None:
    """Four times the samples take between two and eight times as long: a ratio within one run, not a rate."""

    def seconds(samples: int) -> float:
        best = 1e9
        for _ in range(3):
            began = time.process_time()
            tallied(matcher, samples)
            best = min(best, time.process_time() - began)
        return best

    assert 2 < seconds(2048) / seconds(512) < 8
