"""Rows through the model in one pass: what was seen beside what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hesuan.planner.serving.cases import Array, Cases, case_of, stack
from hesuan.planner.serving.constants import ServingConstants
from hesuan.planner.serving.fabric import all_to_all_s
from hesuan.planner.serving.rows import ServingRow
from hesuan.planner.serving.steady import decode_tpot_s, matched_prefill, memory, steady

METRICS = ("tpot_s", "ttft_s", "tokens_per_s_per_chip", "latency_s")
BATCHES = np.unique(np.round(np.geomspace(1, 4096, 64)))


@dataclass(frozen=True, slots=True)
class Scored:
    """One number of one row."""

    row: ServingRow
    metric: str
    observed: float
    predicted: float

    @property
    def residual(self) -> float:
        """``ln(predicted / observed)``."""
        return float(np.log(self.predicted / self.observed))


def observed_of(rows: Sequence[ServingRow]) -> dict[str, Array]:
    """What the rows report, by metric, NaN where they do not."""
    return {m: np.array([getattr(r.observed, m) or np.nan for r in rows], dtype=np.float64) for m in METRICS}


def predicted_of(rows: Sequence[ServingRow], cases: Cases, k: ServingConstants) -> dict[str, Array]:
    """What the model says of each row, by metric. ``cases`` is ``cases_of(rows)``."""
    cases = _complete(rows, cases, k)
    found = steady(cases, k)
    prefill = np.array([r.phase.lower().startswith("prefill") for r in rows])
    pools = cases.decode
    cards = np.where(prefill, cases.prefill.dp * cases.prefill.tp, pools.dp * pools.tp * pools.instances)
    ranks = np.array([r.ranks_per_chip for r in rows], dtype=np.float64)
    rate = np.where(prefill, found.input_tokens_per_s, found.output_tokens_per_s) / cards * ranks
    return {
        "tpot_s": found.tpot_s,
        "ttft_s": found.ttft_s,
        "tokens_per_s_per_chip": rate,
        "latency_s": _operators(rows, cases, k),
    }


def cases_of(rows: Sequence[ServingRow]) -> Cases:
    """The rows as arrays."""
    return stack([case_of(row.deployment, row.serving) for row in rows])


def score(rows: Sequence[ServingRow], k: ServingConstants) -> list[Scored]:
    """Every reported number beside its forecast."""
    if not rows:
        return []
    seen, said = observed_of(rows), predicted_of(rows, cases_of(rows), k)
    return [
        Scored(row, metric, float(seen[metric][i]), float(said[metric][i]))
        for i, row in enumerate(rows)
        for metric in METRICS
        if np.isfinite(seen[metric][i])
    ]


def _complete(rows: Sequence[ServingRow], cases: Cases, k: ServingConstants) -> Cases:
    """Fills what rows leave to the model: prefill instances that match, batches under a bound."""
    unmatched = np.array([row.match_prefill for row in rows])
    if unmatched.any():
        wanted = np.where(unmatched, matched_prefill(cases, k), cases.p_instances)
        cases = replace(cases, p_instances=wanted)
    bounded = np.array([row.tpot_limit_s is not None for row in rows])
    if bounded.any():
        limit = np.array([row.tpot_limit_s or np.inf for row in rows])
        concurrency = cases.concurrency.copy()
        some = cases.take(bounded)
        concurrency[bounded] = largest_batch(some, k, limit[bounded]) * some.d_dp * some.d_instances
        cases = replace(cases, concurrency=concurrency)
    return cases


def largest_batch(cases: Cases, k: ServingConstants, tpot_limit_s: Array) -> Array:
    """The largest batch of an attention rank within the bound and the memory; 1 where none is.

    By halving: a larger batch never has the shorter TPOT.
    """
    cap = memory(cases, k, cases.decode).most
    low, high = np.zeros(len(cap), dtype=np.intp), np.full(len(cap), len(BATCHES), dtype=np.intp)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        batch = BATCHES[middle]
        within = (decode_tpot_s(cases, k, batch) <= tpot_limit_s) & (batch <= cap)
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return np.asarray(BATCHES[low])


def _operators(rows: Sequence[ServingRow], c: Cases, k: ServingConstants) -> Array:
    """Time of one dispatch (8-bit) or combine (16-bit) of a low-latency exchange [s]."""
    width = np.array([1.0 if row.operator == "dispatch" else 2.0 for row in rows])
    return all_to_all_s(c, k, c.d_dp, c.hidden * width, c.tokens_per_rank, distinct=False)
