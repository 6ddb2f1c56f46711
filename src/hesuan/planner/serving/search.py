"""``search_serving``: every legal layout on the cards at hand, and which of them nothing else beats.

Aggregated and disaggregated deployments over TP, attention-DP, EP and concurrency; disaggregated ones with
prefill instances matched to decode's rate. One pass over arrays; the frontier is throughput per card against
TPOT against TTFT, under the latency bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.inputs import Cluster, Model
from hesuan.planner.notebook import card, layout, listing, table
from hesuan.planner.serving.cases import PHASES, Array, Cases, Mask, case_of, stack
from hesuan.planner.serving.constants import DEFAULT, ServingConstants
from hesuan.planner.serving.forecast import ServingForecast, predict_serving
from hesuan.planner.serving.inputs import Deployment, Limits, Phase, Pool, Serving
from hesuan.planner.serving.steady import matched_prefill, memory, steady

BATCHES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Requests of one attention rank that are tried."""
SHOWN = 64
REASONS = ("memory", "cards", "tpot", "ttft")
WON = len(REASONS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One layout on the frontier, with its forecast."""

    deployment: Deployment
    serving: Serving
    forecast: ServingForecast


def laid_out(deployment: Deployment) -> str:
    """Its pools in words: ``2 × (dp 32 · ep 32) + 1 × (tp 8)``, prompts first."""
    pools = [pool for pool in (deployment.prefill, deployment.decode) if pool]
    return " + ".join(f"{pool.instances:g} × ({layout(pool)})" for pool in pools)


@dataclass(frozen=True, slots=True)
class ServingSearch:
    """The frontier, best throughput per card first, and why the others lost."""

    tried: int
    frontier: tuple[Candidate, ...]
    lost: dict[str, int]
    """Layouts by the first reason they lost for: memory, cards, tpot, ttft, beaten."""

    @property
    def best(self) -> Candidate | None:
        """The most throughput per card (and so per yuan: all cards cost the same) within the bounds."""
        return self.frontier[0] if self.frontier else None

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{told.output_tokens_per_s_per_card:,.0f}",
                f"{1e3 * told.tpot_s:.1f} ms",
                f"{told.ttft_s:.2f} s",
                f"{told.cards:g}",
                laid_out(one.deployment),
                f"{one.serving.concurrency:,.0f}",
            )
            for one in self.frontier
            for told in (one.forecast,)
        ]
        heads = ("tokens/s per card", "TPOT", "TTFT", "cards", "layout", "requests")
        lost = [f"{count:,}: {reason}" for reason, count in self.lost.items()]
        return card(f"{self.tried:,} layouts tried", table(heads, rows), listing("why others lost", lost))


def search_serving(
    model: Model,
    cluster: Cluster,
    serving: Serving,
    *,
    limits: Limits | None = None,
    phases: Sequence[Phase] = (Phase.AGGREGATED, Phase.DISAGGREGATED),
    constants: ServingConstants = DEFAULT,
) -> ServingSearch:
    """All layouts for this demand on up to ``cluster.cards``; ``serving.concurrency`` is what is searched."""
    bounds = limits or Limits()
    plans = list(_plans(model, cluster, phases))
    if not plans:
        return ServingSearch(0, (), {})
    cases = _cases(model, cluster, serving, plans)
    cases, fits = _matched(cases, constants, cluster.cards)
    found = steady(cases, constants)
    held = memory(cases, constants, cases.decode).requests
    asked = cases.concurrency / (cases.d_dp * cases.d_instances)
    ttft, tpot = found.ttft_s, found.tpot_s
    per_card = found.output_tokens_per_s / _cards(cases)
    reasons = _reasons(
        {
            "memory": (held < asked) | ~found.prefill_fits,
            "cards": ~fits,
            "tpot": tpot > (bounds.tpot_s or np.inf),
            "ttft": ttft > (bounds.ttft_s or np.inf),
        }
    )
    alive = np.flatnonzero(reasons == WON)
    kept = alive[_unbeaten(-per_card[alive], tpot[alive], ttft[alive])]
    lost = {name: int((reasons == i).sum()) for i, name in enumerate(REASONS)}
    lost["beaten"] = int(len(alive) - len(kept))
    order = kept[np.argsort(-per_card[kept])][:SHOWN]
    one = Deployment(model=model, cluster=cluster, decode=Pool())
    chosen = [_candidate(one, serving, cases, int(i)) for i in order]
    frontier = tuple(
        Candidate(*pair, predict_serving(*pair, limits=bounds, constants=constants)) for pair in chosen
    )
    return ServingSearch(len(plans), frontier, lost)


def _reasons(faults: dict[str, Mask]) -> NDArray[np.intp]:
    """Index of the first reason a layout lost for; ``WON`` where it did not."""
    stacked = np.stack([*(faults[name] for name in REASONS), np.ones_like(faults["cards"])])
    return np.asarray(np.argmax(stacked, axis=0), dtype=np.intp)


@dataclass(frozen=True, slots=True)
class _Trial:
    phase: Phase
    decode: Pool
    prefill: Pool
    batch: int


def _pools(model: Model, cluster: Cluster) -> Iterator[Pool]:
    """TP divides the heads and stays in a memory-semantic domain; experts are cut with TP or spread by EP."""
    domain = max(cluster.fabric.scale_up_domain, 1)
    tps = [t for t in (1, 2, 4, 8, 16) if model.heads % t == 0 and t <= min(domain, cluster.cards)]
    for tp in tps:
        yield Pool(tp=tp)
        if not model.is_moe:
            continue
        if tp > 1 and model.experts % tp == 0:
            yield Pool(tp=tp, ep=tp)
        dp = 2
        while tp * dp <= min(cluster.cards, model.experts + 64):
            yield Pool(tp=tp, dp=dp, ep=tp * dp)
            dp *= 2


def _plans(model: Model, cluster: Cluster, phases: Sequence[Phase]) -> Iterator[_Trial]:
    pools = list(_pools(model, cluster))
    for phase in phases:
        if phase is Phase.AGGREGATED:
            yield from (_Trial(phase, pool, pool, batch) for pool in pools for batch in BATCHES)
        else:
            small = [pool for pool in pools if pool.cards_per_instance <= 32]
            yield from (
                _Trial(phase, decode, prefill, batch)
                for decode in pools
                for prefill in small
                if decode.cards_per_instance + prefill.cards_per_instance <= cluster.cards
                for batch in BATCHES
            )


def _cases(model: Model, cluster: Cluster, serving: Serving, plans: Sequence[_Trial]) -> Cases:
    """One case repeated, with the plans' own sizes; instances fill the cards for AGGREGATED."""
    one = stack([case_of(Deployment(model=model, cluster=cluster, decode=Pool()), serving)])
    many = one.take(np.zeros(len(plans), dtype=np.intp))

    def column(values: Iterator[float]) -> Array:
        return np.fromiter(values, dtype=np.float64, count=len(plans))

    instances = column(float(max(cluster.cards // p.decode.cards_per_instance, 1)) for p in plans)
    dp = column(float(p.decode.dp) for p in plans)
    batch = column(float(p.batch) for p in plans)
    return replace(
        many,
        phase=column(float(PHASES.index(p.phase)) for p in plans),
        d_tp=column(float(p.decode.tp) for p in plans),
        d_dp=dp,
        d_ep=column(float(p.decode.ep) for p in plans),
        d_instances=instances,
        p_tp=column(float(p.prefill.tp) for p in plans),
        p_dp=column(float(p.prefill.dp) for p in plans),
        p_ep=column(float(p.prefill.ep) for p in plans),
        concurrency=batch * dp * instances,
    )


def _matched(cases: Cases, k: ServingConstants, cards: int) -> tuple[Cases, Mask]:
    """Disaggregated: prefill instances for one decode instance, then as many of both as the cards hold."""
    split = cases.phase == PHASES.index(Phase.DISAGGREGATED)
    batch = cases.concurrency / (cases.d_dp * cases.d_instances)
    many = replace(cases, concurrency=batch * cases.d_dp * 64.0, d_instances=np.full_like(batch, 64.0))
    ratio = matched_prefill(many, k) / 64.0
    mine, theirs = cases.d_tp * cases.d_dp, cases.p_tp * cases.p_dp
    decoders = np.maximum(np.floor(cards / (mine + ratio * theirs)), 1.0)
    prefillers = np.maximum(np.floor((cards - decoders * mine) / theirs), 0.0)
    prefillers = np.minimum(prefillers, np.maximum(np.ceil(ratio * decoders), 1.0))
    instances = np.where(split, decoders, cases.d_instances)
    changed = replace(
        cases,
        d_instances=instances,
        p_instances=np.where(split, np.maximum(prefillers, 1.0), 1.0),
        concurrency=batch * cases.d_dp * instances,
    )
    return changed, ~split | (prefillers >= 1.0)


def _cards(c: Cases) -> Array:
    split = c.phase == PHASES.index(Phase.DISAGGREGATED)
    return np.asarray(c.d_tp * c.d_dp * c.d_instances + np.where(split, c.p_tp * c.p_dp * c.p_instances, 0.0))


def _unbeaten(*costs: Array) -> NDArray[np.intp]:
    """Indices of points that no other point beats or equals in everything; lower is better."""
    points = np.stack(costs, axis=1)
    order = np.lexsort(points.T[::-1])
    kept: list[int] = []
    for i in order:
        if not kept or not np.any(np.all(points[kept] <= points[i], axis=1)):
            kept.append(int(i))
    return np.array(kept, dtype=np.intp)


def _candidate(one: Deployment, serving: Serving, c: Cases, i: int) -> tuple[Deployment, Serving]:
    phase = PHASES[int(c.phase[i])]
    decode = Pool(tp=int(c.d_tp[i]), dp=int(c.d_dp[i]), ep=int(c.d_ep[i]), instances=float(c.d_instances[i]))
    prefill = Pool(tp=int(c.p_tp[i]), dp=int(c.p_dp[i]), ep=int(c.p_ep[i]), instances=float(c.p_instances[i]))
    split = phase is Phase.DISAGGREGATED
    deployment = replace(one, decode=decode, prefill=prefill if split else None)
    return deployment, replace(serving, phase=phase, concurrency=float(c.concurrency[i]))
