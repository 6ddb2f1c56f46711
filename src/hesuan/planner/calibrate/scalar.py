"""One number per (chip, code base, year, dense or MoE), judged only on runs it has not seen.

The scalar is the median log residual of the runs, drawn towards zero as if ``PRIOR_FAMILIES`` further
families had shown none: runs of one family repeat one another, so families count. Every run is judged by a
scalar fitted without its own *family* (same measurer, model and chip), or, with ``by="origin"``, by one that
other measurers of its chip and year give: the first answers "another configuration on a machine we know",
the second "a stranger's machine of a chip we know".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hesuan.planner.calibrate.observation import Observation

PRIOR_FAMILIES = 0.5
"""Weight of "no correction" beside the measured families; assumed."""


def scalar_of(observations: Sequence[Observation]) -> float:
    """Shrunken median log residual; zero for no run."""
    if not observations:
        return 0.0
    families = len({o.family for o in observations})
    return float(np.median([o.residual for o in observations])) * families / (families + PRIOR_FAMILIES)


def cross_validated(observations: Sequence[Observation], *, by: str = "family") -> tuple[float, ...]:
    """For each observation the log scalar of its group, fitted without its own ``family`` or ``origin``.

    Returns one number per observation; ``predicted_s * exp(number)`` is the calibrated forecast.
    """
    stacks: dict[str, list[Observation]] = defaultdict(list)
    for one in observations:
        stacks[_key(one, by)].append(one)
    return tuple(
        scalar_of([o for o in stacks[_key(one, by)] if getattr(o, by) != getattr(one, by)])
        for one in observations
    )


def _key(one: Observation, by: str) -> str:
    return one.age if by == "origin" else one.stack
