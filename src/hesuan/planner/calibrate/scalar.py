"""One number per machine and code base, drawn to zero as far as earlier families say; judged on unseen runs.

Model of the log residual of a run of family ``f`` (same measurer, model and chip) on a chip::

    ln(observed / predicted) = c[code base, kind] + m[chip, code base, era] + u[f] + e

All are normal around zero; ``kind`` is dense or MoE. ``m`` fades over ``FADE`` years of software and is all
that dense and MoE share: their kernels are not the same. The widths (``DENSE``, ``MOE``) say how far each
carries. Families of experts differ among themselves by far more than machines do (routing, expert kernels
and their fusion are a model's own), so a scalar from some of them says little about another and is drawn to
zero almost wholly; dense families agree, and few suffice. The scalar is the mean of ``c + m`` given the runs:
``k' (K + U)^-1 y``, the best linear prediction. Residuals beyond ``CLIP`` count as that.

Every run is judged by a scalar fitted without its own *family*, or, with ``by="origin"``, by one from other
measurers' runs on its chip, of which only ``m``, a stranger's share of it, is common: the first answers
"another configuration on a machine we know", the second "a stranger's machine of a chip we know".

Source: G. K. Robinson, That BLUP is a good thing, Statistical Science 6 (1991).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.calibrate.observation import Observation

FADE = 1.0
"""Over this time what a machine's software did is half forgotten (to 1/e) [year]; assumed."""
CLIP = 0.5
"""No run says more of a machine than this [log]."""
STRANGER = 0.3
"""Share of a machine's deviation that another code base on the same chip has too."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Widths of what makes residuals differ [log]."""

    code_base: float
    machine: float
    family: float
    run: float


DENSE = Spread(code_base=0.06, machine=0.06, family=0.08, run=0.06)
MOE = Spread(code_base=0.03, machine=0.04, family=0.30, run=0.06)


def spread_of(one: Observation) -> Spread:
    """The widths of its kind."""
    return MOE if one.moe else DENSE


def shared(first: Sequence[Observation], second: Sequence[Observation]) -> Array:
    """Covariance of the scalars of two sets of runs; [first, second]."""
    code_base = _products(first, second, "code_base") * _equal(first, second, "moe")
    away = np.abs(np.subtract.outer([o.era for o in first], [o.era for o in second]))
    machine = _products(first, second, "machine") * np.exp(-away / FADE) * _equal(first, second, "chip")
    known = _equal(first, second, "origin")
    return np.asarray(known * code_base + np.where(known > 0, 1.0, STRANGER) * machine)


def own(observations: Sequence[Observation]) -> Array:
    """Covariance of what is no machine's: families and single runs; [run, run]."""
    family = _products(observations, observations, "family") * _equal(observations, observations, "family")
    return np.asarray(family + np.diag([spread_of(o).run ** 2 for o in observations]))


def _products(first: Sequence[Observation], second: Sequence[Observation], width: str) -> Array:
    """Products of one width of two sets of runs."""
    return np.multiply.outer(*([getattr(spread_of(o), width) for o in side] for side in (first, second)))


def _equal(first: Sequence[Observation], second: Sequence[Observation], name: str) -> Array:
    """1 where both runs have the same value of a field, else 0."""
    one, other = (np.array([getattr(o, name) for o in side]) for side in (first, second))
    return np.asarray(one[:, None] == other[None, :], float)


def scalars(targets: Sequence[Observation], known: Sequence[Observation]) -> Array:
    """Log scalars of several runs from one set of known runs."""
    y = np.clip([o.residual for o in known], -CLIP, CLIP)
    return np.asarray(shared(targets, known) @ np.linalg.solve(shared(known, known) + own(known), y))


def cross_validated(observations: Sequence[Observation], *, by: str = "family") -> tuple[float, ...]:
    """For each observation the log scalar fitted without its own ``family`` or ``origin``.

    Returns one number per observation; ``predicted_s * exp(number)`` is the calibrated forecast.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(observations):
        groups[getattr(one, by)].append(index)
    found = [0.0] * len(observations)
    for left, at in groups.items():
        targets = [observations[i] for i in at]
        known = [o for o in observations if getattr(o, by) != left and _related(o, targets)]
        if known:
            for i, value in zip(at, scalars(targets, known).tolist(), strict=True):
                found[i] = value
    return tuple(found)


def _related(one: Observation, targets: Sequence[Observation]) -> bool:
    """Whether a run shares anything with any of these."""
    return any(one.origin == other.origin or one.chip == other.chip for other in targets)
