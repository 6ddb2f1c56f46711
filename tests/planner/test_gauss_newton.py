"""The fit of constants: finds planted ones, keeps bounds and opinions, shrugs at outliers."""

from __future__ import annotations

import numpy as np
import pytest

from hesuan.planner.calibrate.gauss_newton import Knob, fit_knobs

X = np.linspace(1.0, 5.0, 40)


def planted(values: dict[str, float]) -> np.ndarray:
    """Log of ``2 x^1.5 + 0.3`` against the model's ``a x^b + 0.3``."""
    return np.log(2 * X**1.5 + 0.3) - np.log(values["a"] * X ** values["b"] + 0.3)


def test_planted_constants_are_found() -> None:
    found = fit_knobs(planted, [Knob("a", 1.0, 0.1, 9, 1.0), Knob("b", 1.0, 0.1, 3, 1.0)], np.ones(40))
    assert found == pytest.approx({"a": 2.0, "b": 1.5}, rel=0.02)


def test_a_bound_is_kept() -> None:
    found = fit_knobs(planted, [Knob("a", 1.0, 0.1, 1.2, 1.0), Knob("b", 1.0, 0.1, 3, 1.0)], np.ones(40))
    assert found["a"] <= 1.2 + 1e-9


def test_a_constant_without_effect_stays_where_it_was() -> None:
    knobs = [Knob("a", 1.0, 0.1, 9, 1.0), Knob("b", 1.0, 0.1, 3, 1.0), Knob("c", 0.7, 0.1, 1.0)]
    assert fit_knobs(planted, knobs, np.ones(40))["c"] == pytest.approx(0.7)


def test_two_wild_runs_hardly_move_the_rest() -> None:
    def disturbed(values: dict[str, float]) -> np.ndarray:
        wild = np.zeros(40)
        wild[[3, 30]] = 2.0
        return planted(values) + wild

    found = fit_knobs(disturbed, [Knob("a", 1.0, 0.1, 9, 1.0), Knob("b", 1.0, 0.1, 3, 1.0)], np.ones(40))
    assert found == pytest.approx({"a": 2.0, "b": 1.5}, rel=0.05)
