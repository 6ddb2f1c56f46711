"""Writes ``docs/model/accuracy.md`` and the picture beside it from published rows.

python -m tools.planner_accuracy write ROWS.csv    write both files
python -m tools.planner_accuracy show ROWS.csv     print the page
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hesuan.cli.planning.backtesting import scored
from hesuan.planner.backtest.accuracy import document
from hesuan.planner.backtest.picture import svg_of
from hesuan.planner.backtest.rows import read_rows
from hesuan.planner.constants import DEFAULT

PAGE = Path(__file__).parents[1] / "docs/model/accuracy.md"
CAUSES = Path(__file__).with_name("planner_accuracy_causes.txt")


def causes() -> list[tuple[str, str]]:
    """What misses and why, one line each: ``what | cause``; written by hand after reading the residuals."""
    lines = [line for line in CAUSES.read_text(encoding="utf-8").splitlines() if "|" in line]
    return [(what.strip(), cause.strip()) for what, cause in (line.split("|", 1) for line in lines)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("write", "show"))
    parser.add_argument("rows", type=Path)
    given = parser.parse_args(arguments)
    report, observations = scored(*read_rows(given.rows))
    errors = {
        "on all rows (the rows scored here)": report.plain.everything.mape,
    }
    if DEFAULT.left_out > 0:
        errors["without the row's family: what unseen rows will say"] = DEFAULT.left_out
    page = document(report, provenance=DEFAULT.provenance, left_out=errors, causes=causes())
    if given.verb == "show":
        print(page)
        return 0
    PAGE.write_text(page, encoding="utf-8")
    PAGE.with_suffix(".svg").write_text(svg_of(observations), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
