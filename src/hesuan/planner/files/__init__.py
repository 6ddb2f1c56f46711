"""Files of the planner: a RUN.toml becomes frozen inputs, or all its faults with their lines."""

from __future__ import annotations

from hesuan.planner.files.calibration import calibration_table, calibration_text
from hesuan.planner.files.run import Run, finish, open_file, read_cluster, read_run

__all__ = [
    "Run",
    "calibration_table",
    "calibration_text",
    "finish",
    "open_file",
    "read_cluster",
    "read_run",
]
