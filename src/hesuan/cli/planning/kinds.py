"""Which kind of work a RUN.toml asks about: a training, or a serving with its ``[serving]``."""

from __future__ import annotations

import tomllib
from pathlib import Path

from hesuan.errors import InputFault, declare

NOT_FOR_SERVING = declare(
    "plan.calibration_of_trainings",
    en="`--calibration` holds for trainings; {path} asks about a serving, whose forecasts it does not move.",
    zh="`--calibration` 只适用于训练；{path} 问的是推理，其预测不受它影响。",
)


def is_serving(path: Path) -> bool:
    """Whether the file has a ``[serving]``. One that cannot be read has none: its reader tells the faults."""
    try:
        return "serving" in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False


def refuse_calibration(path: Path, named: list[Path]) -> None:
    """A calibration that would change nothing is not taken in silence.

    Raises:
        InputFault: ``plan.calibration_of_trainings``.
    """
    if named:
        raise InputFault(NOT_FOR_SERVING, where="--calibration", path=path)
