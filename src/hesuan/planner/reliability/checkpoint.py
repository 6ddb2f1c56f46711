"""Checkpoints: how large, how long, how often; and the share of wall time that stays useful.

Between failures of a Poisson process with rate ``r`` a training saves every ``dt`` of work; a save holds it
up for ``w``; a failure costs ``u0`` (find, restart, load) and the work since the last complete save. Two
closed forms stand here. The first-order one, ``(1 - r (u0 + dt/2)) / (1 + w/dt)``, is what papers print and
is right while failures are rare. The renewal one, ``r dt / (e^(r u0) (e^(r (dt + w)) - 1))``, allows for
failures during restart and rework and stays within 0 and 1 at any scale; it is the one forecasts use. Both
optima are exact, not searched for.

Sources: J. T. Daly, A higher order estimate of the optimum checkpoint interval for restart dumps, FGCS 22
(2006); J. W. Young, A first order approximation to the optimum checkpoint interval, CACM 17 (1974);
A. Kokolis et al., Revisiting reliability in large-scale machine learning clusters, arXiv 2410.21680.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BYTES_PER_PARAMETER = 14
"""Adam in mixed precision: weights 2, master weights 4, two moments 4 each. BLOOM-176B's 2.3 TB are 13.1."""
NEWTON_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Storage:
    """Where checkpoints go. Both rates are of one node; the store as a whole has a ceiling."""

    node_bytes_per_s: float = 1.0e9
    """Assumed: BLOOM 2.3 TB in 40 s from 48 nodes is 1.2e9; Llama 3's 2 TB/s over 2,048 nodes is 1.0e9."""
    ceiling_bytes_per_s: float = 2.0e12
    """Published: Llama 3's store, sustained (arXiv 2407.21783 section 3.3.1)."""
    host_copy_bytes_per_s: float = 50.0e9
    """Assumed: device to host memory, all cards of a node together."""
    asynchronous: bool = False

    def write_s(self, size_bytes: float, nodes: int) -> float:
        """Time until a checkpoint lies in the store [s]."""
        return size_bytes / min(self.node_bytes_per_s * nodes, self.ceiling_bytes_per_s)

    def blocking_s(self, size_bytes: float, nodes: int) -> float:
        """Time the training stands still for one [s]: all of the write, or only the copy to host memory."""
        if not self.asynchronous:
            return self.write_s(size_bytes, nodes)
        return min(self.write_s(size_bytes, nodes), size_bytes / (self.host_copy_bytes_per_s * nodes))

    def lag_s(self, size_bytes: float, nodes: int) -> float:
        """How much older than its request a complete checkpoint is [s]; zero when the training waits for
        it."""
        return self.write_s(size_bytes, nodes) - self.blocking_s(size_bytes, nodes)


def checkpoint_bytes(parameters: float) -> float:
    """Weights and optimizer of the whole model, written once, whatever the plan [byte]."""
    return BYTES_PER_PARAMETER * parameters


def young_interval_s(rate_per_s: float, blocking_s: float) -> float:
    """``sqrt(2 w / r)``: the optimum while ``w`` is small against the time between failures [s]."""
    return math.sqrt(2 * blocking_s / rate_per_s)


def first_order_share(rate_per_s: float, *, restart_s: float, blocking_s: float, interval_s: float) -> float:
    """``(1 - r (u0 + dt/2)) / (1 + w/dt)``, never below zero. Source: arXiv 2410.21680."""
    return max(0.0, (1 - rate_per_s * (restart_s + interval_s / 2)) / (1 + blocking_s / interval_s))


def first_order_interval_s(rate_per_s: float, *, restart_s: float, blocking_s: float) -> float:
    """Where the first-order share is greatest: ``dt = -w + sqrt(w^2 + 2 w (1 - r u0) / r)`` [s].

    From its derivative, ``dt^2 + 2 w dt - 2 w (1 - r u0)/r = 0``; tends to Young's as ``w`` and ``u0``
    vanish. Needs ``r u0 < 1``: beyond that the form itself means nothing.
    """
    assert rate_per_s * restart_s < 1
    free = 2 * blocking_s * (1 - rate_per_s * restart_s) / rate_per_s
    return math.sqrt(blocking_s**2 + free) - blocking_s


def useful_share(rate_per_s: float, *, restart_s: float, blocking_s: float, interval_s: float) -> float:
    """``r dt / (e^(r u0) (e^(r (dt + w)) - 1))``: useful work per wall time under Poisson failures.

    Without failures it is ``dt / (dt + w)``. Source: Daly 2006, the complete cost function.
    """
    if rate_per_s == 0:
        return interval_s / (interval_s + blocking_s)
    exponent = rate_per_s * (interval_s + blocking_s)
    if exponent + rate_per_s * restart_s > 700:
        return 0.0
    return rate_per_s * interval_s * math.exp(-rate_per_s * restart_s) / math.expm1(exponent)


def best_interval_s(rate_per_s: float, blocking_s: float) -> float:
    """Where ``useful_share`` is greatest [s]; the restart time does not move it.

    The derivative vanishes where ``e^(r (dt + w)) (1 - r dt) = 1``. With ``z = r (dt + w)`` that is
    ``z - 1 + e^-z = r w``: convex and rising, so Newton's steps come down on the root from above.
    """
    assert rate_per_s > 0 and blocking_s > 0
    target = rate_per_s * blocking_s
    z = math.sqrt(2 * target) + target
    for _ in range(NEWTON_ROUNDS):
        step = (z + math.expm1(-z) - target) / -math.expm1(-z)
        z -= step
        if abs(step) < 1e-14 * z:
            break
    return z / rate_per_s - blocking_s
