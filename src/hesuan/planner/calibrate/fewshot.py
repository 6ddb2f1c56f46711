"""Five measured runs move a new cluster: a hierarchical fit that knows what it does not know.

Model of the log residual of run ``i``::

    ln(observed_i / predicted_i) = b + sum_k share_ik theta_k + sum_j feature_ij phi_j + g(plan_i) + u + e

``b`` is the cluster's common factor. ``theta_k`` scales one part of the step: ``d ln(step) / d ln(part_k)``
is that part's share, so the term is the first-order effect of a link or kernel ``exp(theta_k)`` times
slower. ``phi_j`` is what the universal efficiency curves may have wrong along one axis of the plan. ``g`` is
smooth over plans: runs whose plans lie within ``reach`` share what no line explains. ``u`` belongs to a
model: its kernels, vocabulary and layout. All are normal around zero, with widths (``Prior``) learnt from
clusters of other measurers; ``e`` is noise.

So residuals are a Gaussian process of covariance ``K = X W^2 X' + a^2 exp(-d^2 / 2 l^2) + m^2 [same model]``
and the forecast of a further run is ``k' (K + s^2 H)^-1 y``, with Huber's weights in ``H`` so that one
disturbed run does not bend the fit. The 80 % interval is ``exp(mean ± t(0.90, v) sqrt(variance))`` with ``v =
rows + PRIOR_DEGREES``, its noise widened by what the residuals show.

Sources: C. Rasmussen, C. Williams, Gaussian Processes for Machine Learning, 2006, sections 2.2, 2.7; A.
Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, section 14.8; P. J. Huber, Robust Statistics, 1981,
section 7.8.
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
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior widths [log]: how far clusters differ from the universal constants, learnt over earlier
    clusters.
    """

    common: float = 0.15
    compute: float = 0.20
    part: float = 0.50
    """Every part but compute: links and hosts differ by more than kernels do."""
    feature: float = 0.03
    recompute: float = 0.15
    kind: float = 0.05
    plan: float = 0.08
    """What plans near one another share beyond that."""
    reach: float = 1.5
    """How near: distance over the features that tell plans apart, doublings."""
    model: float = 0.06
    """What the runs of one model share beyond that."""
    noise: float = 0.05

    def widths(self) -> Array:
        """One width per column of the design matrix: common, parts, features."""
        special = {"full_recompute": self.recompute, "narrow": self.kind, "era": self.kind, "seq": self.kind}
        parts = [self.compute if name == "compute" else self.part for name in PARTS]
        return np.array([self.common, *parts, *(special.get(name, self.feature) for name in FEATURES)])

    def covariance(self, first: Sequence[Observation], second: Sequence[Observation]) -> Array:
        """What the residuals of two sets of runs share; [first, second]."""
        linear = (design(first) * self.widths() ** 2) @ design(second).T
        near = plans_of(first)[:, None, :] - plans_of(second)[None, :, :]
        smooth = self.plan**2 * np.exp(-0.5 * np.sum(near**2, axis=2) / self.reach**2)
        same = np.array([[a.model == b.model for b in second] for a in first]).reshape(linear.shape)
        return np.asarray(linear + smooth + self.model**2 * same)


DEFAULT_PRIOR = Prior()


def design(observations: Sequence[Observation]) -> Array:
    """Rows of one, shares and features; [run, coefficient]."""
    rows = [[1.0, *o.shares, *o.features] for o in observations]
    return np.array(rows).reshape(-1, 1 + len(PARTS) + len(FEATURES))


def plans_of(observations: Sequence[Observation]) -> Array:
    """The coordinates in which plans are near or far; [run, coordinate]."""
    return np.array([o.features[:CHOSEN_BY] for o in observations]).reshape(-1, CHOSEN_BY)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a cluster's own runs say: factors, their spread, and the residuals that remain."""

    runs: tuple[Observation, ...]
    prior: Prior
    pull: Array
    """``(K + s^2 H)^-1 y``: how much each run pulls forecasts its way."""
    inverse: Array
    """``(K + s^2 H)^-1``."""
    noise: float

    @property
    def rows(self) -> int:
        """Measured runs behind it."""
        return len(self.runs)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients in order."""
        return ("common", *PARTS, *FEATURES)

    @property
    def covariance(self) -> Array:
        """Of the coefficients' logs, given the runs; [coefficient, coefficient]."""
        seen = design(self.runs) * self.prior.widths() ** 2
        return np.asarray(np.diag(self.prior.widths() ** 2) - seen.T @ self.inverse @ seen)

    @property
    def residuals(self) -> tuple[tuple[str, float], ...]:
        """What of each run's residual the calibration leaves [log]."""
        return tuple((one.id, one.residual - self.log_factor(one)[0]) for one in self.runs)

    def log_factor(self, one: Observation) -> tuple[float, float]:
        """Log of the calibrated over the plain forecast, and the standard deviation of one further run
        [log].
        """
        shared = self.prior.covariance([one], self.runs)[0]
        own = float(self.prior.covariance([one], [one])[0, 0])
        known = float(shared @ self.inverse @ shared)
        return float(shared @ self.pull), math.sqrt(max(own - known, 0.0) + self.noise**2)

    def apply(self, one: Observation) -> tuple[float, float, float]:
        """Calibrated step time and its 80 % interval [s]: low, middle, high."""
        shift, spread = self.log_factor(one)
        reach = t_90(self.rows + PRIOR_DEGREES) * spread
        middle = one.predicted_s * math.exp(shift)
        return middle * math.exp(-reach), middle, middle * math.exp(reach)

    def factors(self) -> tuple[tuple[str, float, float, float], ...]:
        """Each coefficient as a factor on time with its 80 % interval: name, factor, low, high."""
        middle = self.prior.widths() ** 2 * (design(self.runs).T @ self.pull)
        spread = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        reach = t_90(self.rows + PRIOR_DEGREES) * spread
        return tuple(
            (name, math.exp(mid), math.exp(mid - half), math.exp(mid + half))
            for name, mid, half in zip(self.names, middle.tolist(), reach.tolist(), strict=True)
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
    """Posterior of one cluster from its measured runs; with none, the prior itself."""
    y = np.array([o.residual for o in observations])
    shared = prior.covariance(observations, observations)
    weight: Array = np.ones(y.size)
    left: Array = y
    inverse: Array = np.zeros((y.size, y.size))
    for _ in range(ROUNDS if y.size else 0):
        inverse = np.asarray(np.linalg.inv(shared + np.diag(prior.noise**2 / weight)))
        left = np.asarray(y - shared @ inverse @ y)
        weight = np.asarray(np.minimum(1.0, HUBER_K * prior.noise / np.maximum(np.abs(left), 1e-12)))
    seen = PRIOR_DEGREES * prior.noise**2 + float(weight @ left**2)
    return Calibration(
        tuple(observations), prior, inverse @ y, inverse, math.sqrt(seen / (PRIOR_DEGREES + y.size))
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
