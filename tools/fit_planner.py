"""Fits the planner's universal constants to published rows and writes them as data with date and provenance.

    python -m tools.fit_planner ROWS.csv            fit on all rows, print errors
    python -m tools.fit_planner ROWS.csv --folds    and leave families out in turn: what unseen rows will say
    python -m tools.fit_planner ROWS.csv --write    and write src/hesuan/planner/fitted.py

Few constants, physically bounded, each held by an opinion (its start) as strongly as ``width`` says. Rows
weigh by tier, and all rows of one measurer together weigh as the square root of their number.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hesuan.planner.backtest.rows import Row, read_rows
from hesuan.planner.backtest.score import Batch, origin_of
from hesuan.planner.calibrate.conformal import weighted_quantile
from hesuan.planner.calibrate.gauss_newton import Knob, fit_knobs, jacobian_of, refit_linear
from hesuan.planner.constants import DEFAULT, Constants

START = Constants()
"""The opinion: physical estimates, never an earlier fit."""
FITTED = Path(__file__).parents[1] / "src/hesuan/planner/fitted.py"
TIER_WEIGHT = {"A": 1.0, "B": 0.5, "C": 0.1}
STRENGTH = 1.0
"""Weight of one row beside the opinion: rows of one measurer repeat one another."""
BOUNDS: dict[str, tuple[float, float, float]] = {
    "gemm_share_fp8": (0.60, 1.35, 0.25),
    "wave_elements": (1e5, 2e7, 0.80),
    "plain_attention_bytes": (5.0, 30.0, 0.50),
    "tp_overlap": (0.05, 0.90, 0.50),
    "dp_overlap": (0.20, 0.95, 0.30),
    "moe_host_s": (5e-4, 1e-2, 0.60),
    "scan_share": (0.01, 0.5, 0.80),
    "fp4_wide_share": (0.01, 0.4, 0.80),
}
"""Low, high, and how far rows may pull the constant from its start [log].

