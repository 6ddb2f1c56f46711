"""The error table: numbers computed by hand, orders, feasibility, and three ways of printing one report."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from tests.planner.made_rows import made

from hesuan.planner.backtest.errors import by, errors_of
from hesuan.planner.backtest.fewrows import after_five
from hesuan.planner.backtest.memory import Peak, memory_errors, read_gib
from hesuan.planner.backtest.picture import svg_of
from hesuan.planner.backtest.ranking import kendall_tau, rankings
from hesuan.planner.backtest.report import Unscored, report_of
from hesuan.planner.backtest.stack import Instrument
from hesuan.planner.backtest.text import text_of
from hesuan.planner.constants import DEFAULT
from hesuan.planner.cost import Memory


def test_errors_by_hand() -> None:
    """Forecasts 10 % and 30 % too slow, 20 % too fast: mean 20 %, worst +30 %."""
    rows = [made(i, predicted_s=10.0 * ratio, observed_s=10.0) for i, ratio in enumerate((1.1, 1.3, 0.8))]
    found = errors_of(rows)
    assert found.mape == pytest.approx(0.2)
    assert found.bias == pytest.approx(0.1)
    assert found.worst == pytest.approx(0.3)
    assert found.worst_id == "made-001"


def test_errors_are_split_by_key_largest_group_first() -> None:
    rows = [made(i, chip_family="ascend" if i % 3 else "tpu") for i in range(6)]
    assert [(name, e.runs) for name, e in by(lambda o: o.chip_family, rows).items()] == [
        ("ascend", 4),
        ("tpu", 2),
    ]


def test_no_runs_give_no_numbers_but_no_crash() -> None:
    report = report_of([], [Unscored("x-1", "no value")])
    assert math.isnan(report.plain.everything.mape)
    assert "x-1" in text_of(report)
    assert json.loads(report.json())["plain"]["everything"]["mape"] is None
    ElementTree.fromstring(svg_of([]))


def test_regret_is_what_the_chosen_plan_costs_over_the_fastest() -> None:
    """Forecast prefers plan a (9 s), measured 12 s; the fastest measured is b at 10 s: regret 20 %."""
    rows = [
        made(0, plan="a", predicted_s=9.0, observed_s=12.0),
        made(1, plan="b", predicted_s=9.5, observed_s=10.0),
        made(2, plan="c", predicted_s=20.0, observed_s=21.0),
    ]
    (one,) = rankings(rows)
    assert one.regret == pytest.approx(0.2)
    assert one.pairs == 3
    assert one.tau == pytest.approx((2 - 1) / 3)


def test_runs_of_one_plan_are_averaged_before_they_compete() -> None:
    rows = [made(i, plan="abc"[i % 3]) for i in range(9)]
    assert rankings(rows)[0].plans == 3


def test_pairs_within_the_noise_are_no_order() -> None:
    assert kendall_tau(np.array([1.0, 1.005]), np.array([2.0, 1.0])) == (1.0, 0)


def test_a_lost_plan_and_a_crash_are_both_counted() -> None:
    found = memory_errors(
        [
            Peak("fits", "o", 70.0, 80.0, 75.0, ran_out=False),
            Peak("lost", "o", 90.0, 80.0, None, ran_out=False),
            Peak("crash", "o", 70.0, 80.0, None, ran_out=True),
            Peak("right", "o", 90.0, 80.0, None, ran_out=True),
        ]
    )
    assert found.lost_plans == ("lost",)
    assert found.crashes == ("crash",)
    assert found.mape == pytest.approx(5 / 75)


def test_a_run_that_does_not_say_what_it_recomputed_is_scored_by_its_peak_alone() -> None:
    silent = Peak("silent", "o", 90.0, 80.0, 75.0, ran_out=False, read_gib=79.0, judged=False)
    found = memory_errors([silent])
    assert (found.lost_plans, found.feasible, found.peaks) == ((), 0, 1)
    assert found.mape == pytest.approx(4 / 75)
    assert found.by_origin[0].origin == "o"
    told = memory_errors([Peak("silent", "o", 90.0, 80.0, 75.0, ran_out=False)])
    assert told.lost_plans == ("silent",)


def test_a_framework_counts_what_it_allocated_and_a_monitor_what_is_kept_up_to_the_card() -> None:
    gib = 2.0**30
    memory = Memory(*(np.array([x * gib, 2 * x * gib]) for x in (10.0, 5.0, 15.0, 20.0, 2.0)))
    c = replace(DEFAULT, fragmentation=0.1, kept_bytes=3 * gib)
    np.testing.assert_allclose(read_gib(memory, Instrument.FRAMEWORK, 80.0, c), [50.0, 100.0])
    np.testing.assert_allclose(read_gib(memory, Instrument.MONITOR, 80.0, c), [52 + 2 + 3, 80.0])


def test_five_rows_bring_a_cluster_that_is_off_by_a_third_to_its_noise() -> None:
    rows = [made(i, residual=0.3 + 0.01 * (-1) ** i) for i in range(20)]
    assert errors_of(rows).mape > 0.2
    assert np.mean([r.error for r in after_five(rows)]) < 0.03


def test_a_twin_of_a_calibration_run_is_not_scored() -> None:
    rows = [made(i, plan="same") for i in range(10)]
    assert after_five(rows) == ()


def test_one_report_prints_as_text_json_and_picture() -> None:
    rows = [made(i, residual=0.05 * (-1) ** i, moe=i % 2 == 0) for i in range(12)]
    report = report_of(rows)
    text = text_of(report)
    assert "no calibration: MoE" in text
    assert "By chip family" in text
    assert json.loads(report.json())["plain"]["dense"]["runs"] == 6
    drawn = ElementTree.fromstring(svg_of(rows))
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}title")) == 12
