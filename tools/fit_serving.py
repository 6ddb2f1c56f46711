"""Fits the serving constants to published rows, and says what rows of families left out would have seen.

    python -m tools.fit_serving ROWS.csv            constants fitted to all rows, from the priors
    python -m tools.fit_serving ROWS.csv leave-out  one family of models left out after another; intervals
    python -m tools.fit_serving ROWS.csv measurers  one group of measurers left out after another

Coordinate descent: Huber's loss of TPOT (weight 1.5), TTFT (0.5), tokens/s (6) and operators (2), priors on
what physics bounds. An error counts as the share of the published number where the forecast is above it, as a
logarithm where it is below, so that no row is given up as hopeless. Seeded: two runs agree.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.serving.cases import Array, Cases
from hesuan.planner.serving.constants import ServingConstants
from hesuan.planner.serving.names import NAMES
from hesuan.planner.serving.rows import ServingRow, read_row
from hesuan.planner.serving.scoring import METRICS, cases_of, observed_of, predicted_of

PRIORS = {
    "gemm_share": (0.8, 0.15), "grouped_share": (0.6, 0.25), "core_share": (0.5, 0.25),
    "memory_share": (0.78, 0.08), "link_share": (0.8, 0.1), "imbalance": (1.2, 0.1), "peer_s": (2e-7, 0.3),
    "hidden_share": (0.8, 0.1), "reduce_s": (8e-6, 0.4), "network_s": (15e-6, 0.5), "step_s": (4e-4, 0.7),
    "tile_tokens": (64.0, 1.0), "expert_tile": (32.0, 0.7),
    "kernel_trtllm_s": (4e-6, 1.0), "kernel_vllm_s": (4e-6, 1.0),
    "kernel_sglang_s": (4e-6, 1.0), "kernel_other_s": (4e-6, 0.3), "row_s": (1e-5, 1.0),
    "era_gain": (0.1, 1.0),
    "spread": (0.8, 0.2), "straggle": (0.5, 0.7), "interference": (0.8, 0.2), "bunch": (0.05, 1.0),
    "first_wave": (0.1, 0.7),
    "spread_out": (0.5, 0.7), "prefill_sglang": (1.2, 0.5),
    "request_trtllm_s": (0.05, 1.0),
    "request_vllm_s": (0.05, 1.0), "request_sglang_s": (0.05, 1.5), "transfer_s": (0.1, 1.0),
}  # fmt: skip
"""Middle and log-width of what one would say before seeing a row."""
CAPS = {
    "straggle": 1.0,
    "interference": 1.0,
    "first_wave": 1.0,
    "bunch": 1.0,
    "spread": 1.0,
    "hidden_share": 1.0,
    "memory_share": 0.95,
    "link_share": 0.95,
    "core_share": 0.9,
}
WEIGHTS = {"tpot_s": 1.5, "ttft_s": 0.5, "tokens_per_s_per_chip": 6.0, "latency_s": 2.0}
BENDS = {"tpot_s": 0.08, "ttft_s": 0.2, "tokens_per_s_per_chip": 0.15, "latency_s": 0.15}
"""Errors up to which the loss is square; beyond, a row pulls no harder for being further off."""
ROUNDS = 12
FAMILIES = ("llama", "qwen3", "kimi", "glm", "minimax", "gpt-oss", "deepseek")
MEASURERS = {"db-dump": "database", "source_file=2026": "weekly files"}
TAILS = (0.1, 0.9)


@dataclass(frozen=True, slots=True)
class Rows:
    """Readable rows, as arrays beside what they report."""

    rows: list[ServingRow]
    cases: Cases
    observed: dict[str, Array]
    measurers: list[str]

    def residuals(self, k: ServingConstants) -> dict[str, Array]:
        """``ln(predicted / observed)`` by metric, NaN where nothing is reported."""
        said = predicted_of(self.rows, self.cases, k)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {m: np.log(said[m] / self.observed[m]) for m in METRICS}


def read(path: Path) -> Rows:
    """The rows of a file that can be forecast."""
    with path.open(encoding="utf-8") as file:
        found = [(read_row(row, NAMES), measurer_of(row)) for row in csv.DictReader(file)]
    rows = [row for row, _ in found if isinstance(row, ServingRow)]
    measurers = [who for row, who in found if isinstance(row, ServingRow)]
    return Rows(rows, cases_of(rows), observed_of(rows), measurers)


def loss(data: Rows, k: ServingConstants, used: NDArray[np.bool_]) -> float:
    """Huber's loss over the used rows, and the priors."""
    total = 0.0
    for metric, residual in data.residuals(k).items():
        r = residual[used & np.isfinite(residual)]
        r = np.abs(np.where(r > 0.0, np.expm1(r), r))
        bend = BENDS[metric]
        total += WEIGHTS[metric] * float(np.where(r < bend, r * r / 2 / bend, r - bend / 2).sum())
    prior = sum((np.log(getattr(k, n) / middle) / width) ** 2 for n, (middle, width) in PRIORS.items())
    return total + float(prior)


