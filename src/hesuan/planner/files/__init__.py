"""Files of the planner: a RUN.toml becomes frozen inputs, or all its faults with their lines."""

from __future__ import annotations

from hesuan.planner.files.run import Run, read_cluster, read_run

__all__ = ["Run", "read_cluster", "read_run"]
