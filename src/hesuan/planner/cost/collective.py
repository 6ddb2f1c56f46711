"""Collectives on nested domains: a group is placed by stride and span, its traffic is split by level.

Ranks are numbered tensor parallel innermost, then context, data, pipeline outermost; experts fold into the
three inner ones. A group of ``n`` ranks with stride ``d`` has ``r_l = clip(S_l / d, 1, n)`` members inside
one domain of level ``l`` (``S_l`` cards), so it fans out ``f_l = r_l / r_(l-1)`` there. Then::

    reduce-scatter, all-gather of B bytes     max_l  B / r_(l-1) (f_l - 1) / f_l / w_l   +  sum_l start_l
    all-reduce                                both
    all-to-all of B bytes a rank              max_l  B (r_l - r_(l-1)) / n / w_l         +  sum_l start_l
    send of B bytes                           B / w + start at the level that spans the neighbour

``w_l`` is one card's achieved one-way bandwidth [byte/s], oversubscription taken off. ``start_l`` is
``log2(f_l)`` steps of latency plus the time in which the link fills. Levels work at the same time (the
pipelined rings of NCCL), hence the maximum. One rank costs nothing.

Sources: Thakur, Rabenseifner, Gropp 2005 (bandwidth terms); Hockney 1994 (alpha-beta); DeepSeek-AI 2024
(arXiv 2412.19437) section 3.2 for one copy of a token per domain.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hesuan.planner.cost.arrays import Array
from hesuan.planner.cost.load import Hop, Load


def _placed(load: Load, ranks: Array, stride: Array) -> Iterator[tuple[Hop, Array, Array]]:
    """Per level: the hop, members inside a domain of the level below, members inside one of its own."""
    inner = np.ones_like(ranks)
    for hop in load.hops:
        reach = np.minimum(np.maximum(np.floor(hop.size / stride), inner), ranks)
        yield hop, inner, reach
        inner = reach


def _rate(hop: Hop, fan: Array) -> Array | float:
    """One card's rate at a level; in a full mesh only the wires to the group's own members count."""
    if hop.wires <= 1.0:
        return hop.bytes_per_s
    return np.asarray(hop.bytes_per_s * np.clip((fan - 1.0) / hop.wires, 1.0 / hop.wires, 1.0))


def _start(load: Load, hop: Hop, fan: Array) -> Array:
    """Start-up at one level [s]; zero where the group does not fan out."""
    fill = load.c.message_half_bytes / hop.bytes_per_s
    started: Array = np.log2(fan) * hop.latency_s + fill * (fan > 1.0)
    return started


def scatter_s(load: Load, payload: Array, ranks: Array, stride: Array) -> Array:
    """One reduce-scatter or all-gather [s]; ``payload``: the whole tensor [byte]."""
    slowest = np.zeros_like(payload)
    start = np.zeros_like(payload)
    for hop, inner, reach in _placed(load, ranks, stride):
        fan = reach / inner
        moved = payload * (fan - 1.0) / reach
        slowest = np.maximum(slowest, moved / _rate(hop, fan))
        start = start + _start(load, hop, fan)
    return slowest + start


def all_reduce_s(load: Load, payload: Array, ranks: Array, stride: Array) -> Array:
    """One all-reduce: reduce-scatter, then all-gather [s]."""
    return 2.0 * scatter_s(load, payload, ranks, stride)


def all_to_all_s(load: Load, payload: Array, ranks: Array, stride: Array, copies: float = 1.0) -> Array:
    """One all-to-all [s]; ``payload``: what one rank sends, own share included [byte].

    Of ``copies`` copies of a token whose targets lie in one domain only one crosses into it: of ``D`` domains
    ``D (1 - (1 - 1/D)^copies)`` are met, so the traffic of outer levels shrinks by that over ``copies``.
    """
    slowest = np.zeros_like(payload)
    start = np.zeros_like(payload)
    for hop, inner, reach in _placed(load, ranks, stride):
        moved = payload * (reach - inner) / ranks
        fan = reach / inner
        if copies > 1.0:
            domains = ranks / inner
            moved = moved * domains * (1.0 - (1.0 - 1.0 / domains) ** copies) / copies
        if hop.torus:
            moved = moved * np.maximum(1.0, np.sqrt(fan) / 4.0)
        slowest = np.maximum(slowest, moved / _rate(hop, fan))
        start = start + _start(load, hop, fan)
    return slowest + start


def send_s(load: Load, payload: Array, ranks: Array, stride: Array) -> Array:
    """One message to the next of ``ranks`` neighbours that lie ``stride`` cards apart, the worst pair [s]."""
    span = stride * ranks
    rate = np.full_like(payload, load.hops[-1].bytes_per_s)
    latency = np.full_like(payload, load.hops[-1].latency_s)
    for hop in reversed(load.hops[:-1]):
        inside = span <= hop.size
        rate = np.where(inside, hop.bytes_per_s, rate)
        latency = np.where(inside, hop.latency_s, latency)
    sent: Array = np.where(ranks > 1.0, payload / rate + latency, 0.0)
    return sent
