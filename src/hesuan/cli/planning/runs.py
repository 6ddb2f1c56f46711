"""What the verbs share: the run of a file, its forecast, and the names of what a forecast only assumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.figures import Figure
from hesuan.planner.files import Run, read_run
from hesuan.planner.forecast import predict
from hesuan.planner.inputs import Workload
from hesuan.planner.prediction import Forecast
from hesuan.planner.reliability import goodput_on

PLAN_MISSING = declare(
    "plan.plan_missing",
    en="{path} has no [plan]; a forecast is of one plan. `hesuan plan search {path}` finds the best.",
    zh="{path} 没有 [plan]；预测针对一个具体方案。`hesuan plan search {path}` 可找出最优方案。",
)


def forecast_file(path: Path) -> Forecast:
    """The forecast of a file's plan; faults of the plan are told at the file's lines.

    Raises:
        Faults: everything that is wrong.
        Refused: ``plan.memory_exceeded``.
    """
    run = read_run(path)
    if run.plan is None:
        raise InputFault(PLAN_MISSING, path=path)
    return forecast_of(run)


def forecast_of(run: Run) -> Forecast:
    """The same of a run that is already read and has a plan."""
    assert run.plan is not None
    work = run.workload
    try:
        return predict(work.model, work.cluster, work.training, run.plan)
    except Faults as faults:
        raise run.placed_faults(faults) from None
    except HesuanError as error:
        raise run.placed(error) from None


def goodput_by_cards(workload: Workload) -> Callable[[int], float]:
    """The useful share of the wall time on so many cards of the workload's cluster."""
    return lambda cards: goodput_on(workload.model, workload.cluster, cards=cards).share


def named(forecast: Forecast) -> list[tuple[str, Figure]]:
    """The figures a forecast only assumes, with the names they have in the catalogue."""
    cluster = forecast.workload.cluster
    names = {figure: f"{cluster.name} {name}" for name, figure in cluster.figures.items()}
    names |= {figure: f"{cluster.chip.name} {name}" for name, figure in cluster.chip.figures.items()}
    return [(names.get(figure, figure.source), figure) for figure in forecast.assumed]
