"""Spares: how much of the time a training waits because too many nodes are away for repair.

While it runs, nodes fail at rate ``r`` and come back after ``R`` on average. With ``k`` spares it runs as
long as at most ``k`` are away; at ``k + 1`` it waits and nothing more fails. That is a loss queue with ``k +
1`` places: the share of time it waits is Erlang's B at load ``a = r R``, whatever the distribution of repair
times.

Source: A. K. Erlang 1917; insensitivity: B. A. Sevastyanov 1957. Checked in tests against the chain's
equations.
"""

from __future__ import annotations

import math


def waiting_share(rate_per_s: float, repair_s: float, spares: int) -> float:
    """Share of wall time without enough nodes: ``B(a, k+1)`` by the recursion ``B_j = a B / (j + a B)``."""
    load = rate_per_s * repair_s
    blocked = 1.0
    for place in range(1, spares + 2):
        blocked = load * blocked / (place + load * blocked)
    return blocked


def waiting_s_per_failure(rate_per_s: float, repair_s: float, spares: int) -> float:
    """Mean wait for a repair, over all failures that need one [s]: waiting time ÷ failures, both per wall
    time."""
    share = waiting_share(rate_per_s, repair_s, spares)
    return share / (rate_per_s * (1 - share)) if rate_per_s > 0 else 0.0


def least_spares(rate_per_s: float, repair_s: float, *, waiting_at_most: float) -> int:
    """The smallest number of spare nodes that keeps the wait under a share of the time; the share is above
    0."""
    assert waiting_at_most > 0
    load = rate_per_s * repair_s
    blocked, spares = load / (1 + load), 0
    while blocked > waiting_at_most:
        spares += 1
        blocked = load * blocked / (spares + 1 + load * blocked)
    return spares


def more_than_away(load: float, spares: int) -> float:
    """Poisson tail ``P(X > k)`` at mean ``load``: a fleet whose failures go on while one training waits."""
    term = math.exp(-load)
    below = term
    for count in range(1, spares + 1):
        term *= load / count
        below += term
    return max(0.0, 1.0 - below)
