"""What the verbs share: the run of a file, its forecast, and the names of what a forecast only assumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.figures import Figure
from hesuan.planner.calibration import Calibration, chosen
from hesuan.planner.constants import DEFAULT
from hesuan.planner.cost import basis
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


def forecast_file(path: Path, calibrations: Sequence[Path] = ()) -> Forecast:
    """The forecast of a file's plan; faults of the plan are told at the file's lines.

    Args:
        calibrations: Files of the command's words; they stand instead of the file's own ``calibration``.

    Raises:
        Faults: everything that is wrong.
        Refused: ``plan.memory_exceeded``, ``plan.calibration_other_chip``.
    """
    run = read_run(path)
    if run.plan is None:
        raise InputFault(PLAN_MISSING, path=path)
    return forecast_of(run, own_calibration(calibrations, run))


def calibrations_of(words: Sequence[Path], run: Run) -> list[Calibration]:
    """The calibrations of the command's words, else the one that the file names.

    Raises:
        Faults: everything that is wrong with their files.
    """
    paths = list(words) or ([run.calibration] if run.calibration else [])
    found: list[Calibration] = []
    faults: list[InputFault] = []
    for path in dict.fromkeys(paths):
        try:
            found.append(Calibration.load(path))
        except Faults as several:
            faults.extend(several.faults)
    if faults:
        raise Faults(faults)
    return found


def own_calibration(words: Sequence[Path], run: Run) -> Calibration | None:
    """The one that holds for the run's cluster; if some were named and none does, that is a refusal.

    Raises:
        Refused: ``plan.calibration_other_chip``, ``plan.calibration_other_constants``.
    """
    loaded = calibrations_of(words, run)
    found = chosen(loaded, run.workload.cluster)
    for one in loaded if found is None else [found]:
        one.check(run.workload.cluster, basis(DEFAULT))
    return found


def forecast_of(run: Run, calibration: Calibration | None = None) -> Forecast:
    """The same of a run that is already read and has a plan."""
    assert run.plan is not None
    work = run.workload
    try:
        return predict(work.model, work.cluster, work.training, run.plan, calibration=calibration)
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
