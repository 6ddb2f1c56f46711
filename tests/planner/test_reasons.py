"""Reasons: bars that add up, and the parts in which a loser lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.planner.explore.machines import DENSE, MOE, cluster

from hesuan.planner.explore import Limits, search
from hesuan.planner.forecast import predict
from hesuan.planner.inputs import Plan, Recompute, Training, Workload
from hesuan.planner.reasons import waterfall, why_not

TRAINING = Training(4096, 256)
PLAN = Plan(tp=2, pp=4, dp=8, micro_batch=1, zero=1)


def test_the_waterfall_goes_from_peak_to_wall_time() -> None:
    forecast = predict(DENSE, cluster(64), TRAINING, PLAN)
    bars = waterfall(forecast)
    assert bars[0].part == "peak" and bars[0].mfu == 1.0
    assert bars[-1].part == "failures"
    assert sum(bar.seconds for bar in bars) == pytest.approx(
        forecast.step_s / forecast.operation.goodput.share
    )
    assert sum(bar.share for bar in bars) == pytest.approx(1.0)
    assert bars[-2].mfu == pytest.approx(forecast.mfu)
    assert bars[-1].mfu == pytest.approx(forecast.mfu * forecast.operation.goodput.share)
    assert [bar.mfu for bar in bars] == sorted((bar.mfu for bar in bars), reverse=True)
    assert all(bar.en and bar.zh for bar in bars)


def test_a_part_that_costs_nothing_has_no_bar() -> None:
    parts = {bar.part for bar in waterfall(predict(DENSE, cluster(8), TRAINING, Plan(tp=8, zero=0)))}
    assert not parts & {"bubble_s", "cp_s", "ep_s", "dp_s", "recompute_s"}


def test_full_recomputation_loses_by_recomputation() -> None:
    winner = predict(DENSE, cluster(64), TRAINING, PLAN)
    loser = predict(DENSE, cluster(64), TRAINING, replace(PLAN, recompute=Recompute.FULL))
    total, worst, *rest = why_not(winner, loser)
    assert total.what == "total" and total.seconds > 0
    assert worst.what == "recompute_s" and worst.seconds > 0 and "recomputation" in worst.en
    assert [one.what for one in rest][-1] == "recompute"


def test_a_plan_that_does_not_fit_lost_by_memory() -> None:
    winner = predict(DENSE, cluster(64), TRAINING, PLAN)
    loser = predict(DENSE, cluster(64), TRAINING, Plan(dp=64, micro_batch=4, zero=0), strict=False)
    first, *sizes = why_not(winner, loser)
    assert first.what == "memory" and "GiB" in first.en and "GiB" in first.zh
    assert {"tp", "pp", "dp", "micro_batch", "zero"} <= {one.what for one in sizes}


def test_the_winner_of_a_search_is_never_slower_than_those_behind_it() -> None:
    workload = Workload(MOE, cluster(64), TRAINING)
    top = search(workload, Limits(card_counts=(64,)), explain=False).top
    forecasts = [predict(MOE, workload.cluster, TRAINING, one.plan) for one in top]
    assert [one.step_s for one in forecasts] == [one.step_s for one in top]
    assert all(why_not(forecasts[0], one)[0].seconds >= 0 for one in forecasts[1:])
