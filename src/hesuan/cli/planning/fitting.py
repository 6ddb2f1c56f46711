"""``hesuan plan fit``: measured runs of one cluster → how far it is from the forecasts, and how sure."""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Sequence

from hesuan.cli.exits import Exit
from hesuan.cli.language import kind, said
from hesuan.cli.planning import answers, pictures, terminal
from hesuan.cli.planning.accuracy import Measured, draw
from hesuan.cli.planning.tables import read_table, require_training
from hesuan.errors import InputFault, declare
from hesuan.figures import Kind
from hesuan.planner.backtest.rows import Row, Unread, sorted_rows
from hesuan.planner.backtest.score import observations_of
from hesuan.planner.calibrate import Calibration, Observation, Source, fit, saved
from hesuan.planner.calibration import Calibration as Saved

ENOUGH = 5
NAMED = 4
"""Clusters that are named; of more the number."""
FACTORS = {
    "common": ("whole step", "整个单步"),
    "compute": ("compute and recomputation", "计算与重计算"),
    "tensor": ("tensor and context parallel communication", "张量与上下文并行通信"),
    "expert": ("expert parallel communication", "专家并行通信"),
    "data": ("data parallel communication", "数据并行通信"),
    "bubble": ("pipeline: bubble and sends", "流水线：气泡与收发"),
    "other": ("optimizer, data, launch", "优化器、数据、启动"),
    "tensor_degree": ("for each doubling of TP", "TP 每加倍"),
    "micro_tokens": ("for each doubling of a micro-batch", "微批每加倍"),
    "pipeline_degree": ("for each doubling of PP", "PP 每加倍"),
    "model_size": ("for each doubling of the model", "模型每加倍"),
    "seq": ("for each doubling of the sequence", "序列每加倍"),
    "full_recompute": ("with full recomputation", "全部重计算时"),
    "narrow": ("for each halving of the format", "格式每减半"),
    "era": ("for each later year of the software", "软件每晚一年"),
    "cards": ("for each doubling of the cards", "卡数每加倍"),
}
NOTHING_TO_FIT = declare(
    "plan.nothing_to_fit",
    en="No row of {path} has a step time that can be compared; {count} rows: {reason}.",
    zh="{path} 中没有可供比较单步耗时的行；共 {count} 行：{reason}。",
)


def run(asked: argparse.Namespace) -> Exit:
    """Fits and tells; with no row that can be used, nothing is fitted."""
    pictures.check(asked.plot)
    columns, records = read_table(asked.rows)
    require_training(asked.rows, columns)
    rows, unread = sorted_rows(records)
    observations = observations_of(rows)
    if not observations:
        reason = _reason(unread[0]) if unread else said(en="no metric is known", zh="没有已知指标")
        raise InputFault(NOTHING_TO_FIT, path=asked.rows, count=len(records), reason=reason)
    found = fit(observations)
    kept = _saved(asked, rows, records, observations) if asked.save else None
    if asked.as_json:
        answers.print_json(_plain(found, observations, unread))
    else:
        print("\n".join(text(found, observations, unread)))
    if kept:
        pictures.write_text(asked.save, kept.text())
        if not asked.as_json:
            print("\n".join(["", *_saved_lines(kept)]))
    if asked.plot:
        pictures.write(
            draw(_calibrated(found, observations), said(en="step time [s]", zh="单步耗时 [s]")), asked.plot
        )
    return Exit.DONE


def _saved(
    asked: argparse.Namespace,
    rows: Sequence[Row],
    records: Sequence[dict[str, str]],
    observations: Sequence[Observation],
) -> Saved:
    """What ``--save`` writes. A row's day counts as text: ISO days sort as they follow one another."""
    names = sorted({row.workload.cluster.name for row in rows if row.observed_s is not None})
    source = Source(
        file=str(asked.save),
        clusters=(asked.cluster,) if asked.cluster else tuple(names),
        rows_sha256=hashlib.sha256(asked.rows.read_bytes()).hexdigest(),
        dated=asked.date or max((record.get("date", "") for record in records), default=""),
    )
    return saved(observations, source)


def _saved_lines(kept: Saved) -> list[str]:
    names = ", ".join(kept.clusters)
    return [
        said(
            en=f"Saved to {kept.file}: holds for {kept.chip} on {names}; use: --calibration {kept.file}",
            zh=f"已存入 {kept.file}：适用于 {names} 的 {kept.chip}。用法：--calibration {kept.file}",
        )
    ]


