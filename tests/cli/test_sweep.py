"""``hesuan plan sweep``: the grid as written, one answer whatever the workers, and ends that are clean."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.cli.planning.grid import read_grid
from hesuan.cli.planning.workers import pieces, run_here
from hesuan.errors import Faults
from hesuan.planner.catalog import cluster_names
from hesuan.planner.explore import Job, fill

ROOT = Path(__file__).resolve().parents[2]
RUN = """\
[model]
name = "{model}"
[cluster]
name = "hgx-h100"
cards = {cards}
price_yuan_per_card_hour = "14.00"
[training]
seq = 4096
global_batch = 64
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(RUN.format(model="llama-3-8b", cards=16))
    (tmp_path / "large.toml").write_text(RUN.format(model="llama-3-70b", cards=32))
    (tmp_path / "notes.txt").write_text("not a run")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    assert main(["plan", "sweep", *map(str, words)]) == code
    told = capsys.readouterr()
    return told.out if code == 0 else told.err


def names(jobs: list[Job]) -> list[tuple[str, str, int]]:
    return [(job.workload, job.offer, job.cluster.cards) for job in jobs]


def test_the_grid_is_read_workload_by_workload(folder: Path) -> None:
    jobs = read_grid([folder], "hgx-h100,nvl72-gb200@30,hgx-h100", None)
    assert names(jobs) == [
        ("large", "hgx-h100", 32),
        ("large", "nvl72-gb200@30", 32),
        ("small", "hgx-h100", 16),
        ("small", "nvl72-gb200@30", 16),
    ]
    assert [job.cluster.price_fen_per_card_hour for job in jobs] == [1400, 3000] * 2


def test_sizes_go_to_the_clusters_that_name_none(folder: Path) -> None:
    jobs = read_grid([folder / "small.toml"], "hgx-h100:8,hgx-b200@20", "64, 128")
    assert names(jobs) == [
        ("small", "hgx-h100:8", 8),
        ("small", "hgx-b200:64@20", 64),
        ("small", "hgx-b200:128@20", 128),
    ]


def test_a_pattern_means_the_catalogue_and_keeps_its_price(folder: Path) -> None:
    every = read_grid([folder / "small.toml"], "*", "64,256,1024")
    assert len(every) == 3 * len(cluster_names()) > 90
    some = read_grid([folder / "small.toml"], "hgx-h?00:128@14.00", None)
    assert names(some) == [("small", f"hgx-h{n}00:128@14.00", 128) for n in (1, 8, 2)]


def test_files_named_alike_are_told_by_their_paths(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "small.toml").write_text(RUN.format(model="llama-3-8b", cards=8))
    jobs = read_grid([folder, folder / "more"], "hgx-h100", None)
    assert [job.workload for job in jobs] == [
        "large",
        str(folder / "small.toml"),
        str(folder / "more" / "small.toml"),
    ]


def test_every_fault_of_the_grid_is_told_at_once(folder: Path) -> None:
    (folder / "bad.toml").write_text(RUN.format(model="lama-3-8b", cards=16))
    (folder / "empty").mkdir()
    with pytest.raises(Faults) as caught:
        read_grid([folder, folder / "empty", folder / "none.toml"], "nobody", None)
    codes = [fault.code.name for fault in caught.value.faults]
    assert sorted(codes) == [
        "plan.no_workloads",
        "planner.file_unreadable",
        "planner.unknown_name",
        "planner.unknown_name",
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--clusters", "zzz*"], "plan.no_clusters"),
        (["--clusters", ","], "plan.not_an_offer"),
        (["--clusters", "hgx-h100:x"], "plan.not_an_offer"),
        (["--clusters", "hgx-h100", "--cards", "64,many"], "plan.not_sizes"),
        (["--clusters", "hgx-h100", "--jobs", "0"], "plan.not_jobs"),
        (["--clusters", "hgx-h100", "--on", "hgx-h100"], "plan.not_an_engine"),
        (["--clusters", "hgx-h100", "--on", "ray://head"], "plan.not_an_engine"),
    ],
)
def test_faulty_words_are_refused_before_any_work(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: str
) -> None:
    assert f"[{code}]" in said(capsys, folder, *words, code=Exit.FAULTY)


def test_the_matrix_names_the_best_and_why_cells_are_empty(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, folder, "--clusters", "hgx-h100:2@14,hgx-b200:64@20", "--jobs", 1)
    assert "useful tokens per yuan" in told
    assert "[1] large" in told and "[2] small" in told
    row = next(line for line in told.splitlines() if line.strip().startswith("hgx-h100:2@14 "))
    assert row.split()[1] == "–", "70 B on two cards"
    assert "large: hgx-h100:2@14: needs more memory" in told
    assert told.count("●") == 3, "one legend, one best of each of two workloads"
    assert "TP" in told


def test_the_figure_is_speed_where_a_price_is_missing_and_may_be_chosen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (folder, "--clusters", "hgx-h100,hgx-b200", "--jobs", 1)
    assert "useful tokens per second" in said(capsys, *words)
    assert "step time" in said(capsys, *words, "--by", "step", "--plans")
    assert main(["--lang", "zh", "plan", "sweep", *map(str, words), "--by", "mfu"]) == 0
    assert "各任务的最优" in capsys.readouterr().out


def test_a_wide_matrix_is_told_in_blocks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at in range(24):
        (folder / f"w{at:02}.toml").write_text(RUN.format(model="llama-3-8b", cards=8))
    told = said(capsys, folder, "--clusters", "hgx-h100:16", "--jobs", 2)
    matrix = told.split("Best of each workload")[0].splitlines()
    assert sum("hgx-h100:16" in line for line in matrix) > 1
    assert max(map(len, matrix)) <= 110


