"""The report as text: tables in Markdown, which read as well in a terminal as in
``docs/model/accuracy.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from hesuan.planner.backtest.errors import Errors
from hesuan.planner.backtest.memory import MemoryErrors
from hesuan.planner.backtest.report import Calibrated, Report
from hesuan.planner.tables import Said, english, percent, table

TITLES = {
    "chip": ("By chip family", "按芯片系列"),
    "kind": ("By kind of model", "按模型类别"),
    "tier": ("By tier of the row", "按数据等级"),
    "metric": ("By published metric", "按公布的指标"),
    "source": ("By source and chip family", "按来源与芯片系列"),
}
HEAD = (
    ("", ""),
    ("rows", "行数"),
    ("MAPE", "MAPE"),
    ("median", "中位数"),
    ("bias", "偏差"),
    ("90 % below", "90% 低于"),
    ("worst", "最差"),
    ("worst row", "最差的行"),
)
KINDS = {"dense": "稠密", "moe": "MoE"}


def text_of(report: Report, said: Said = english) -> str:
    """The whole report; the numbers of calibration first, then who is missed."""
    sections = [_calibrations(report, said), _memory(report, said), _rankings(report, said)]
    sections += [_breakdown(name, groups, said) for name, groups in report.by.items()]
    sections += [_worst(report, said), _unscored(report, said)]
    return "\n\n".join(section for section in sections if section) + "\n"


def errors_row(name: str, errors: Errors) -> tuple[str, ...]:
    """One line of an error table."""
    return (
        name,
        str(errors.runs),
        percent(errors.mape),
        percent(errors.median),
        percent(errors.bias, signed=True),
        percent(errors.p90),
        percent(errors.worst, signed=True),
        errors.worst_id,
    )


def _errors_table(rows: Iterable[tuple[str, ...]], said: Said) -> str:
    return table([said(en=en, zh=zh) for en, zh in HEAD], rows)


def _calibrations(report: Report, said: Said) -> str:
    lines: list[tuple[str, ...]] = []
    parts = (
        ("everything", said(en="all", zh="全部")),
        ("dense", said(en="dense", zh="稠密")),
        ("moe", "MoE"),
    )
    kinds = _kinds(report, said)
    for name, one in kinds:
        for part, told in parts:
            lines.append(errors_row(said(en=f"{name}: {told}", zh=f"{name}：{told}"), getattr(one, part)))
    cover = [
        said(
            en=f"The 80 % interval covers {percent(one.coverage)} of the rows ({name}).",
            zh=f"80% 区间覆盖 {percent(one.coverage)} 的行（{name}）。",
        )
        for name, one in kinds
        if one.coverage is not None and math.isfinite(one.coverage)
    ]
    scored, lost = report.plain.everything.runs, len(report.unscored)
    counted = said(
        en=f"{report.rows} rows, {scored} scored by step time, {lost} not.",
        zh=f"共 {report.rows} 行，按单步耗时计分 {scored} 行，未计分 {lost} 行。",
    )
    title = said(en="Step time", zh="单步耗时")
    return "\n\n".join([f"## {title}\n\n{counted}", _errors_table(lines, said), *cover])


def _kinds(report: Report, said: Said) -> tuple[tuple[str, Calibrated], ...]:
    """Every kind of calibration by its name."""
    return (
        (said(en="no calibration", zh="未校准"), report.plain),
        (
            said(
                en="one scalar per chip and era, own family left out",
                zh="每种芯片与年代一个系数，不含本族",
            ),
            report.one_scalar,
        ),
        (
            said(
                en="one scalar per chip and era, own measurer left out",
                zh="每种芯片与年代一个系数，不含本测量方",
            ),
            report.one_scalar_stranger,
        ),
        (said(en="five rows per cluster", zh="每个集群五行"), report.five_rows),
    )


def _memory(report: Report, said: Said) -> str:
    m = report.memory
    mape, bias, worst = percent(m.mape), percent(m.bias, signed=True), m.worst_id or "–"
    lost, crashes = len(m.lost_plans), len(m.crashes)
    lines = [
        said(
            en=f"Published peaks: {m.peaks}; MAPE {mape}, bias {bias}, worst {worst}.",
            zh=f"公布的峰值：{m.peaks} 个；MAPE {mape}，偏差 {bias}，最差 {worst}。",
        ),
        said(
            en=f"Published as finished: {m.feasible}; forecast out of memory: {lost}",
            zh=f"公布为跑完：{m.feasible} 次；预测为显存不足：{lost} 次",
        )
        + _ids(m.lost_plans[:12], said),
        said(
            en=f"Published as out of memory: {m.out_of_memory}; forecast to fit: {crashes}",
            zh=f"公布为显存不足：{m.out_of_memory} 次；预测为放得下：{crashes} 次",
        )
        + _ids(m.crashes, said),
    ]
    title = f"## {said(en='Memory', zh='显存')}\n\n" + "\n".join(f"- {line}" for line in lines)
    return f"{title}\n\n{_peaks_table(m, said)}" if m.by_origin else title


def _peaks_table(m: MemoryErrors, said: Said) -> str:
    """Errors of the published peaks by source."""
    heads = ("", said(en="peaks", zh="峰值数"), "MAPE", said(en="bias", zh="偏差"))
    rows = [(o.origin, str(o.peaks), percent(o.mape), percent(o.bias, signed=True)) for o in m.by_origin]
    return table(heads, rows)


def _ids(ids: tuple[str, ...], said: Said) -> str:
    if not ids:
        return said(en=".", zh="。")
    return said(en=f" ({', '.join(ids)}).", zh=f"（{'、'.join(ids)}）。")


def _rankings(report: Report, said: Said) -> str:
    if not report.rankings:
        return ""
    rows = [
        (r.workload, r.origin, str(r.plans), percent(r.regret), f"{r.tau:.2f}", str(r.pairs))
        for r in report.rankings
    ]
    heads = (
        said(en="workload", zh="负载"),
        said(en="source", zh="来源"),
        said(en="plans", zh="方案数"),
        said(en="regret", zh="遗憾值"),
        said(en="Kendall tau", zh="Kendall τ"),
        said(en="pairs", zh="数对"),
    )
    return f"## {said(en='Choice among measured plans', zh='在实测方案中的选择')}\n\n" + table(heads, rows)


def _breakdown(name: str, groups: dict[str, Errors], said: Said) -> str:
    en, zh = TITLES[name]
    title = said(en=f"{en}, no calibration", zh=f"{zh}，未校准")
    named = {said(en=group, zh=KINDS.get(group, group)): e for group, e in groups.items()}
    return f"## {title}\n\n" + _errors_table([errors_row(n, e) for n, e in named.items()], said)


def _worst(report: Report, said: Said) -> str:
    rows = [
        (
            w.id,
            w.model,
            w.plan,
            f"{w.observed_s:.3g}",
            f"{w.predicted_s:.3g}",
            percent(w.predicted_s / w.observed_s - 1, signed=True),
        )
        for w in report.worst
    ]
    heads = (
        said(en="row", zh="行"),
        said(en="workload", zh="负载"),
        said(en="plan", zh="并行方案"),
        said(en="measured [s]", zh="实测 [s]"),
        said(en="forecast [s]", zh="预测 [s]"),
        said(en="error", zh="误差"),
    )
    return f"## {said(en='Worst rows', zh='误差最大的行')}\n\n" + table(heads, rows)


def _unscored(report: Report, said: Said) -> str:
    if not report.unscored:
        return ""
    heads = (said(en="row", zh="行"), said(en="reason", zh="理由"))
    title = said(en="Rows that could not be forecast", zh="无法预测的行")
    rows = [(u.id, said(en=u.reason, zh=u.reason_zh or u.reason)) for u in report.unscored]
    return f"## {title}\n\n" + table(heads, rows)