Every other constant stays at its physical estimate. Of 22 that once moved, 14 made rows of families and
measurers left out worse or no better, so they learnt measurers, not machines.
"""


def weights_of(rows: Sequence[Row]) -> NDArray[np.float64]:
    """One weight per row: tier over the square root of its origin's rows; rows without a plan count a
    third.
    """
    counts = Counter(origin_of(row.source) for row in rows)
    return np.array(
        [
            TIER_WEIGHT.get(row.tier, 0.5)
            * (1.0 if row.plan_known else 0.3)
            * (row.is_sane or 0.05)
            / np.sqrt(counts[origin_of(row.source)])
            for row in rows
        ]
    )


def fitted_on(rows: Sequence[Row], start: Constants = START, rounds: int = 8) -> Constants:
    """Constants fitted to these rows."""
    batch = Batch.of(rows)
    observed = np.log(np.array([row.observed_s for row in rows], float))

    def residuals(values: dict[str, float]) -> NDArray[np.float64]:
        return np.asarray(observed - np.log(batch.step_s(moved(start, values))))

    begin = {name: float(getattr(DEFAULT, name)) for name in BOUNDS}
    best = fit_knobs(residuals, knobs_of(start), STRENGTH * weights_of(rows), rounds=rounds, begin=begin)
    return moved(start, best)


def knobs_of(start: Constants) -> list[Knob]:
    """The constants that may move."""
    return [Knob(name, getattr(start, name), *bounds) for name, bounds in BOUNDS.items()]


def moved(start: Constants, values: dict[str, float]) -> Constants:
    """``start`` with some constants replaced by name."""
    return dataclasses.replace(start, **values)  # type: ignore[arg-type]


def family_of(row: Row) -> str:
    """Measurer, model and chip: what is left out together."""
    return f"{origin_of(row.source)} {row.workload.model.name} {row.workload.cluster.chip.name}"


def mape(rows: Sequence[Row], constants: Constants) -> float:
    """Mean absolute relative error of step time."""
    observed = np.array([row.observed_s for row in rows], float)
    return float(np.mean(np.abs(Batch.of(rows).step_s(constants) / observed - 1)))


def left_out(rows: Sequence[Row], best: Constants, key: Callable[[Row], str]) -> NDArray[np.float64]:
    """Log residual of every row under constants refitted without all rows of its ``key``.

    The refit takes the model as linear in the logs of the constants around ``best``; its rows are forecast by
    the model itself.
    """
    batch, knobs = Batch.of(rows), knobs_of(START)
    observed = np.log(np.array([row.observed_s for row in rows], float))

    def named(p: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(BOUNDS, np.exp(p).tolist(), strict=True))

    def residuals(values: dict[str, float]) -> NDArray[np.float64]:
        return np.asarray(observed - np.log(batch.step_s(moved(best, values))))

    at = np.log([getattr(best, name) for name in BOUNDS])
    r = residuals(named(at))
    jacobian = jacobian_of(residuals, named, at, r, np.log([k.high for k in knobs]))
    keys, weights, found = [key(row) for row in rows], STRENGTH * weights_of(rows), r.copy()
    for one in sorted(set(keys)):
        out = np.array([k == one for k in keys])
        p = refit_linear(jacobian, r, at, knobs, np.where(out, 0.0, weights))
        own = Batch.of([row for row, left in zip(rows, out, strict=True) if left])
        found[out] = observed[out] - np.log(own.step_s(moved(best, named(p))))
    return found


def _mape(residuals: NDArray[np.float64]) -> float:
    return float(np.mean(np.abs(np.expm1(-residuals))))


def half_widths(rows: Sequence[Row], residuals: NDArray[np.float64]) -> dict[str, float]:
    """Conformal half-widths [log] of the 80 % interval from left-out residuals, dense and MoE apart."""
    counts = Counter(origin_of(row.source) for row in rows)
    found = {}
    for name, moe in (("interval", False), ("interval_moe", True)):
        at = [i for i, row in enumerate(rows) if row.workload.model.is_moe == moe and row.tier != "C"]
        weights = [1 / np.sqrt(counts[origin_of(rows[i].source)]) for i in at]
        found[name] = weighted_quantile([abs(residuals[i]) for i in at], weights)
    return found


def written(values: dict[str, float], words: Sequence[str], unseen: float) -> str:
    """The data module: fitted values by name, and how they came about."""
    lines = "".join(f'    "{name}": {value:.4g},\n' for name, value in values.items())
    return (
        '"""Constants fitted to published rows. Written by ``tools.fit_planner``; do not edit."""\n\n'
        "from __future__ import annotations\n\nfrom typing import Any\n\n"
        "PROVENANCE = (\n" + "".join(f'    "{line}"\n' for line in words) + ")\n"
        f'LEFT_OUT = {unseen:.4g}\n"""Step-time MAPE of rows whose family was left out of the fit."""\n'
        f"FITTED: dict[str, Any] = {{\n{lines}}}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the fit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path)
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args(arguments)
    read, unread = read_rows(given.rows)
    rows = [row for row in read if row.observed_s is not None]
    before = mape(rows, START)
    print(f"{len(rows)} rows, {len(unread)} unread; before: MAPE {before:.4f}", flush=True)
    best = fitted_on(rows, rounds=given.rounds)
    after = mape(rows, best)
    print(f"after: MAPE {after:.4f}")
    values = {name: float(getattr(best, name)) for name in BOUNDS}
    for name, value in values.items():
        print(f"  {name:24s} {getattr(START, name):10.4g} -> {value:10.4g}")
    unseen = 0.0
    if given.folds or given.write:
        residuals = left_out(rows, best, family_of)
        strange = left_out(rows, best, lambda row: origin_of(row.source))
        print(f"left out by measurer: MAPE {_mape(strange):.4f}")
        unseen = _mape(residuals)
        values |= half_widths(rows, residuals)
        print(f"left out by family: MAPE {unseen:.4f}, median {np.median(np.abs(residuals)):.4f}")
        print(f"  interval {values['interval']:.3f}, interval_moe {values['interval_moe']:.3f}")
    if given.write:
        day = datetime.datetime.now(datetime.UTC).date()
        words = (
            f"fitted on {day} by tools/fit_planner.py to {len(rows)} published rows: ",
            f"step-time MAPE {before:.1%} before, {after:.1%} after, {unseen:.1%} with the family left out, ",
            f"{_mape(strange):.1%} with the measurer left out",
        )
        FITTED.write_text(written(values, words, unseen), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
