"""A calibration applied to arrays of plans: the design of the fit, and steps moved by it.

The fit (:mod:`hesuan.planner.calibrate`) explains the log of a step's time by a common factor, by the shares
of groups of parts, and by what the plan is (``FEATURES``). Here the same numbers are computed for any plans,
and the step becomes ``step exp(x beta)``. Its parts move by their own factors first and are then brought to
that sum, so that they still add up.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hesuan.planner.calibration import Calibration
from hesuan.planner.constants import Constants
from hesuan.planner.cost.arrays import RECOMPUTE, Array, Parts, Plans
from hesuan.planner.inputs import Recompute, Workload

GROUPS = {
    "compute": ("compute_s", "recompute_s"),
    "tensor": ("tp_s", "cp_s"),
    "expert": ("ep_s",),
    "data": ("dp_s",),
    "bubble": ("bubble_s", "pp_s"),
    "other": ("optimizer_s", "data_s", "launch_s"),
}
"""Which parts of a step one factor of a cluster moves."""
FULL = RECOMPUTE.index(Recompute.FULL)


def features(work: Workload, plans: Plans) -> dict[str, Array]:
    """What of a plan a residual may follow beyond the parts; by name, each ``[plan]``.

    Logs to base 2, centred on a common plan; meanings in ``calibrate.observation.FEATURES``.
    """
    seq, ones = work.training.seq, np.ones(len(plans))
    return {
        "tensor_degree": np.log2(plans.tp),
        "micro_tokens": np.log2(plans.micro_batch * float(seq) / plans.cp / 4096),
        "pipeline_degree": np.log2(plans.pp),
        "model_size": ones * math.log2(work.model.active_params / 2**34),
        "seq": ones * math.log2(seq / 4096),
        "full_recompute": (plans.recompute == FULL).astype(np.float64),
        "narrow": ones * math.log2(2.0 / work.training.precision.bytes),
        "era": ones * (work.training.era - 2024.0),
        "cards": np.log2(plans.cards / 64),
    }


def shares(parts: Parts) -> dict[str, Array]:
    """Share of each group of parts in the step; each ``[plan]``, together 1."""
    step = parts.step_s
    return {group: _group(parts, names) / step for group, names in GROUPS.items()}


def _group(parts: Parts, names: tuple[str, ...]) -> Array:
    found: Array = sum((getattr(parts, name) for name in names), np.zeros_like(parts.compute_s))
    return found


def design(work: Workload, plans: Plans, parts: Parts) -> dict[str, Array]:
    """The fit's row of every plan, by the name of the factor it multiplies."""
    return {"common": np.ones(len(plans)), **shares(parts), **features(work, plans)}


def corrected(work: Workload, plans: Plans, parts: Parts, found: Calibration) -> Parts:
    """The parts as calibrated; whether it holds here has been asked before (``Calibration.check``)."""
    x = design(work, plans, parts)
    names = tuple(x)
    beta = dict(zip(names, found.coefficients(names), strict=True))
    finite = np.isfinite(parts.step_s)
    shift = sum((np.where(finite, x[name], 0.0) * beta[name] for name in names), np.zeros(len(plans)))
    shift = shift + found.local(work.model.name, list(features(work, plans).values()))
    wanted = parts.step_s * np.exp(shift)
    moved = {
        name: getattr(parts, name) * math.exp(beta[group]) for group, many in GROUPS.items() for name in many
    }
    fill = np.where(finite, wanted / sum(moved.values()), 1.0)
    return replace(parts, **{name: value * fill for name, value in moved.items()})


def least_factor(work: Workload, plans: Plans, constants: Constants) -> Array:
    """The least that the calibration can multiply a step by, whatever its parts; ``[plan]``.

    Shares are at least zero and together one, so their term is never below the least of its coefficients.
    """
    found = constants.calibration
    if found is None:
        return np.ones(len(plans))
    many = features(work, plans)
    slope = found.coefficients(tuple(many))
    moved = sum((b * column for b, column in zip(slope, many.values(), strict=True)), np.zeros(len(plans)))
    moved = moved + found.local(work.model.name, list(many.values()))
    least = found.coefficients(("common",))[0] + found.coefficients(tuple(GROUPS)).min()
    return np.asarray(np.exp(least + moved))


def half_width(work: Workload, plans: Plans, plain: Parts, found: Calibration) -> float:
    """Half-width [log] of the calibrated 80 % interval of the first plan; ``plain``: its parts without."""
    x = design(work, plans, plain)
    row = np.array([column[0] for column in x.values()])
    return found.quantile * found.spread(tuple(x), row)
