"""A benchmark reports a figure only when every run of it ended well and answered rightly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hesuan.agent import manifests
from hesuan.agent.benchmarking import Benchmark, core_counts
from hesuan.agent.manifests import Manifest
from hesuan.agent.schedulers.contract import Usage
from hesuan.agent.schedulers.fake import FakeCentre, FakeScheduler
from hesuan.errors import Refused

APP = Path(__file__).resolve().parents[2] / "apps" / "omics-match"


class Answering(FakeScheduler):
    """A fake engine whose jobs answer with a recall of their own choosing."""

    recall_ppm: object = 950_000

    def usage(self, run: str) -> Usage | None:
        usage = FakeScheduler.usage(self, run)
        return usage and replace(usage, result={"recall_at_1_ppm": self.recall_ppm})  # type: ignore[dict-item]


@pytest.fixture
def manifest() -> Manifest:
    return replace(manifests.load(APP), benchmark_command=("exit:0", "2"), benchmark_repeat=2)


@pytest.fixture
def engine(tmp_path: Path) -> Answering:
    return Answering(FakeCentre(), tmp_path / "runs")


def finish(benchmark: Benchmark, engine: FakeScheduler) -> None:
    for _ in range(100):
        if benchmark.advance() is None:
            return
        engine.centre.advance(1)
    raise AssertionError("never done")


@pytest.mark.parametrize(("cores", "counts"), [(1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))])
def test_powers_of_two_and_all_of_the_cores_are_measured(cores: int, counts: tuple[int, ...]) -> None:
    assert core_counts(cores) == counts


def test_every_size_is_measured_and_the_warm_up_does_not_count(manifest: Manifest, engine: Answering) -> None:
    benchmark = Benchmark(manifest, engine, "command", (1, 2))
    finish(benchmark, engine)
    assert len(engine.centre.jobs) == 1 + 2 * 2 * 3
    for body, cores in zip(benchmark.bodies(), (1, 2), strict=True):
        assert body["cores"] == cores and body["app_digest"] == manifest.digest
        assert body["points"] == [{"units": u, "wall_ms": 2000} for u in manifest.benchmark_sizes * 2]
        assert body["checked"] == {"recall_ppm": 950_000, "at_least": 900_000}


def test_a_benchmark_goes_on_where_another_agent_left_it(manifest: Manifest, engine: Answering) -> None:
    for _ in range(5):
        Benchmark(manifest, engine, "command", (1,)).advance()
        engine.centre.advance(1)
    jobs = len(engine.centre.jobs)
    again = Benchmark(manifest, engine, "command", (1,))
    finish(again, engine)
    assert jobs > 1 and len(engine.centre.jobs) == 1 + 2 * 3


@pytest.mark.parametrize("recall", [899_999, None, "950000", True])
def test_a_wrong_answer_gives_no_figure(manifest: Manifest, engine: Answering, recall: object) -> None:
    engine.recall_ppm = recall
    with pytest.raises(Refused, match="answered wrongly"):
        finish(Benchmark(manifest, engine, "command", (1,)), engine)


@pytest.mark.parametrize("end", ["exit:3", "signal:9", "forever"])
def test_a_run_that_did_not_end_well_gives_no_figure(manifest: Manifest, engine: Answering, end: str) -> None:
    failing = replace(manifest, benchmark_command=(end, "2"), benchmark_time_limit_s=5)
    with pytest.raises(Refused, match="no figure is reported"):
        finish(Benchmark(failing, engine, "command", (1,)), engine)
