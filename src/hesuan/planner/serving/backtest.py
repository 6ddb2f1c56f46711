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
from hesuan.planner.tables import Said, english, percent, table

WORST = 12
SHRINK = 2.0
"""Rows' worth of trust in the model against a family's own rows."""
METRIC_NAMES = {
    "tpot_s": "TPOT",
    "ttft_s": "TTFT",
    "tokens_per_s_per_chip": "tokens/s per card",
    "latency_s": "operator latency",
}
METRICS_ZH = {"tokens/s per card": "每卡词元/s", "operator latency": "算子时延"}
TITLES_ZH = {"phase": "阶段", "chip": "芯片", "model": "模型", "engine": "引擎", "source": "来源"}
HEAD = (
    ("", ""),
    ("numbers", "数值个数"),
    ("MAPE", "MAPE"),
    ("median", "中位数"),
    ("bias", "偏差"),
    ("90 % below", "90% 低于"),
    ("in 80 %", "落入 80% 区间"),
    ("worst row", "最差的行"),
)


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

    def text(self, said: Said = english) -> str:
        """The report as Markdown tables, readable in a terminal."""
        lost = len(self.unscored)
        count = said(
            en=f"{self.rows} serving rows, {lost} of them not forecast",
            zh=f"推理数据 {self.rows} 行，其中 {lost} 行未能预测",
        )
        sections = [
            count,
            _table(said(en="All rows", zh="全部"), self.plain, said),
            _table(said(en="One factor per family", zh="每族一个系数"), self.shifted, said),
        ]
        for name, groups in self.by.items():
            sections.append(_table(said(en=f"By {name}", zh=f"按{TITLES_ZH[name]}"), groups, said))
        sections.append(_misses(self.worst, said))
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


def _table(title: str, groups: dict[str, ServingErrors], said: Said) -> str:
    if not groups:
        return ""
    rows = [
        (
            _group(name, said),
            str(e.runs),
            percent(e.mape),
            percent(e.median),
            percent(e.bias, signed=True),
            percent(e.p90),
            percent(e.coverage),
            f"{e.worst_id} {percent(e.worst, signed=True)}",
        )
        for name, e in groups.items()
    ]
    return f"### {title}\n\n" + table([said(en=en, zh=zh) for en, zh in HEAD], rows)


def _group(name: str, said: Said) -> str:
    metric, dot, rest = name.replace("|", "/").partition(" · ")
    return said(en=metric, zh=METRICS_ZH.get(metric, metric)) + dot + rest


def _misses(worst: Sequence[Miss], said: Said) -> str:
    lines = [f"### {said(en='Furthest off', zh='误差最大')}", ""]
    for m in worst:
        metric = said(en=m.metric, zh=METRICS_ZH.get(m.metric, m.metric))
        found = said(
            en=f"{m.predicted:.4g} forecast, {m.observed:.4g} seen",
            zh=f"预测 {m.predicted:.4g}，实测 {m.observed:.4g}",
        )
        place = said(en=f"{m.model} on {m.chip}, {m.layout}", zh=f"{m.chip} 上的 {m.model}，{m.layout}")
        lines.append(f"- {m.id} {metric}: {found} · {place}")
    return "\n".join(lines) if worst else ""


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
