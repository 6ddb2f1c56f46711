"""The report as text: tables in Markdown, which read as well in a terminal as in
``docs/model/accuracy.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from hesuan.planner.backtest.errors import Errors
from hesuan.planner.backtest.report import Calibrated, Report

TITLES = {
    "chip": "By chip family",
    "kind": "By kind of model",
    "tier": "By tier of the row",
    "metric": "By published metric",
    "source": "By source and chip family",
}
HEAD = ("", "rows", "MAPE", "median", "bias", "90 % below", "worst", "worst row")


def text_of(report: Report) -> str:
    """The whole report; the numbers of calibration first, then who is missed."""
    sections = [_calibrations(report), _memory(report), _rankings(report)]
    sections += [_breakdown(TITLES[name], groups) for name, groups in report.by.items()]
    sections += [_worst(report), _unscored(report)]
    return "\n\n".join(section for section in sections if section) + "\n"


def percent(value: float, *, signed: bool = False) -> str:
    """A share in per cent with one decimal; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    return f"{value * 100:+.1f} %" if signed else f"{value * 100:.1f} %"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, first column left, others right."""
    body = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in body) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = "|".join(("-" * (w + 2)) if i == 0 else ("-" * (w + 1) + ":") for i, w in enumerate(widths))
    return "\n".join([line(body[0]), f"|{rule}|", *[line(row) for row in body[1:]]])


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


def _calibrations(report: Report) -> str:
    lines: list[tuple[str, ...]] = []
    kinds: tuple[tuple[str, Calibrated], ...] = (
        ("no calibration", report.plain),
        ("one scalar per chip and era, own family left out", report.one_scalar),
        ("one scalar per chip and era, own measurer left out", report.one_scalar_stranger),
        ("five rows per cluster", report.five_rows),
    )
    for name, one in kinds:
        lines += [
            errors_row(f"{name}: all", one.everything),
            errors_row(f"{name}: dense", one.dense),
            errors_row(f"{name}: MoE", one.moe),
        ]
    cover = [
        f"The 80 % interval covers {percent(one.coverage)} of the rows ({name})."
        for name, one in kinds
        if one.coverage is not None and math.isfinite(one.coverage)
    ]
    counted = (
        f"{report.rows} rows, {report.plain.everything.runs} scored by step time, {len(report.unscored)} not."
    )
    return "\n\n".join([f"## Step time\n\n{counted}", table(HEAD, lines), *cover])


def _memory(report: Report) -> str:
    m = report.memory
    lines = [
        f"Published peaks: {m.peaks}; MAPE {percent(m.mape)}, bias {percent(m.bias, signed=True)}, "
        f"worst {m.worst_id or '–'}.",
        f"Published as finished: {m.feasible}; forecast out of memory: {len(m.lost_plans)}"
        + (f" ({', '.join(m.lost_plans[:12])})." if m.lost_plans else "."),
        f"Published as out of memory: {m.out_of_memory}; forecast to fit: {len(m.crashes)}"
        + (f" ({', '.join(m.crashes)})." if m.crashes else "."),
    ]
    return "## Memory\n\n" + "\n".join(f"- {line}" for line in lines)


def _rankings(report: Report) -> str:
    if not report.rankings:
        return ""
    rows = [
        (r.workload, r.origin, str(r.plans), percent(r.regret), f"{r.tau:.2f}", str(r.pairs))
        for r in report.rankings
    ]
    return "## Choice among measured plans\n\n" + table(
        ("workload", "source", "plans", "regret", "Kendall tau", "pairs"), rows
    )


def _breakdown(title: str, groups: dict[str, Errors]) -> str:
    return f"## {title}, no calibration\n\n" + table(HEAD, [errors_row(n, e) for n, e in groups.items()])


def _worst(report: Report) -> str:
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
    return "## Worst rows\n\n" + table(
        ("row", "workload", "plan", "measured [s]", "forecast [s]", "error"), rows
    )


def _unscored(report: Report) -> str:
    if not report.unscored:
        return ""
    return "## Rows that could not be forecast\n\n" + table(
        ("row", "reason"), [(u.id, u.reason) for u in report.unscored]
    )
