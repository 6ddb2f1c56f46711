"""Collectives of serving, elementwise over cases, on nested levels.

Decode moves kilobytes, so start-up rules; prefill moves hundreds of megabytes, so the narrowest level does.
Groups are the instance's ranks laid side by side: a group of ``n`` fills the innermost domains first.
"""

from __future__ import annotations

import numpy as np

from hesuan.planner.serving.cases import LEVELS, Array, Cases
from hesuan.planner.serving.constants import ServingConstants


def all_reduce_s(c: Cases, k: ServingConstants, group: Array, payload: Array) -> Array:
    """One all-reduce of ``payload`` bytes a rank over ``group`` neighbours [s].

    ``sum over levels l of: 2 (g_l - 1) / g_l * payload / inside_l / (bandwidth_l share)`` with ``g_l`` the
    members of the level, each standing for ``inside_l`` ranks that have already reduced among themselves,
    plus one start-up and twice the latency of every level crossed.
    """
    time = np.where(group > 1, k.reduce_s, 0.0)
    inside = np.ones_like(group)
    for level in range(LEVELS):
        reach = np.minimum(group, c.level_size[:, level])
        members = np.maximum(reach / inside, 1.0)
        moved = 2.0 * (members - 1.0) / members * payload / inside
        used = members > 1.0
        network = used & (c.level_scale_up[:, level] == 0.0)
        time = time + moved / (c.level_bandwidth[:, level] * k.link_share)
        time = time + np.where(used, 2.0 * c.level_latency[:, level], 0.0)
        time = time + np.where(network, k.network_s, 0.0)
        inside = np.maximum(inside, reach)
    return np.asarray(time)


def all_to_all_s(
    c: Cases, k: ServingConstants, group: Array, token_bytes: Array, tokens: Array, *, distinct: bool
) -> Array:
    """Tokens of one rank sent to the ranks of their ``top_k`` experts, uniformly over ``group`` [s].

    Through level l leave ``tokens * copies_l * token_bytes``; the slowest level rules. ``distinct``: one copy
    for each distinct domain hit, ``D (1 - (1 - 1/D)^k)`` without the own one, then spread inside it (large
    batches); else one copy for each expert hit, ``k (1 - 1/D)`` (low-latency kernels). Start-up grows by
    ``peer_s`` for each peer: every peer is written to and waited for.
    """
    slowest = np.zeros_like(group)
    latency = np.zeros_like(group)
    inside = np.ones_like(group)
    for level in range(LEVELS):
        reach = np.minimum(group, c.level_size[:, level])
        domains = np.maximum(group / inside, 1.0)
        used = reach > inside
        hit = domains * (1.0 - (1.0 - 1.0 / domains) ** c.top_k) if distinct else c.top_k
        copies = hit * (1.0 - 1.0 / domains)
        moved = tokens * copies * token_bytes / (c.level_bandwidth[:, level] * k.link_share)
        slowest = np.maximum(slowest, np.where(used, moved, 0.0))
        network = used & (c.level_scale_up[:, level] == 0.0)
        latency = latency + np.where(used, c.level_latency[:, level], 0.0)
        latency = latency + np.where(network, k.network_s, 0.0)
        inside = np.maximum(inside, reach)
    return np.asarray(np.where(group > 1, slowest + latency + k.reduce_s + k.peer_s * group, 0.0))