def fit(data: Rows, used: NDArray[np.bool_], rounds: int = ROUNDS) -> ServingConstants:
    """Constants from the priors, one after another moved while that helps."""
    k = replace(ServingConstants(), **{n: middle for n, (middle, _) in PRIORS.items()})
    best, rng = loss(data, k, used), np.random.default_rng(0)
    step = dict.fromkeys(PRIORS, 0.3)
    for _ in range(rounds):
        for name in rng.permutation(list(PRIORS)):
            better = _moved(k, str(name), step[name], lambda one: loss(data, one, used), best)
            if better is None:
                step[name] *= 0.5
            else:
                k, best = better
                step[name] = min(step[name] * 1.3, 1.0)
    return k


def _moved(
    k: ServingConstants, name: str, step: float, cost: Callable[[ServingConstants], float], best: float
) -> tuple[ServingConstants, float] | None:
    for sign in (1.0, -1.0):
        value = min(getattr(k, name) * float(np.exp(sign * step)), CAPS.get(name, np.inf))
        trial = replace(k, **{name: value})
        if (found := cost(trial)) < best - 1e-6:
            return trial, found
    return None


def family_of(row: ServingRow) -> str:
    """The family of models a row belongs to."""
    name = row.deployment.model.name
    return next((family for family in FAMILIES if name.startswith(family)), name)


def measurer_of(row: Mapping[str, str]) -> str:
    """Who measured: a public benchmark's weekly files or database, users of one tool, or authors."""
    if not row["id"].startswith("infx"):
        return "authors"
    return next((name for mark, name in MEASURERS.items() if mark in row["notes"]), "single runs")


def leave_out(data: Rows, groups: NDArray[np.str_]) -> None:
    """Residuals of each group under constants that never saw it; the 80 % interval over all of them."""
    unseen = {m: np.full(len(groups), np.nan) for m in METRICS}
    for group in dict.fromkeys(groups.tolist()):
        out = groups == group
        found = data.residuals(fit(data, ~out))
        for metric in METRICS:
            unseen[metric][out] = found[metric][out]
            _print(group, metric, found[metric][out])
    for metric in METRICS:
        _print("all, left out", metric, unseen[metric])
        seen = -unseen[metric][np.isfinite(unseen[metric])]
        low, high = (float(np.exp(np.quantile(seen, tail))) for tail in TAILS)
        print(f"  interval of {metric}: {low:.3f} to {high:.3f} of the forecast")


def _print(name: str, metric: str, residual: Array) -> None:
    r = residual[np.isfinite(residual)]
    if len(r):
        error = np.abs(np.exp(r) - 1.0)
        print(
            f"| {name} | {metric} | {len(r)} | {error.mean() * 100:.1f} % | {np.median(error) * 100:.1f} % "
            f"| {np.expm1(np.median(r)) * 100:+.1f} % |",
            flush=True,
        )


def main() -> None:
    """Runs from the command line."""
    data = read(Path(sys.argv[1]))
    groups = {"leave-out": [family_of(row) for row in data.rows], "measurers": data.measurers}
    if sys.argv[2:]:
        leave_out(data, np.array(groups[sys.argv[2]]))
        return
    k = fit(data, np.ones(len(data.rows), dtype=bool))
    for name in PRIORS:
        print(f"{name} = {getattr(k, name):.3g}", flush=True)
    for metric, residual in data.residuals(k).items():
        _print("all", metric, residual)


if __name__ == "__main__":
    main()
