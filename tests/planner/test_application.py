"""The time of a packaged application: by hand, at its limits, monotone, right about eight times in ten."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.errors import Refused
from hesuan.figures import Kind
from hesuan.planner.application import T_90, T_90_BEYOND, AppPoint, Assumption, fit, forecast, t_90

BY_HAND = [AppPoint(1000, 1500), AppPoint(2000, 2500), AppPoint(4000, 4500)]


def line(startup_ms: int, ms_per_unit: int, sizes: list[int]) -> list[AppPoint]:
    return [AppPoint(units, startup_ms + ms_per_unit * units) for units in sizes]


def test_by_hand() -> None:
    """
    points (1000, 1500) (2000, 2500) (4000, 4500) lie on 500 + 1 u
    weights 1/1500², 1/2500², 1/4500²; x = (1, 2000)
    x'(X'WX)^-1 x = (S2 - 2*2000 S1 + 2000² S0) / (S0 S2 - S1²),  Sk = sum of w u^k
    half = 1.638 * 0.10 * sqrt(2500² + that) = 474 ms
    """
    model = fit(BY_HAND)
    assert model.startup_ms == pytest.approx(500) and model.ms_per_unit == pytest.approx(1)
    w = np.array([1 / 1500**2, 1 / 2500**2, 1 / 4500**2])
    u = np.array([1000.0, 2000.0, 4000.0])
    s0, s1, s2 = w.sum(), (w * u).sum(), (w * u * u).sum()
    leverage = (s2 - 2 * 2000 * s1 + 2000**2 * s0) / (s0 * s2 - s1**2)
    half = 1.638 * 0.10 * math.sqrt(2500**2 + leverage)
    answer = forecast(model, 2000)
    assert (answer.low_ms, answer.mid_ms, answer.high_ms) == (
        math.floor(2500 - half),
        2500,
        math.ceil(2500 + half),
    )
    assert (answer.low_ms, answer.high_ms) == (2025, 2975)
    assert answer.units_per_s_milli == 800_000, "2000 units in 2.5 s"
    assert answer.kind is Kind.MEASURED and answer.points_used == 3


def test_the_t_table_is_students() -> None:
    """Each entry leaves 40 % between 0 and itself: Simpson's rule over the density."""
    for degrees, quantile in [*enumerate(T_90, 1), (31, 1.309), (10_000, 1.282)]:
        x = np.linspace(0, quantile, 2001)
        constant = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2))
        y = constant / math.sqrt(degrees * math.pi) * (1 + x * x / degrees) ** (-(degrees + 1) / 2)
        area = (x[1] - x[0]) / 3 * (y[0] + 4 * y[1:-1:2].sum() + 2 * y[2:-1:2].sum() + y[-1])
        assert area == pytest.approx(0.40, abs=2e-4), degrees
    assert t_90(1) == t_90(3) == T_90[2]
    assert t_90(31) == T_90_BEYOND >= 1.309


@pytest.mark.parametrize(
    ("points", "startup", "per_unit"),
    [
        (line(0, 2, [10, 20, 40, 80]), 0, 2),
        (line(700, 0, [10, 20, 40, 80]), 700, 0),
        ([AppPoint(10, 100), AppPoint(20, 300), AppPoint(40, 800)], 0, None),
        ([AppPoint(10, 900), AppPoint(20, 800), AppPoint(40, 600)], None, 0),
    ],
    ids=["no start-up", "no slope", "start-up held at zero", "slope held at zero"],
)
def test_neither_parameter_is_negative(
    points: list[AppPoint], startup: float | None, per_unit: float | None
) -> None:
    model = fit(points)
    assert model.startup_ms >= 0 and model.ms_per_unit >= 0
    assert startup is None or model.startup_ms == pytest.approx(startup, abs=1e-6)
    assert per_unit is None or model.ms_per_unit == pytest.approx(per_unit, abs=1e-9)


def test_a_held_parameter_gives_its_degree_of_freedom_back() -> None:
    assert fit(line(0, 2, [10, 20, 40, 80])).degrees >= 2
    assert fit([AppPoint(10, 900), AppPoint(20, 800), AppPoint(40, 600)]).degrees == 2


@pytest.mark.parametrize("points", [[], BY_HAND[:1], [AppPoint(10, 5), AppPoint(10, 7)]])
def test_one_size_is_not_enough(points: list[AppPoint]) -> None:
    with pytest.raises(Refused) as caught:
        fit(points)
    assert caught.value.code.name == "planner.one_size"


@pytest.mark.parametrize("bad", [AppPoint(0, 5), AppPoint(5, 0)])
def test_a_point_of_nothing_is_refused(bad: AppPoint) -> None:
    with pytest.raises(Refused) as caught:
        fit([*BY_HAND, bad])
    assert caught.value.code.name == "planner.not_a_point"


def test_two_points_are_calibrated_with_an_assumed_spread() -> None:
    answer = forecast(fit(BY_HAND[:2]), 1500)
    assert answer.kind is Kind.CALIBRATED
    assert Assumption.SPREAD_UNKNOWN in answer.assumed
    assert answer.high_ms >= answer.mid_ms * 1.16, "two points always lie on a line"


