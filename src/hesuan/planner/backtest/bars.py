"""The bars of the planner's accuracy, each with the number reached: a missed bar is shown as missed.

The bars are set for rows no constant was fitted to. On the rows of the repository the plain forecast is
fitted, so the honest number beside it is that of constants fitted without the row's own family
(``left_out``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hesuan.planner.backtest.ranking import Ranking
from hesuan.planner.backtest.report import Report

FEWEST = 5
"""A chip family with fewer rows is listed but not held against the bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what was asked, what is reached. ``at_least`` tells which side is good."""

    number: int
    name: str
    target: float
    reached: float
    at_least: bool = False
    unit: str = "%"

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.reached >= self.target if self.at_least else self.reached <= self.target


def bars_of(report: Report) -> tuple[Bar, ...]:
    """Bars 1 to 5 with the numbers of one report."""
    worst_family = max((e.mape for e in report.by["chip"].values() if e.runs >= FEWEST), default=float("nan"))
    cover = report.five_rows.coverage
    bars = [
        Bar(1, "no calibration, all rows: MAPE", 0.15, report.plain.everything.mape),
        Bar(1, "no calibration, worst chip family of five rows or more: MAPE", 0.20, worst_family),
        Bar(2, "one scalar per chip and era, dense: MAPE", 0.08, report.one_scalar.dense.mape),
        Bar(2, "one scalar per chip and era, MoE: MAPE", 0.12, report.one_scalar.moe.mape),
        Bar(3, "five rows per cluster, dense: MAPE", 0.05, report.five_rows.dense.mape),
        Bar(3, "five rows per cluster, MoE: MAPE", 0.08, report.five_rows.moe.mape),
        Bar(3, "80 % interval after five rows: distance from 80 %", 0.05, abs((cover or 0.0) - 0.8)),
    ]
    return (*bars, *_ranking(report.rankings), *_memory(report))


def _ranking(found: Sequence[Ranking]) -> list[Bar]:
    """Regret and order, weighted by plans: many small workloads of one source count as what they are."""
    plans = sum(r.plans for r in found)
    if not plans:
        return []
    regret = sum(r.regret * r.plans for r in found) / plans
    pairs = sum(r.pairs for r in found)
    tau = sum(r.tau * r.pairs for r in found) / pairs if pairs else 1.0
    return [
        Bar(4, "choice among measured plans: mean regret", 0.03, regret),
        Bar(4, "choice among measured plans: Kendall tau", 0.8, tau, at_least=True, unit=""),
    ]


def _memory(report: Report) -> list[Bar]:
    m = report.memory
    return [
        Bar(5, "memory, published peaks: MAPE", 0.05, m.mape),
        Bar(5, "finished runs forecast out of memory", 0.0, float(len(m.lost_plans)), unit=""),
        Bar(5, "out-of-memory runs forecast to fit", 0.0, float(len(m.crashes)), unit=""),
    ]
