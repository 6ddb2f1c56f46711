"""Five measured runs move a new cluster: a hierarchical fit that knows what it does not know.

Model of the log residual of run ``i``::

    ln(observed_i / predicted_i) = b + sum_k share_ik theta_k + sum_j feature_ij phi_j + e_i

``b`` is the cluster's common factor. ``theta_k`` scales one part of the step: ``d ln(step) / d ln(part_k)``
is that part's share, so the term is the first-order effect of a link or kernel ``exp(theta_k)`` times
slower. ``phi_j`` is what the universal efficiency curves may have wrong along one axis of the plan. All have
normal priors around zero whose widths (``Prior``) come from clusters fitted earlier: few rows move ``b``,
more rows the parts. ``e`` has the prior noise, widened by what the residuals show.

With prior precision ``L = diag(1/tau^2)`` and noise variance ``s^2``: posterior covariance ``(X'WX/s^2 +
L)^-1``, Huber weights ``W`` so that one disturbed run does not bend the fit. The 80 % interval of a further
run is ``exp(x beta ± t(0.90, v) sqrt(x C x' + s^2))`` with ``v = rows + PRIOR_DEGREES`` degrees of freedom.

Sources: A. Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, section 14.8 (regression with a normal
prior); P. J. Huber, Robust Statistics, 1981, section 7.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.calibrate.observation import FEATURES, PARTS, Observation

HUBER_K = 2.0
"""Residuals within this many noise widths keep full weight."""
ROUNDS = 12
CHOSEN_BY = 6
"""The features that tell plans apart; format, era and size of the machine do not choose runs."""
PRIOR_DEGREES = 5.0
"""What the prior noise counts for [runs]."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior widths [log]: how far clusters differ from the universal constants, learnt over earlier
    clusters.
    """

    common: float = 0.25
    part: float = 0.30
    feature: float = 0.04
    recompute: float = 0.10
    kind: float = 0.05
    noise: float = 0.065

    def widths(self) -> NDArray[np.float64]:
        """One width per column of the design matrix: common, parts, features."""
        special = {"full_recompute": self.recompute, "narrow": self.kind, "era": self.kind}
        features = [special.get(name, self.feature) for name in FEATURES]
        return np.array([self.common, *[self.part] * len(PARTS), *features])


DEFAULT_PRIOR = Prior()


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a cluster's own runs say: factors, their spread, and the residuals that remain."""

    rows: int
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    noise: float
    residuals: tuple[tuple[str, float], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients in order."""
        return ("common", *PARTS, *FEATURES)

    def log_factor(self, shares: Sequence[float], features: Sequence[float]) -> tuple[float, float]:
        """Log of the calibrated over the plain forecast, and the standard deviation of one further run
        [log].
        """
        x = np.array([1.0, *shares, *features])
        spread = math.sqrt(float(x @ np.array(self.covariance) @ x) + self.noise**2)
        return float(x @ np.array(self.coefficients)), spread

    def apply(self, one: Observation) -> tuple[float, float, float]:
        """Calibrated step time and its 80 % interval [s]: low, middle, high."""
        shift, spread = self.log_factor(one.shares, one.features)
        reach = t_90(self.rows + PRIOR_DEGREES) * spread
        middle = one.predicted_s * math.exp(shift)
        return middle * math.exp(-reach), middle, middle * math.exp(reach)

    def factors(self) -> tuple[tuple[str, float, float, float], ...]:
        """Each coefficient as a factor on time with its 80 % interval: name, factor, low, high."""
        reach = t_90(self.rows + PRIOR_DEGREES) * np.sqrt(np.diag(np.array(self.covariance)))
        return tuple(
            (name, math.exp(mid), math.exp(mid - half), math.exp(mid + half))
            for name, mid, half in zip(self.names, self.coefficients, reach.tolist(), strict=True)
        )


def t_90(degrees: float) -> float:
    """Quantile 0.90 of Student's t, Cornish-Fisher to second order; within 1 % for four degrees and more.

    Source: Abramowitz, Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z = 1.2815515655446004
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / degrees + second / degrees**2


def fit(observations: Sequence[Observation], prior: Prior = DEFAULT_PRIOR) -> Calibration:
    """Posterior of one cluster's factors from its measured runs; with none, the prior itself."""
    widths = prior.widths()
    x = np.array([[1.0, *o.shares, *o.features] for o in observations]).reshape(-1, widths.size)
    y = np.array([o.residual for o in observations])
    precision = np.diag(1.0 / widths**2)
    weight, noise = np.ones(y.size), prior.noise
    beta = np.zeros(widths.size)
    covariance = np.linalg.inv(precision)
    for _ in range(ROUNDS if y.size else 0):
        covariance = np.linalg.inv((x.T * weight) @ x / noise**2 + precision)
        beta = covariance @ (x.T @ (weight * y)) / noise**2
        left = y - x @ beta
        weight = np.minimum(1.0, HUBER_K * noise / np.maximum(np.abs(left), 1e-12))
        noise = math.sqrt(
            (PRIOR_DEGREES * prior.noise**2 + float(weight @ left**2)) / (PRIOR_DEGREES + y.size)
        )
    left = y - x @ beta if y.size else y
    return Calibration(
        rows=int(y.size),
        coefficients=tuple(beta.tolist()),
        covariance=tuple(tuple(row) for row in covariance.tolist()),
        noise=noise,
        residuals=tuple((o.id, float(r)) for o, r in zip(observations, left, strict=True)),
    )


def spread_out(observations: Sequence[Observation], count: int, start: int = 0) -> tuple[int, ...]:
    """Indices of ``count`` runs that stand for all, the first given: which five runs to measure.

    Greedy medoids on shares and features: each further run is the one that most lowers the summed distance
    of all runs to their nearest chosen one. Extremes stand for few and are not sought. Ties go to the
    earlier run.
    """
    points = np.array(
        [[*(4 * s for s in o.shares), *o.features[:CHOSEN_BY], 2.0 * o.moe] for o in observations]
    )
    away = np.linalg.norm(points[:, None, :] - points[None, :, :], axis=2)
    chosen = [start % len(observations)]
    while len(chosen) < min(count, len(observations)):
        nearest = away[:, chosen].min(axis=1)
        total = np.minimum(nearest[:, None], away).sum(axis=0)
        total[chosen] = np.inf
        chosen.append(int(np.argmin(total)))
    return tuple(chosen)
