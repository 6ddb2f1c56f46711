"""``backtest(rows)``: published serving rows beside forecasts, by metric, phase, chip, engine and source.

Takes any table with the columns of ``inference.csv``. Rows that cannot be forecast are counted with their
reason. ``shifted`` errors are those left after one factor for each metric and family was learnt from *other*
rows of that family: what one calibration run of a deployment would buy.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from hesuan.planner.serving.constants import DEFAULT, ServingConstants
from hesuan.planner.serving.names import NAMES
from hesuan.planner.serving.rows import Names, Row, ServingRow, Unreadable, read_row
from hesuan.planner.serving.scoring import Scored, score

WORST = 12
SHRINK = 2.0
"""Rows' worth of trust in the model against a family's own rows."""
METRIC_NAMES = {
    "tpot_s": "TPOT",
    "ttft_s": "TTFT",
    "tokens_per_s_per_chip": "tokens/s per card",
    "latency_s": "operator latency",
}
HEAD = ("", "numbers", "MAPE", "median", "bias", "90 % below", "in 80 %", "worst row")


@dataclass(frozen=True, slots=True)
class ServingErrors:
    """Errors of one group of numbers, as shares of the observed value."""

    runs: int
    mape: float
    median: float
    bias: float
    """Median of predicted over observed, less 1."""
    p90: float
    coverage: float
    """Share inside the printed 80 % interval; NaN where none is printed."""
    worst: float
    worst_id: str


@dataclass(frozen=True, slots=True)
class Miss:
    """One number far off."""

    id: str
    metric: str
    model: str
    chip: str
    layout: str
    observed: float
    predicted: float


@dataclass(frozen=True, slots=True)
class ServingReport:
    """Everything the back-test says. ``by`` holds errors per breakdown and group."""

    rows: int
    unscored: tuple[Unreadable, ...]
    plain: dict[str, ServingErrors]
    shifted: dict[str, ServingErrors]
    by: dict[str, dict[str, ServingErrors]]
    worst: tuple[Miss, ...]

    def json(self) -> str:
        """The report as JSON; numbers that do not exist are null."""
        return json.dumps(_plain(asdict(self)), ensure_ascii=False, indent=1, sort_keys=True)

    def text(self) -> str:
        """The report as Markdown tables, readable in a terminal."""
        count = f"{self.rows} serving rows, {len(self.unscored)} of them not forecast"
        sections = [count, _table("All rows", self.plain), _table("One factor per family", self.shifted)]
        sections += [_table(f"By {name}", groups) for name, groups in self.by.items()]
        sections.append(_misses(self.worst))
        sections += [f"- {row.id}: {row.reason}" for row in self.unscored]
        return "\n\n".join(section for section in sections if section) + "\n"


def backtest(
    rows: Iterable[Row], constants: ServingConstants = DEFAULT, names: Names = NAMES
) -> ServingReport:
    """Scores every row of a table with the columns of ``inference.csv``."""
    read = [read_row(row, names) for row in rows]
    usable = [row for row in read if isinstance(row, ServingRow)]
    every = score(usable, constants)
    scored = [one for one in every if _finite(one)]
    lost = {one.row.id: _unreadable(one.row) for one in every if not _finite(one)}
    return ServingReport(
        rows=len(read),
        unscored=(*(row for row in read if isinstance(row, Unreadable)), *lost.values()),
        plain=_grouped(scored, constants, lambda s: METRIC_NAMES[s.metric]),
        shifted=_shifted(scored, constants),
        by={name: _grouped(scored, constants, key) for name, key in BREAKDOWNS.items()},
        worst=_worst(scored),
    )


def _finite(one: Scored) -> bool:
    return math.isfinite(one.predicted) and one.predicted > 0.0 and one.observed > 0.0


def _unreadable(row: ServingRow) -> Unreadable:
    return Unreadable(row.id, row.chip, row.phase, "the formulas give no finite number for it")


def _named(what: Callable[[Scored], str]) -> Callable[[Scored], str]:
    return lambda s: f"{METRIC_NAMES[s.metric]} · {what(s)}"


BREAKDOWNS: dict[str, Callable[[Scored], str]] = {
    "phase": _named(lambda s: s.row.phase),
    "chip": _named(lambda s: s.row.deployment.cluster.chip.name),
    "model": _named(lambda s: s.row.deployment.model.name),
    "engine": _named(lambda s: s.row.serving.engine),
    "source": _named(lambda s: s.row.family),
}


def _grouped(
    scored: Sequence[Scored], k: ServingConstants, key: Callable[[Scored], str]
) -> dict[str, ServingErrors]:
    groups: dict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        groups[key(one)].append(one)
    return {name: errors_of(groups[name], k) for name in sorted(groups)}


def errors_of(scored: Sequence[Scored], k: ServingConstants) -> ServingErrors:
    """Errors of some numbers."""
    error = np.array([abs(s.predicted / s.observed - 1.0) for s in scored])
    ratio = np.array([s.predicted / s.observed for s in scored])
    inside = [_inside(s, k) for s in scored]
    known = [one for one in inside if one is not None]
    worst = int(np.argmax(np.abs(np.log(ratio))))
    return ServingErrors(
        runs=len(scored),
        mape=float(error.mean()),
        median=float(np.median(error)),
        bias=float(np.median(ratio) - 1.0),
        p90=float(np.quantile(error, 0.9)),
        coverage=float(np.mean(known)) if known else math.nan,
        worst=float(ratio[worst] - 1.0),
        worst_id=scored[worst].row.id,
    )


def _inside(one: Scored, k: ServingConstants) -> bool | None:
    bounds = k.interval(one.metric)
    if bounds is None:
        return None
    return bounds[0] * one.predicted <= one.observed <= bounds[1] * one.predicted


def _shifted(scored: Sequence[Scored], k: ServingConstants) -> dict[str, ServingErrors]:
    """Each number after the median residual of the other rows of its family and metric is taken off."""
    families: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for one in scored:
        families[one.row.family + one.row.deployment.model.name, one.metric].append(one)
    moved: list[Scored] = []
    for members in families.values():
        residual = np.array([m.residual for m in members])
        for i, one in enumerate(members):
            others = np.delete(residual, i)
            shift = float(np.median(others)) * len(others) / (len(others) + SHRINK) if len(others) else 0.0
            moved.append(Scored(one.row, one.metric, one.observed, one.predicted * math.exp(-shift)))
    return _grouped(moved, k, lambda s: METRIC_NAMES[s.metric])


def _worst(scored: Sequence[Scored]) -> tuple[Miss, ...]:
    ordered = sorted(scored, key=lambda s: (-abs(s.residual), s.row.id))[:WORST]
    return tuple(
        Miss(
            s.row.id,
            METRIC_NAMES[s.metric],
            s.row.deployment.model.name,
            s.row.chip,
            _layout(s.row),
            s.observed,
            s.predicted,
        )
        for s in ordered
    )


def _layout(row: ServingRow) -> str:
    pool = row.deployment.decode
    return (
        f"{row.phase} {row.serving.isl:g}/{row.serving.osl:g} c{row.serving.concurrency:g} "
        f"{pool.instances:g}x(tp{pool.tp} dp{pool.dp} ep{pool.ep})"
    )


def _percent(value: float, *, signed: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value * 100:+.1f} %" if signed else f"{value * 100:.1f} %"


def _table(title: str, groups: dict[str, ServingErrors]) -> str:
    if not groups:
        return ""
    lines = [f"### {title}", "", f"| {' | '.join(HEAD)} |", f"|---|{'---:|' * (len(HEAD) - 1)}"]
    for name, e in groups.items():
        cells = (
            name.replace("|", "/"),
            str(e.runs),
            _percent(e.mape),
            _percent(e.median),
            _percent(e.bias, signed=True),
            _percent(e.p90),
            _percent(e.coverage),
            f"{e.worst_id} {_percent(e.worst, signed=True)}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _misses(worst: Sequence[Miss]) -> str:
    lines = ["### Furthest off", ""]
    lines += [
        f"- {m.id} {m.metric}: {m.predicted:.4g} forecast, {m.observed:.4g} seen"
        f" · {m.model} on {m.chip}, {m.layout}"
        for m in worst
    ]
    return "\n".join(lines) if worst else ""


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
