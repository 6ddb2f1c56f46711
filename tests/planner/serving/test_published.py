"""Published servings against the model: what is known to hold, with its true error.

All bars are the errors the model has, a little widened; a change that makes one worse fails here.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from tests.planner.serving.machines import ROWS

from hesuan.planner.serving import ServingReport, backtest
from hesuan.planner.serving.constants import DEFAULT
from hesuan.planner.serving.names import NAMES
from hesuan.planner.serving.rows import ServingRow, read_row
from hesuan.planner.serving.scoring import score

MEASUREMENTS = Path(os.environ.get("HESUAN_MEASUREMENTS", "../shared/measurements"))


def errors() -> dict[tuple[str, str], float]:
    with ROWS.open(encoding="utf-8") as file:
        read = [read_row(row, NAMES) for row in csv.DictReader(file)]
    rows = [row for row in read if isinstance(row, ServingRow)]
    assert len(rows) == len(read)
    return {(s.row.id, s.metric): s.predicted / s.observed - 1 for s in score(rows, DEFAULT)}


@pytest.mark.parametrize(
    ("row", "metric", "bar"),
    [
        ("cm384-prefill", "tokens_per_s_per_chip", 0.04),
        ("cm384-decode", "tokens_per_s_per_chip", 0.15),
        ("cm384-decode", "tpot_s", 0.15),
        ("deepseek-prefill", "tokens_per_s_per_chip", 0.15),
        ("deepseek-decode", "tokens_per_s_per_chip", 0.10),
        ("sglang-decode", "tokens_per_s_per_chip", 0.12),
        ("dispatch-h800", "latency_s", 0.36),
        ("combine-h800", "latency_s", 0.25),
    ],
)
def test_wide_expert_parallelism(row: str, metric: str, bar: float) -> None:
    """CloudMatrix384: 6,688 tokens/s per NPU in prefill, 1,943 in decode at 49.4 ms."""
    assert abs(errors()[row, metric]) < bar


@pytest.fixture(scope="module")
def report() -> ServingReport:
    path = MEASUREMENTS / "inference.csv"
    if not path.exists():
        pytest.skip(f"no published rows at {MEASUREMENTS}")
    with path.open(encoding="utf-8") as file:
        return backtest(csv.DictReader(file))


@pytest.mark.measurements
def test_every_published_row_is_forecast(report: ServingReport) -> None:
    assert (report.rows, report.unscored) == (244, ())


@pytest.mark.measurements
@pytest.mark.parametrize(
    ("metric", "median", "mape"),
    [("TPOT", 0.15, 0.23), ("tokens/s per card", 0.05, 0.10), ("TTFT", 0.40, 0.50)],
)
def test_errors_over_all_rows(report: ServingReport, metric: str, median: float, mape: float) -> None:
    assert report.plain[metric].median < median
    assert report.plain[metric].mape < mape


@pytest.mark.measurements
@pytest.mark.parametrize("metric", ["TPOT", "TTFT"])
def test_the_interval_holds_four_of_five(report: ServingReport, metric: str) -> None:
    assert 0.74 < report.plain[metric].coverage < 0.90


@pytest.mark.measurements
def test_the_report_prints_both_ways(report: ServingReport) -> None:
    assert '"unscored": []' in report.json()
    assert "By engine" in report.text()
