"""The fits: what was planted is found, one bad run does not bend it, and intervals hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.planner.made_rows import made

from hesuan.planner.calibrate.conformal import coverage, intervals_from, leave_out_coverage, weighted_quantile
from hesuan.planner.calibrate.fewshot import DEFAULT_PRIOR, fit, spread_out, t_90
from hesuan.planner.calibrate.scalar import PRIOR_FAMILIES, cross_validated, scalar_of


def test_a_cluster_a_fifth_slower_is_found_from_five_runs() -> None:
    rows = [made(i, residual=math.log(1.2)) for i in range(5)]
    calibration = fit(rows)
    for one in [made(i, residual=math.log(1.2)) for i in range(5, 15)]:
        low, middle, high = calibration.apply(one)
        assert low < one.observed_s < high
        assert middle == pytest.approx(one.observed_s, rel=0.03)


def test_slow_links_are_told_from_slow_kernels_given_enough_runs() -> None:
    rows = [made(i, residual=0.0) for i in range(40)]
    slow = [made(i, residual=0.5 * o.shares[1]) for i, o in enumerate(rows)]
    factors = {name: factor for name, factor, _, _ in fit(slow).factors()}
    assert factors["tensor"] > factors["compute"] + 0.1


def test_without_runs_the_prior_speaks_and_moves_nothing() -> None:
    calibration = fit([])
    low, middle, high = calibration.apply(made(1))
    assert middle == pytest.approx(made(1).predicted_s)
    assert high / middle > math.exp(DEFAULT_PRIOR.common)
    assert low < middle


def test_one_disturbed_run_among_eight_moves_the_forecast_by_less_than_a_third_of_its_error() -> None:
    rows = [made(i, residual=0.7 if i == 3 else 0.0) for i in range(8)]
    _, middle, _ = fit(rows).apply(made(9))
    assert middle / made(9).predicted_s < math.exp(0.7 / 3)


def test_intervals_of_a_five_row_fit_cover_four_in_five_on_noise_like_the_prior() -> None:
    generator = np.random.default_rng(3)
    inside = []
    for _ in range(60):
        common = generator.normal(0, DEFAULT_PRIOR.common)
        rows = [made(i, residual=common + generator.normal(0, DEFAULT_PRIOR.noise)) for i in range(12)]
        calibration = fit(rows[:5])
        inside += [low <= o.observed_s <= high for o in rows[5:] for low, _, high in [calibration.apply(o)]]
    assert 0.75 < np.mean(inside) < 0.95


def test_the_runs_to_measure_differ_and_are_the_same_every_time() -> None:
    rows = [made(i) for i in range(12)]
    chosen = spread_out(rows, 5)
    assert len(set(chosen)) == 5
    assert chosen == spread_out(rows, 5)
    assert len({rows[i].plan for i in chosen}) == 5


@pytest.mark.parametrize(("degrees", "exact"), [(5, 1.476), (10, 1.372), (30, 1.310)])
def test_students_quantile_agrees_with_the_handbook(degrees: int, exact: float) -> None:
    assert t_90(degrees) == pytest.approx(exact, rel=0.01)


def test_a_scalar_never_sees_the_family_it_is_judged_on() -> None:
    """Family A is off by 10x, family B by nothing: A is forecast by B's scalar and stays wrong."""
    rows = [made(i, residual=math.log(10), family="A") for i in range(4)]
    rows += [made(i, residual=0.0, family="B") for i in range(4, 8)]
    shifts = cross_validated(rows)
    assert shifts[:4] == pytest.approx([0.0] * 4)
    assert shifts[4:] == pytest.approx([math.log(10) * 1 / (1 + PRIOR_FAMILIES)] * 4)


def test_a_scalar_by_measurer_is_zero_where_nobody_else_measured() -> None:
    rows = [made(i, residual=0.3) for i in range(4)]
    assert cross_validated(rows, by="origin") == (0.0,) * 4
    assert scalar_of([]) == 0.0


def test_the_interval_covers_four_in_five_of_runs_it_was_not_learnt_from() -> None:
    generator = np.random.default_rng(5)
    rows = [
        made(i, residual=float(generator.normal(0, 0.1)), origin=f"origin-{i % 12}", moe=i % 3 == 0)
        for i in range(360)
    ]
    assert 0.75 < np.mean(leave_out_coverage(rows)) < 0.85
    assert coverage(rows, intervals_from(rows)) >= 0.78


def test_an_unknown_chip_is_never_narrower_than_a_known_one() -> None:
    rows = [made(i, residual=0.1 + 0.01 * i, origin=f"o{i % 3}") for i in range(20)]
    learnt = intervals_from(rows)
    known = learnt.half_width(moe=False, chip_known=True)
    assert learnt.half_width(moe=False, chip_known=False) > known


def test_the_weighted_quantile_of_ten_equal_weights_is_the_ninth() -> None:
    """ceil(0.8 * (10 + 1)) = 9."""
    assert weighted_quantile(list(range(1, 11)), [1.0] * 10) == 9
