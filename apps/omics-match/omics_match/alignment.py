"""One shared space for both views: regularised canonical correlation analysis on paired training data.

Whiten each view, take the singular vectors of the whitened cross-covariance, keep the strongest, weigh each
by its correlation. A pair is then compared by the cosine of its two projections.

Source: Hotelling 1936, "Relations between two sets of variates"; ridge on both covariances as in Vinod 1976.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omics_match.data import Floats

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Projection:
    """``normalise((x - mean) @ weights)``; ``mean`` [dim], ``weights`` [dim, shared]."""

    mean: Floats
    weights: Floats

    def __call__(self, values: Floats) -> Floats:
        """[…, dim] → unit rows […, shared]."""
        shared: Floats = np.asarray((values - self.mean) @ self.weights, dtype=np.float32)
        shared /= np.linalg.norm(shared, axis=-1, keepdims=True).astype(np.float32)
        return shared


def align(left: Floats, right: Floats, *, shared: int, ridge: float = 1e-2) -> tuple[Projection, Projection]:
    """Learns the projections of both views from pairs ``left[i]``, ``right[i]``.

    ``ridge`` is relative to each view's mean variance. Solved in double precision, used in single.
    """
    left_mean, left_white = _whiten(left, ridge)
    right_mean, right_white = _whiten(right, ridge)
    a = (left.astype(np.float64) - left_mean) @ left_white
    b = (right.astype(np.float64) - right_mean) @ right_white
    u, correlation, vt = np.linalg.svd(a.T @ b / len(left))
    weight = correlation[:shared]
    return (
        Projection(left_mean.astype(np.float32), (left_white @ u[:, :shared] * weight).astype(np.float32)),
        Projection(right_mean.astype(np.float32), (right_white @ vt[:shared].T * weight).astype(np.float32)),
    )


def _whiten(values: Floats, ridge: float) -> tuple[Doubles, Doubles]:
    """The mean [dim] and a matrix W [dim, dim] for which ``W.T (cov + ridge) W`` is the identity."""
    doubles = values.astype(np.float64)
    mean = doubles.mean(axis=0)
    centred = doubles - mean
    cov = centred.T @ centred / len(values)
    cov[np.diag_indices_from(cov)] += ridge * np.trace(cov) / len(cov)
    return mean, np.linalg.inv(np.linalg.cholesky(cov)).T
