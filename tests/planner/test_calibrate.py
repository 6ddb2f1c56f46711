"""The fits: what was planted is found, one bad run does not bend it, and intervals hold what they promise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.planner.made_rows import made

from hesuan.planner.calibrate.conformal import coverage, intervals_from, leave_out_coverage, weighted_quantile
from hesuan.planner.calibrate.fewshot import DEFAULT_PRIOR, design, fit, spread_out, t_90
from hesuan.planner.calibrate.scalar import CLIP, DENSE, cross_validated


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


def test_intervals_of_a_five_row_fit_cover_four_in_five_of_clusters_drawn_from_the_prior() -> None:
    generator = np.random.default_rng(3)
    plain = [made(i) for i in range(12)]
    spread = DEFAULT_PRIOR.covariance(plain, plain) + DEFAULT_PRIOR.noise**2 * np.eye(12)
    inside = []
    for _ in range(60):
        drawn = np.linalg.cholesky(spread) @ generator.normal(size=12)
        rows = [made(i, residual=float(drawn[i])) for i in range(12)]
        calibration = fit(rows[:5])
        inside += [low <= o.observed_s <= high for o in rows[5:] for low, _, high in [calibration.apply(o)]]
    assert 0.75 < np.mean(inside) < 0.9


def test_five_runs_move_plans_near_them_and_their_own_model_most() -> None:
    """One run of one plan is off; what lies near it or is its model follows further than what does not."""
    away = (3.0, 4.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    rows = [made(i, residual=0.15, model="A", features=(0.0,) * 9) for i in range(3)]
    calibration = fit(rows)
    near, other, far = (
        calibration.log_factor(made(0, model=model, features=features))[0]
        for model, features in (("A", (0.0,) * 9), ("B", (0.0,) * 9), ("B", away))
    )
    assert near > 1.05 * other > 1.1 * far > 0


def test_the_factors_of_a_fit_are_those_of_the_normal_equations() -> None:
    """Without kernels and outliers the process is ridge regression, solved the other way."""
    prior = replace(DEFAULT_PRIOR, plan=0.0, model=0.0)
    rows = [made(i, residual=0.01 * (i % 3)) for i in range(9)]
    x, y = design(rows), np.array([o.residual for o in rows])
    ridge = np.linalg.solve(
        x.T @ x / prior.noise**2 + np.diag(prior.widths() ** -2), x.T @ y / prior.noise**2
    )
    assert [math.log(f) for _, f, _, _ in fit(rows, prior).factors()] == pytest.approx(
        ridge.tolist(), abs=1e-9
    )


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
    common = DENSE.code_base**2 + DENSE.machine**2
    weight = common / (common + DENSE.family**2 + DENSE.run**2 / 4)
    assert shifts[4:] == pytest.approx([CLIP * weight] * 4)


def test_families_of_experts_move_a_scalar_less_and_dense_ones_less_yet() -> None:
    """The same four families a third slower say much of a fifth that is dense, little of one with experts."""

    def shift(seen_moe: bool, asked_moe: bool) -> float:
        rows = [made(i, residual=0.3, moe=seen_moe) for i in range(4)]
        return cross_validated([*rows, made(9, moe=asked_moe)])[-1]

    assert 0.2 < shift(seen_moe=False, asked_moe=False) < 0.3
    assert shift(seen_moe=True, asked_moe=True) < 0.1
    assert 0 < shift(seen_moe=True, asked_moe=False) < 0.1


def test_a_machines_software_of_other_years_says_less() -> None:
    rows = [made(i, residual=0.3) for i in range(4)]
    now, later = (cross_validated([*rows, made(9, era=era)])[-1] for era in (2024.0, 2027.0))
    assert 0 < later < now


def test_a_scalar_by_measurer_is_zero_where_nobody_else_measured() -> None:
    rows = [made(i, residual=0.3) for i in range(4)]
    assert cross_validated(rows, by="origin") == (0.0,) * 4
    stranger = made(9, origin="another", chip="another")
    assert cross_validated([*rows, stranger], by="origin")[-1] == 0.0


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
