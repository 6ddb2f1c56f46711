"""A small robust least-squares fit of physically bounded constants that starts from an opinion.

Minimises ``sum_i w_i huber(r_i(p)) + sum_j ((ln p_j - ln p0_j) / tau_j)^2`` over ``ln p`` within bounds, by
damped Gauss-Newton steps with a one-sided numerical Jacobian (Levenberg-Marquardt). The second sum is the
opinion: a constant the rows say nothing of stays at its physical estimate, so that many constants do not
mean many liberties.

Source: J. Nocedal, S. Wright, Numerical Optimization, 2nd ed. 2006, section 10.3; P. J. Huber 1981, section
7.8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEP = 0.02
"""Relative step of the numerical Jacobian: far above rounding, far below any kink of interest."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One constant to be fitted: start (the opinion), bounds, and how far rows may pull it [log]."""

    name: str
    start: float
    low: float
    high: float
    width: float = 0.3


def fit_knobs(
    residuals: Callable[[dict[str, float]], Array],
    knobs: Sequence[Knob],
    weights: Array,
    *,
    scale: float = 0.06,
    rounds: int = 12,
    begin: dict[str, float] | None = None,
) -> dict[str, float]:
    """Best values by name.

    Args:
        residuals: Log residuals of all runs under given constants.
        knobs: What may move; every start above zero.
        weights: One weight per run.
        scale: Residual at which a run begins to count as an outlier, and the noise the opinion is weighed by.
        rounds: Accepted or refused steps at most.
        begin: Where to begin, where that is not the opinion.
    """
    start = np.log([k.start for k in knobs])
    low, high = np.log([k.low for k in knobs]), np.log([k.high for k in knobs])
    width = np.array([k.width for k in knobs])

    def named(p: Array) -> dict[str, float]:
        return {k.name: float(v) for k, v in zip(knobs, np.exp(p), strict=True)}

    def cost_of(p: Array, r: Array) -> float:
        small = np.minimum(np.abs(r), scale)
        huber = small * (2 * np.abs(r) - small)
        return float(weights @ huber / scale**2 + np.sum(((p - start) / width) ** 2))

    p = np.clip(start if begin is None else np.log([begin[k.name] for k in knobs]), low, high)
    r = residuals(named(p))
    cost, damping = cost_of(p, r), 1e-2
    jacobian: Array | None = None
    for _ in range(rounds):
        if jacobian is None:
            jacobian = jacobian_of(residuals, named, p, r, high)
        w = weights * np.minimum(1.0, scale / np.maximum(np.abs(r), 1e-12)) / scale**2
        normal = (jacobian.T * w) @ jacobian + np.diag(1 / width**2)
        gradient = jacobian.T @ (w * r) + (p - start) / width**2
        step = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        trial = np.clip(p + np.clip(step, -0.5, 0.5), low, high)
        trial_r = residuals(named(trial))
        trial_cost = cost_of(trial, trial_r)
        if trial_cost < cost:
            done = cost - trial_cost < 1e-4 * cost
            p, r, cost, damping, jacobian = trial, trial_r, trial_cost, damping / 4, None
            if done:
                break
        else:
            damping *= 8
            if damping > 1e4:
                break
    return named(p)


def jacobian_of(
    residuals: Callable[[dict[str, float]], Array],
    named: Callable[[Array], dict[str, float]],
    p: Array,
    r: Array,
    high: Array,
) -> Array:
    columns = []
    for j in range(p.size):
        step = STEP if p[j] + STEP <= high[j] else -STEP
        moved = p.copy()
        moved[j] += step
        columns.append((residuals(named(moved)) - r) / step)
    return np.stack(columns, axis=1)


def refit_linear(
    jacobian: Array, residual: Array, at: Array, knobs: Sequence[Knob], weights: Array, *, scale: float = 0.06
) -> Array:
    """The log constants that fit other weights best, the model taken as linear around ``at``.

    For cross-validation: weights zero for the runs left out. Twenty rounds of reweighted least squares;
    bounds kept.
    """
    start = np.log([k.start for k in knobs])
    low, high = np.log([k.low for k in knobs]), np.log([k.high for k in knobs])
    width = np.array([k.width for k in knobs])
    p = at.copy()
    for _ in range(20):
        r = residual + jacobian @ (p - at)
        w = weights * np.minimum(1.0, scale / np.maximum(np.abs(r), 1e-12)) / scale**2
        normal = (jacobian.T * w) @ jacobian + np.diag(1 / width**2)
        gradient = jacobian.T @ (w * r) + (p - start) / width**2
        p = np.clip(p - np.linalg.solve(normal, gradient), low, high)
    return np.asarray(p)
