"""Compares the planner's step times with calculon's on every published row calculon has inputs for.

    python -m tools.peer_accuracy show ROWS.csv     print the page
    python -m tools.peer_accuracy json ROWS.csv     print the comparison as JSON
    python -m tools.peer_accuracy write ROWS.csv    write docs/model/peer.md

``--peer FOLDER`` or ``HESUAN_CALCULON`` names a checkout of calculon-ai/calculon (Apache-2.0) made by whoever
asks; nothing of it is part of this repository. It runs in a child process (``tools.peer_run``). How a row
becomes its inputs stands in ``tools.peer_inputs``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hesuan.planner.backtest.rows import Row, read_rows
from hesuan.planner.backtest.score import Batch, origin_of
from hesuan.planner.constants import DEFAULT
from tools.fit_planner import left_out
from tools.peer_errors import Comparison, Forecast
from tools.peer_inputs import Job, job_of
from tools.peer_page import page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/model/peer.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares and writes or prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("write", "show", "json"))
    parser.add_argument("rows", type=Path)
    parser.add_argument("--peer", default=os.environ.get("HESUAN_CALCULON", ""))
    given = parser.parse_args(arguments)
    folder = Path(given.peer)
    if not (given.peer and (folder / "calculon" / "llm").is_dir()):
        print("no checkout of calculon was named by --peer or HESUAN_CALCULON", file=sys.stderr)
        return 2
    found = compared(read_rows(given.rows)[0], folder)
    if given.verb == "json":
        print(json.dumps(dataclasses.asdict(found), indent=1))
    elif given.verb == "show":
        print(page(found), end="")
    else:
        PAGE.write_text(page(found), encoding="utf-8")
    return 0


def compared(rows: Sequence[Row], folder: Path) -> Comparison:
    """Every row forecast by calculon where it can be, and by the planner."""
    files = {
        one.stem: json.loads(one.read_text("utf-8")) for one in sorted((folder / "systems").glob("*.json"))
    }
    jobs, not_run = [], []
    for row in rows:
        one = job_of(row, files)
        if isinstance(one, Job):
            jobs.append(one)
        else:
            not_run.append((one.id, one.reason))
    answers = answered(jobs, folder)
    ours = _ours([row for row in rows if row.observed_s is not None])
    by_id = {row.id: row for row in rows}
    forecasts = []
    for job in jobs:
        answer = answers[f"{job.id} row"]
        if "refused" in answer:
            not_run.append((job.id, f"refused: {answer['refused']}"))
        else:
            shipped = answers.get(f"{job.id} shipped", {}).get("step_s", answer["step_s"])
            forecasts.append(_forecast(by_id[job.id], job, shipped, answer["step_s"], ours[job.id]))
    commit, date = commit_of(folder)
    return Comparison(commit, date, len(rows), tuple(forecasts), tuple(not_run))


def answered(jobs: Sequence[Job], folder: Path) -> dict[str, dict[str, Any]]:
    """Calculon's answers in one child process, by ``"ROW SYSTEM"``."""
    asked = [
        {"id": f"{job.id} {name}", "model": job.model, "system": system, "execution": job.execution}
        for job in jobs
        for name, system in job.systems.items()
    ]
    child = [sys.executable, "-m", "tools.peer_run", str(folder.resolve())]
    said = subprocess.run(
        child, input=json.dumps(asked), check=True, capture_output=True, text=True, cwd=ROOT
    )
    answers: dict[str, dict[str, Any]] = json.loads(said.stdout.splitlines()[-1])
    return answers


def commit_of(folder: Path) -> tuple[str, str]:
    """Short commit and its date; ``unknown`` where the folder has no history of its own."""
    asked = ["git", "-C", str(folder), "log", "-1", "--format=%h %as"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    if said.returncode or not (folder / ".git").exists():
        return "unknown", "unknown"
    commit, date = said.stdout.split()
    return commit, date


def _ours(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """Forecasts [s] with the shipped constants, and with constants fitted without the row's measurer."""
    shipped = Batch.of(rows).step_s(DEFAULT)
    residuals = left_out(rows, DEFAULT, lambda row: origin_of(row.source))
    observed = np.array([row.observed_s for row in rows], float)
    unseen = observed * np.exp(-residuals)
    return {row.id: (float(a), float(b)) for row, a, b in zip(rows, shipped, unseen, strict=True)}


def _forecast(
    row: Row, job: Job, peer_shipped_s: float, peer_row_s: float, ours: tuple[float, float]
) -> Forecast:
    assert row.observed_s is not None
    chip = row.workload.cluster.chip
    return Forecast(
        id=row.id,
        source=f"{origin_of(row.source)} · {chip.kin or chip.name}",
        adapted=job.adapted,
        observed_s=row.observed_s,
        peer_shipped_s=peer_shipped_s,
        peer_row_s=peer_row_s,
        ours_s=ours[0],
        ours_left_out_s=ours[1],
    )


if __name__ == "__main__":
    raise SystemExit(main())
