"""``hesuan plan backtest``: what the planner says of measured rows, and by how much it errs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning import pictures
from hesuan.cli.planning.accuracy import Measured, draw
from hesuan.cli.planning.progress import showing
from hesuan.cli.planning.tables import read_table, require_training
from hesuan.errors import InputFault, declare
from hesuan.planner import serving
from hesuan.planner.backtest.report import Report, Unscored, report_of
from hesuan.planner.backtest.rows import Row, Unread, sorted_rows
from hesuan.planner.backtest.score import observations_of, peaks_of_rows
from hesuan.planner.backtest.text import text_of
from hesuan.planner.calibrate import Observation
from hesuan.planner.serving.names import NAMES
from hesuan.planner.serving.rows import ServingRow, read_row
from hesuan.planner.serving.scoring import score

NO_ROWS = declare(
    "plan.no_rows",
    en="No rows: name a CSV with `--rows FILE.csv`, or the folder of training.csv in HESUAN_MEASUREMENTS.",
    zh="没有数据：请用 `--rows FILE.csv` 指定 CSV，或在 HESUAN_MEASUREMENTS 中写明 training.csv 所在文件夹。",
)
VARIABLES = {
    "HESUAN_MEASUREMENTS": "folder of `training.csv`, which `hesuan plan backtest` scores by default"
}


def run(asked: argparse.Namespace) -> Exit:
    """Scores a table of trainings or of servings, whichever its columns say it is."""
    pictures.check(asked.plot)
    path = asked.rows or _default()
    columns, records = read_table(path)
    with showing(said(en="scoring", zh="评分中")) as progress:
        progress.step(0, 1)
        if serving.is_serving_table(columns):
            return _servings(asked, records)
        require_training(path, columns)
        return _trainings(asked, records)


def _default() -> Path:
    """The table of the folder that the environment names.

    Raises:
        InputFault: ``plan.no_rows``.
    """
    if folder := os.environ.get("HESUAN_MEASUREMENTS"):
        return Path(folder) / "training.csv"
    raise InputFault(NO_ROWS)


def _trainings(asked: argparse.Namespace, records: Sequence[dict[str, str]]) -> Exit:
    read, unread = sorted_rows(records)
    report, observations = scored(read, unread)
    print(report.json() if asked.as_json else text_of(report, said), end="\n" if asked.as_json else "")
    if asked.plot:
        points = [Measured.of(one) for one in observations]
        pictures.write(draw(points, said(en="step time [s]", zh="单步耗时 [s]")), asked.plot)
    return Exit.DONE


def scored(rows: Sequence[Row], unread: Sequence[Unread]) -> tuple[Report, tuple[Observation, ...]]:
    """The report on rows that were read, those that could not be read counted with their reasons."""
    observations = observations_of(rows)
    timed = {one.id for one in observations}
    peaks = peaks_of_rows(rows)
    out = [peak for peak in peaks if peak.ran_out]
    known = [peak for peak in peaks if not peak.ran_out]
    told = timed | {peak.id for peak in out}
    unscored = [Unscored(one.id, one.reason, one.reason_zh) for one in unread]
    unscored += [Unscored(row.id, *_why_silent(row)) for row in rows if row.id not in told]
    return report_of(observations, unscored, out, known), observations


def _why_silent(row: Row) -> tuple[str, str]:
    """The reason in English and in Chinese."""
    if row.out_of_memory:
        return "ran out of memory under a plan that is not published", "显存不足，而并行方案未公布"
    return f"no step time follows from `{row.metric}`", f"由“{row.metric}”得不出单步耗时"


def _servings(asked: argparse.Namespace, records: Sequence[dict[str, str]]) -> Exit:
    report = serving.backtest(records)
    print(report.json() if asked.as_json else report.text(said), end="\n" if asked.as_json else "")
    if asked.plot:
        pictures.write(draw(_serving_points(records), said(en="as published", zh="公布值")), asked.plot)
    return Exit.DONE


def _serving_points(records: Sequence[dict[str, str]]) -> list[Measured]:
    read = [read_row(record, NAMES) for record in records]
    usable = [row for row in read if isinstance(row, ServingRow)]
    return [
        Measured(
            one.row.id,
            f"{one.row.deployment.model.name}, {one.row.phase}, {one.metric}",
            one.row.deployment.cluster.chip.name,
            one.observed,
            one.predicted,
        )
        for one in score(usable, serving.DEFAULT)
    ]
