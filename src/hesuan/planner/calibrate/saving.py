"""A fit made into something that later forecasts can be given: factors, interval, and what they hold for.

The interval is split conformal on residuals of runs left out: every run is forecast by a fit without it, its
absolute miss is counted in standard deviations of that forecast, and the ``ceil(0.8 (n + 1))``-th smallest
of them is how many a further run is given. What plans near one another share counts as noise there, so that
the quantile, not the file, says how much of it the runs took away. Fewer than ``FEWEST`` runs have no such
quantile; then Student's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hesuan.errors import InputFault, declare
from hesuan.planner.calibrate.conformal import LEVEL
from hesuan.planner.calibrate.fewshot import CHOSEN_BY, DEFAULT_PRIOR, PRIOR_DEGREES, Prior, design, fit, t_90
from hesuan.planner.calibrate.fewshot import Calibration as Fit
from hesuan.planner.calibrate.observation import Observation
from hesuan.planner.calibration import Calibration, Factor, Kept, Near
from hesuan.planner.constants import DEFAULT, Constants
from hesuan.planner.cost import basis

FEWEST = 4
"""From so many runs on the conformal quantile exists: ``ceil(0.8 (n + 1)) <= n``."""
ONE_CHIP = declare(
    "plan.calibration_one_chip",
    en="The rows are of {count} chips: {chips}. A calibration is of one; save each from rows of its own.",
    zh="这些行涉及 {count} 种芯片：{chips}。一份校准只对应一种；请分别用各自的行保存。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the runs come from: nothing of it is taken from a clock."""

    file: str
    clusters: tuple[str, ...]
    rows_sha256: str
    dated: str = ""


def saved(
    observations: Sequence[Observation],
    source: Source,
    *,
    constants: Constants = DEFAULT,
    prior: Prior | None = None,
) -> Calibration:
    """The calibration of one cluster's runs. Numbers are rounded here, so that its file gives back the same.

    Args:
        observations: Runs beside their forecasts under ``constants``.

    Raises:
        InputFault: ``plan.calibration_one_chip``.
    """
    chips = sorted({one.chip for one in observations})
    if len(chips) != 1:
        raise InputFault(ONE_CHIP, count=len(chips), chips=", ".join(chips))
    found = _fit(observations, prior)
    eras = [one.era for one in observations]
    return Calibration(
        file=source.file,
        chip=chips[0],
        clusters=source.clusters,
        kinds=tuple(sorted({one.kind for one in observations})),
        era=(_rounded(min(eras)), _rounded(max(eras))),
        constants=basis(constants),
        rows=found.rows,
        rows_sha256=source.rows_sha256,
        dated=source.dated,
        noise=_rounded(_noise(found)),
        quantile=_rounded(quantile(observations, prior)),
        factors=tuple(Factor(name, *map(_rounded, numbers)) for name, *numbers in found.factors()),
        covariance=tuple(tuple(_rounded(number) for number in row) for row in found.covariance.tolist()),
        near=Near(found.prior.plan, found.prior.reach, found.prior.model),
        runs=tuple(_kept(found, *pair) for pair in zip(observations, found.pull.tolist(), strict=True)),
    )


def quantile(observations: Sequence[Observation], prior: Prior | None = None) -> float:
    """Half-width of the 80 % interval in standard deviations of a further run, from runs left out."""
    count = len(observations)
    if count < FEWEST:
        return t_90(count + PRIOR_DEGREES)
    scores = sorted(_score(observations, at, prior) for at in range(count))
    return scores[min(math.ceil(LEVEL * (count + 1)), count) - 1]


def _score(observations: Sequence[Observation], at: int, prior: Prior | None) -> float:
    """How many standard deviations a run misses a fit that has not seen it."""
    one = observations[at]
    found = _fit([*observations[:at], *observations[at + 1 :]], prior)
    row = design([one])[0]
    spread = math.sqrt(float(row @ found.covariance @ row) + _noise(found) ** 2)
    return abs(one.residual - found.log_factor(one)[0]) / spread


def _noise(found: Fit) -> float:
    """Noise of a run and all that plans near one another and a model share: a file keeps no more of it."""
    return math.hypot(found.noise, found.prior.plan, found.prior.model)


def _fit(observations: Sequence[Observation], prior: Prior | None) -> Fit:
    return fit(observations, prior or DEFAULT_PRIOR)


def _kept(found: Fit, one: Observation, pull: float) -> Kept:
    observed, forecast, middle = map(_rounded, (one.observed_s, one.predicted_s, found.apply(one)[1]))
    at = tuple(map(_rounded, one.features[:CHOSEN_BY]))
    return Kept(one.id, one.plan, observed, forecast, middle, one.model, _rounded(pull), at)


def _rounded(number: float) -> float:
    """Seven significant digits: far below any error here, and readable; no negative zero."""
    return float(f"{number:.7g}") + 0.0
