"""``docs/model/accuracy.md``: bars with the numbers reached, what misses and why, then the whole table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hesuan.planner.backtest.bars import Bar, bars_of
from hesuan.planner.backtest.report import Report
from hesuan.planner.backtest.text import text_of
from hesuan.planner.tables import percent, table

HEAD = """# How accurate the planner is

Written by `python -m tools.planner_accuracy write ROWS.csv`; do not edit. Formulas: `training.md` beside this
page. Score your own rows: `hesuan plan backtest --rows FILE.csv`.

**Rows.** Published trainings, copied as published: real runs on NVIDIA, Ascend, TPU, MetaX, Iluvatar and
Gaudi. A row's step time is derived from what its source reports by that source's own definition of FLOPs.
Error is `|forecast / measured - 1|` of the step time; bias below zero means forecasts are too fast.

**No calibration** uses the catalogue and one set of universal constants for all chips. Those constants were
fitted to these same rows, so the honest figure for unseen rows is the one with the row's family (measurer,
model, chip) left out. **One scalar** is one factor per chip, code base and time, drawn to zero as far as
families differ among themselves, fitted without the row's own family. **Five rows** fits a cluster from five
of its runs that differ most and forecasts the others; copies of a calibration run are not scored.
"""


def document(
    report: Report, *, provenance: str, left_out: Mapping[str, float], causes: Sequence[tuple[str, str]]
) -> str:
    """The page: ``left_out`` names errors of constants fitted on what, ``causes`` what misses and why."""
    fits = table(("constants fitted", "MAPE", ""), [(name, percent(v), "") for name, v in left_out.items()])
    why = "\n".join(f"- **{what}** {cause}" for what, cause in causes)
    parts = [
        HEAD,
        "## Bars\n\n" + bars_table(bars_of(report)),
        f"## Universal constants\n\nConstants {provenance}.\n\n{fits}",
        f"## What misses, and why\n\n{why}",
        text_of(report),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def bars_table(bars: Sequence[Bar]) -> str:
    """Every bar with target, number reached, and whether that is enough."""
    return table(
        ("bar", "what", "asked", "reached", ""),
        [
            (str(b.number), b.name, _asked(b), _value(b.reached, b), "met" if b.met else "**missed**")
            for b in bars
        ],
    )  # fmt: skip


def _asked(bar: Bar) -> str:
    return ("≥ " if bar.at_least else "≤ ") + _value(bar.target, bar)


def _value(value: float, bar: Bar) -> str:
    return percent(value) if bar.unit == "%" else f"{value:.3g}"
