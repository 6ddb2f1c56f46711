"""Writes ``docs/model/accuracy.md`` and the picture beside it from published rows.

python -m tools.planner_accuracy write ROWS.csv    write both files
python -m tools.planner_accuracy show ROWS.csv     print the page
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hesuan.cli.planning.backtesting import scored
from hesuan.planner.backtest.accuracy import document
from hesuan.planner.backtest.picture import svg_of
from hesuan.planner.backtest.report import Report, report_of
from hesuan.planner.backtest.rows import Row, read_rows
from hesuan.planner.backtest.score import observations_of, origin_of
from hesuan.planner.constants import DEFAULT
from tools.fit_planner import family_of, left_out

PAGE = Path(__file__).parents[1] / "docs/model/accuracy.md"
CAUSES = Path(__file__).with_name("planner_accuracy_causes.txt")


def causes() -> list[tuple[str, str]]:
    """What misses and why, one line each: ``what | cause``; written by hand after reading the residuals."""
    lines = [line for line in CAUSES.read_text(encoding="utf-8").splitlines() if "|" in line]
    return [(what.strip(), cause.strip()) for what, cause in (line.split("|", 1) for line in lines)]


def unseen(rows: Sequence[Row]) -> tuple[Report, Report]:
    """The report with every row forecast by constants fitted without its family, and without its measurer."""
    timed = [row for row in rows if row.observed_s is not None]
    shown = {one.id: one for one in observations_of(timed)}

    def of(residuals: Sequence[float]) -> Report:
        pairs = zip(timed, residuals, strict=True)
        moved = {row.id: shown[row.id].observed_s / math.exp(left) for row, left in pairs}
        return report_of([replace(one, predicted_s=moved[one.id]) for one in shown.values()])

    family = left_out(timed, DEFAULT, family_of)
    measurer = left_out(timed, DEFAULT, lambda row: origin_of(row.source))
    return of(family.tolist()), of(measurer.tolist())


def errors_unseen(report: Report, rows: Sequence[Row]) -> dict[str, float]:
    """Errors by what the constants had not seen, for every kind of calibration."""
    family, measurer = unseen(rows)
    return {
        "on all rows (the rows scored here)": report.plain.everything.mape,
        "without the row's family: what unseen rows will say": family.plain.everything.mape,
        "without the row's measurer: a stranger's code base": measurer.plain.everything.mape,
        "without the row's family, then one scalar: dense": family.one_scalar.dense.mape,
        "without the row's family, then one scalar: MoE": family.one_scalar.moe.mape,
        "without the row's measurer, then five rows: dense": measurer.five_rows.dense.mape,
        "without the row's measurer, then five rows: MoE": measurer.five_rows.moe.mape,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("write", "show"))
    parser.add_argument("rows", type=Path)
    given = parser.parse_args(arguments)
    rows, unread = read_rows(given.rows)
    report, observations = scored(rows, unread)
    errors = errors_unseen(report, rows)
    page = document(report, provenance=DEFAULT.provenance, left_out=errors, causes=causes())
    if given.verb == "show":
        print(page)
        return 0
    PAGE.write_text(page, encoding="utf-8")
    PAGE.with_suffix(".svg").write_text(svg_of(observations), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
