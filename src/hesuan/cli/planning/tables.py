"""CSV files of measured rows: trainings or servings, known by their columns."""

from __future__ import annotations

import csv
from pathlib import Path

from hesuan.errors import InputFault, declare

ROWS_UNREADABLE = declare(
    "plan.rows_unreadable",
    en="{path} cannot be read as a CSV in UTF-8: {problem}.",
    zh="无法按 UTF-8 的 CSV 读取 {path}：{problem}。",
)
ROWS_UNKNOWN = declare(
    "plan.rows_unknown",
    en="{path} has neither the columns of a training table nor of a serving table; missing: {missing}.",
    zh="{path} 的列既不是训练表也不是推理表；缺少：{missing}。",
)
TRAINING_COLUMNS = ("model", "chip", "n_chips", "reported_metric", "value")
"""Without these no row can be forecast; the others may be left out or left empty."""


def read_table(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Columns and rows; more cells than columns are dropped, fewer are empty.

    Raises:
        InputFault: ``plan.rows_unreadable``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows = [{key: value for key, value in row.items() if key is not None} for row in reader]
            return tuple(reader.fieldnames or ()), rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problem = getattr(error, "strerror", None) or error
        raise InputFault(ROWS_UNREADABLE, path=path, problem=problem) from None


def require_training(path: Path, columns: tuple[str, ...]) -> None:
    """Refuses a table no row of which could be forecast.

    Raises:
        InputFault: ``plan.rows_unknown``.
    """
    if missing := [name for name in TRAINING_COLUMNS if name not in columns]:
        raise InputFault(ROWS_UNKNOWN, path=path, missing=", ".join(missing))