def test_beyond_the_measured_sizes_it_is_calibrated_wider_and_says_so() -> None:
    model = fit(line(500, 1, [1000, 2000, 3000, 4000, 5000, 6000]))
    inside, double, fourfold = (forecast(model, units) for units in (6000, 12_000, 24_000))
    assert inside.kind is Kind.MEASURED and Assumption.BEYOND_MEASURED not in inside.assumed
    for answer in (double, fourfold):
        assert answer.kind is Kind.CALIBRATED and Assumption.BEYOND_MEASURED in answer.assumed
    width = [(a.high_ms - a.low_ms) / a.mid_ms for a in (inside, double, fourfold)]
    assert width[0] + 0.19 < width[1] and width[1] + 0.19 < width[2]
    small = forecast(model, 100)
    assert small.kind is Kind.CALIBRATED and small.low_ms >= 0


@given(
    startup=st.integers(0, 5000),
    per_unit=st.integers(1, 50),
    units=st.lists(st.integers(1, 10**8), min_size=2, max_size=2, unique=True),
)
def test_more_work_never_takes_less_time_and_bounds_hold_the_middle(
    startup: int, per_unit: int, units: list[int]
) -> None:
    model = fit(line(startup, per_unit, [100, 500, 1000, 5000]))
    less, more = (forecast(model, size) for size in sorted(units))
    assert less.mid_ms <= more.mid_ms
    assert less.high_ms <= more.high_ms or min(units) < 100, "below the measured sizes it may be wider"
    assert less.high_ms <= max(more.high_ms, forecast(model, 100).high_ms)
    for answer in (less, more):
        assert 0 <= answer.low_ms <= answer.mid_ms <= answer.high_ms
        assert all(
            isinstance(value, int) for value in (answer.low_ms, answer.mid_ms, answer.units_per_s_milli)
        )


@given(
    st.lists(
        st.builds(AppPoint, units=st.integers(1, 10**8), wall_ms=st.integers(1, 10**9)),
        min_size=2,
        max_size=60,
        unique_by=lambda point: point.units,
    )
)
def test_any_points_at_all_give_a_finite_answer(points: list[AppPoint]) -> None:
    model = fit(points)
    assert model.startup_ms >= 0 and model.ms_per_unit >= 0 and math.isfinite(model.spread)
    answer = forecast(model, points[0].units)
    assert 0 <= answer.low_ms <= answer.mid_ms <= answer.high_ms


def test_the_order_of_points_does_not_matter() -> None:
    points = noisy(np.random.default_rng(5), 12, 0.05)
    one, other = fit(points), fit(points[::-1])
    assert one.startup_ms == pytest.approx(other.startup_ms) and one.spread == pytest.approx(other.spread)


def test_one_disturbed_run_does_not_bend_the_line() -> None:
    points = noisy(np.random.default_rng(3), 12, 0.02)
    disturbed = [*points[:5], AppPoint(points[5].units, points[5].wall_ms * 5), *points[6:]]
    clean, robust = forecast(fit(points), 5000), forecast(fit(disturbed), 5000)
    assert robust.mid_ms == pytest.approx(clean.mid_ms, rel=0.05)
    assert Assumption.OUTLIERS_WEIGHED_DOWN in robust.assumed
    units = np.array([p.units for p in disturbed], float)
    plain = np.polyfit(units, np.array([p.wall_ms for p in disturbed], float), 1)
    assert abs(np.polyval(plain, 5000) / clean.mid_ms - 1) > 0.1, "the control: plain least squares is bent"


def noisy(random: np.random.Generator, count: int, spread: float) -> list[AppPoint]:
    sizes = np.resize(np.array([1000, 2000, 4000, 8000]), count)
    times = (800 + 1.5 * sizes) * (1 + spread * random.standard_normal(count))
    return [AppPoint(int(u), max(1, round(y))) for u, y in zip(sizes, times, strict=True)]


@pytest.mark.parametrize(
    ("count", "spread", "least", "most"),
    [(5, 0.05, 0.72, 0.88), (8, 0.05, 0.74, 0.86), (24, 0.10, 0.75, 0.85), (60, 0.20, 0.75, 0.86)],
)
def test_about_eight_next_runs_in_ten_fall_inside(
    count: int, spread: float, least: float, most: float
) -> None:
    random = np.random.default_rng(20_260_101)
    inside, trials = 0, 800
    for _ in range(trials):
        model = fit(noisy(random, count, spread))
        units = int(random.integers(1000, 8001))
        answer = forecast(model, units)
        truth = (800 + 1.5 * units) * (1 + spread * random.standard_normal())
        inside += answer.low_ms <= truth <= answer.high_ms
    assert least <= inside / trials <= most
    if spread == 0.05 and count == 8:  # the control: an interval half as wide would be caught by these bounds
        assert inside / trials * 0.7 < least


def test_the_formula_page_tells_the_same_example() -> None:
    page = (Path(__file__).parents[2] / "docs" / "model" / "application.md").read_text()
    answer = forecast(fit(BY_HAND), 2000)
    assert f"**{answer.low_ms} to {answer.high_ms} ms**" in page
    for assumption in Assumption:
        assert f"`{assumption}`" in page