def some(names: Sequence[str]) -> str:
    """The first few names and how many more: a table of many clusters would fill the screen with them."""
    rest = len(names) - NAMED
    if rest < 1:
        return ", ".join(names)
    return ", ".join(names[:NAMED]) + said(en=f" and {rest} more", zh=f" 等，另有 {rest} 个")


def text(found: Calibration, observations: Sequence[Observation], unread: Sequence[Unread]) -> list[str]:
    """Factors with their intervals, then every run measured beside forecast."""
    clusters = some(sorted({one.cluster for one in observations}))
    lines = [
        said(
            en=f"{found.rows} measured runs of {clusters}; {kind(Kind.CALIBRATED)}.",
            zh=f"{clusters} 的 {found.rows} 次实测运行；{kind(Kind.CALIBRATED)}。",
        )
    ]
    if found.rows < ENOUGH:
        lines.append(
            said(
                en=f"Five runs are better than {found.rows}: the intervals are wide because little is known.",
                zh=f"五次运行胜过 {found.rows} 次：所知甚少，故区间较宽。",
            )
        )
    lines += [
        "",
        said(
            en="Factors on time (1: as forecast; above 1: slower)",
            zh="耗时系数（1 为与预测相同，大于 1 为更慢）",
        ),
    ]
    lines += _factor_lines(found)
    lines += ["", said(en="Runs", zh="各次运行"), *_run_lines(found, observations)]
    if unread:
        lines += ["", said(en="Rows that could not be used", zh="无法使用的行")]
        lines += [f"  {one.id}: {_reason(one)}" for one in unread]
    return lines


def _reason(one: Unread) -> str:
    return said(en=one.reason, zh=one.reason_zh or one.reason)


def _factor_lines(found: Calibration) -> list[str]:
    rows = []
    for name, factor, low, high in found.factors():
        en, zh = FACTORS.get(name, (name, name))
        rows.append((said(en=en, zh=zh), f"{factor:.3f}", f"{low:.3f} – {high:.3f}"))
    heads = [
        ("", "left"),
        (said(en="factor", zh="系数"), "right"),
        (said(en="80 % interval", zh="80% 区间"), "left"),
    ]
    return terminal.table(heads, rows, "  ")


def _run_lines(found: Calibration, observations: Sequence[Observation]) -> list[str]:
    rows = []
    for one in observations:
        low, middle, high = found.apply(one)
        rows.append(
            (
                one.id,
                terminal.seconds(one.observed_s),
                terminal.seconds(one.predicted_s),
                _error(one.predicted_s, one.observed_s),
                terminal.seconds(middle),
                f"{terminal.seconds(low)} – {terminal.seconds(high)}",
                _error(middle, one.observed_s),
                one.plan,
            )
        )
    heads = [
        (said(en="run", zh="运行"), "left"),
        (said(en="measured", zh="实测"), "right"),
        (said(en="forecast", zh="预测"), "right"),
        (said(en="error", zh="误差"), "right"),
        (said(en="calibrated", zh="校准后"), "right"),
        (said(en="80 % interval", zh="80% 区间"), "left"),
        (said(en="residual", zh="残差"), "right"),
        (said(en="plan", zh="并行方案"), "left"),
    ]
    return terminal.table(heads, rows, "  ")


def _error(said_s: float, measured_s: float) -> str:
    return f"{100 * (said_s / measured_s - 1):+.1f} %"


def _calibrated(found: Calibration, observations: Sequence[Observation]) -> list[Measured]:
    """Every run twice: as forecast and as calibrated."""
    before, after = said(en="forecast", zh="预测"), said(en="calibrated", zh="校准后")
    points = []
    for one in observations:
        middle = found.apply(one)[1]
        points.append(Measured(one.id, one.plan, before, one.observed_s, one.predicted_s))
        points.append(Measured(one.id, one.plan, after, one.observed_s, middle))
    return points


def _plain(
    found: Calibration, observations: Sequence[Observation], unread: Sequence[Unread]
) -> dict[str, object]:
    """The answer for programs: units are in the names, factors and residuals are shares of time."""
    factors = [
        {"name": name, "factor": factor, "low": low, "high": high}
        for name, factor, low, high in found.factors()
    ]
    runs = []
    for one in observations:
        low, middle, high = found.apply(one)
        runs.append(
            {
                "id": one.id,
                "plan": one.plan,
                "observed_s": one.observed_s,
                "predicted_s": one.predicted_s,
                "calibrated_s": middle,
                "low_s": low,
                "high_s": high,
                "residual": math.log(one.observed_s / middle),
            }
        )
    return {
        "rows": found.rows,
        "noise": found.noise,
        "factors": factors,
        "runs": runs,
        "unread": [{"id": one.id, "reason": one.reason} for one in unread],
    }