def test_csv_has_a_line_a_cell_with_unrounded_figures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, folder, "--clusters", "hgx-h100:2", "--jobs", 1, "--csv")
    large, small = csv.DictReader(io.StringIO(told))
    assert large["reason"] == "memory_exceeded" and large["step_s"] == "" and large["cards"] == "2"
    cell = fill(read_grid([folder / "small.toml"], "hgx-h100:2", None)[0])
    assert cell.best is not None
    assert float(small["step_s"]) == cell.best.step_s and int(small["tp"]) == cell.best.plan.tp
    assert float(small["tokens_per_yuan"]) == cell.tokens_per_yuan and small["reason"] == ""
    assert float(small["money_yuan"]) == (cell.best.money_fen or 0) / 100


def test_a_calibration_moves_the_clusters_it_holds_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, ours = ROOT / "tests" / "planner" / "rows" / "runs.csv", tmp_path / "ours.txt"
    save = ["--save", str(ours), "--cluster", "hgx-a100", "--date", "2021-04-09"]
    assert main(["plan", "fit", str(rows), *save]) == 0
    capsys.readouterr()
    words = (folder / "small.toml", "--clusters", "hgx-a100,hgx-b200", "--jobs", 1, "--json")
    bare = json.loads(said(capsys, *words))["cells"]
    moved = json.loads(said(capsys, *words, "--calibration", ours))["cells"]
    assert moved[0]["best"]["step_s"] != bare[0]["best"]["step_s"] and moved[1] == bare[1]
    assert moved[0]["calibration"] and bare[0]["calibration"] is None
    told = said(capsys, folder, "--clusters", "hgx-b200", "--calibration", ours, code=Exit.FAULTY)
    assert "plan.calibration_unused" in told


def test_one_process_and_two_say_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (folder, "--clusters", "*", "--cards", "8,64", "--json")
    alone = said(capsys, *words, "--jobs", 1)
    assert said(capsys, *words, "--jobs", 2) == alone
    cells = json.loads(alone)["cells"]
    assert len(cells) == 2 * 2 * len(cluster_names())
    assert any(cell["best"] for cell in cells) and any(cell["reason"] for cell in cells)


def test_a_sweep_without_any_plan_is_a_refusal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "sweep", str(folder / "large.toml"), "--clusters", "hgx-h100:1", "--jobs", "1"]) == 1
    assert "needs more memory" in capsys.readouterr().out


class Fatal:
    """Ends the process that reads it."""

    def __reduce__(self) -> Any:
        return os._exit, (9,)


def test_a_dying_worker_costs_its_own_cell_only(folder: Path) -> None:
    sound = read_grid([folder / "small.toml"], "hgx-h100,hgx-b200,hgx-a100,hgx-h20", "8,16")
    fatal = replace(sound[0], offer="fatal", model=Fatal())  # type: ignore[arg-type]
    steps: list[float] = []
    cells = run_here([*sound[:2], fatal, *sound[2:]], 2, lambda done, _: steps.append(done))
    assert [cell.offer for cell in cells] == [
        *(j.offer for j in sound[:2]),
        "fatal",
        *(j.offer for j in sound[2:]),
    ]
    reason = cells.pop(2).reason
    assert reason is not None and reason.code == "sweep.broken" and "process ended" in reason.en
    assert cells == [fill(one) for one in sound]
    assert steps[-1] == 9


@pytest.mark.parametrize("count", [1, 7, 64, 2000])
@pytest.mark.parametrize("workers", [1, 2, 64])
def test_pieces_hold_every_number_once(count: int, workers: int) -> None:
    found = pieces(count, workers)
    assert [at for piece in found for at in piece] == list(range(count))
    assert all(0 < len(piece) <= 16 for piece in found)


def test_ctrl_c_ends_all_processes_without_a_traceback() -> None:
    """As a terminal does it: the signal goes to the command and to all of its workers."""
    words = ["plan", "sweep", "examples", "--clusters", "*", "--cards", "1024,2048,4096,8192", "--jobs", "2"]
    # In the background of a shell the tests themselves ignore the signal, and a child would inherit that.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "hesuan.cli", *words]
    started = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    until = time.monotonic() + 240
    workers: list[str] = []
    while len(workers) < 3 and time.monotonic() < until:  # two workers and the tracker of their semaphores
        workers = children.read_text().split()
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(started.pid, signal.SIGINT)
    out, err = started.communicate(timeout=240)
    assert (started.returncode, out, err) == (130, "", "")
    until = time.monotonic() + 120  # the tracker goes when it sees that the command has gone
    while any(map(runs, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(workers) >= 3 and not any(map(runs, workers))


def runs(process: str) -> bool:
    """Whether a process is there and not merely waiting to be buried."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_ray_is_imported_only_where_a_ray_cluster_is_named(folder: Path) -> None:
    program = (
        "import sys; from hesuan.cli.main import main;"
        f"main(['plan', 'sweep', {str(folder)!r}, '--clusters', 'hgx-h100:16', '--jobs', '1']);"
        "sys.exit('ray' in sys.modules or 'grpc' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=False).returncode
        == 0
    )


def test_a_missing_ray_is_said_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "grpc", None)
    told = said(capsys, folder, "--clusters", "hgx-h100", "--on", "ray://localhost:1", code=Exit.FAULTY)
    assert "pip install 'hesuan[ray]'" in told and "[plan.ray_missing]" in told
