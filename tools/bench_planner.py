"""``make bench-planner``: how fast the planner is on one core of this machine, beside its bars.

Times are processor seconds of this process on one core (the best of several rounds, since other work on
the machine only ever adds), wall time where a child process is started. ``--peer FOLDER`` or
``HESUAN_CALCULON`` names a checkout of calculon to be timed beside ours; without one it is left out and
said so. ``--strict`` ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hesuan.cli.planning.workers import cores, run_here
from hesuan.planner import catalog
from hesuan.planner.cost import evaluate
from hesuan.planner.explore import Job, Limits, search
from hesuan.planner.explore.space import enumerate_plans
from hesuan.planner.forecast import predict
from hesuan.planner.inputs import Training, Workload

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "llama-3-70b-hgx-h100.toml"


@dataclass(frozen=True)
class Line:
    """One figure of the bench; ``is_met`` is None where there is no bar."""

    title: str
    figure: str
    bar: str
    is_met: bool | None


def main(arguments: list[str]) -> int:
    """Prints machine, figures and bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", default=os.environ.get("HESUAN_CALCULON", ""))
    parser.add_argument("--peer-seconds", type=float, default=20.0)
    parser.add_argument("--strict", action="store_true")
    asked = parser.parse_args(arguments)
    swept = _sweep()  # first, while this process may still use every core
    pin_to_one_core()
    print(f"{machine()}; one core used but by the sweep")
    lines = [*swept, *_moe(asked.rounds), *_dense(asked.rounds), *_one(asked.rounds)]
    for line in lines:
        verdict = {None: "", True: "met", False: "MISSED"}[line.is_met]
        print(f"{line.title:<66} {line.figure:>22}   {line.bar:<20} {verdict}")
    for text in _peer(asked.peer, asked.peer_seconds):
        print(text)
    return int(asked.strict and any(line.is_met is False for line in lines))


def _sweep() -> list[Line]:
    """Cells of a sweep each second: in this process alone, and in a pool of all cores, its start counted."""
    models, sizes, training = (
        ("llama-3-8b", "llama-3-70b", "deepseek-v3"),
        (64, 256, 1024),
        Training(4096, 1024),
    )
    jobs = [
        Job(name, f"{machine}:{cards}", catalog.model(name), training, catalog.cluster(machine, cards))
        for name in models
        for machine in catalog.cluster_names()
        for cards in sizes
    ]
    took_s = {}
    for workers in (1, cores()):
        started = time.perf_counter()
        run_here(jobs, workers, lambda *_: None)
        took_s[workers] = time.perf_counter() - started
    title = f"sweep of {len(jobs)} cells"
    lines = [
        Line(f"{title}, {workers} at once", f"{len(jobs) / took:.1f} cells/s wall", "", None)
        for workers, took in took_s.items()
    ]
    ratio = took_s[1] / took_s[cores()]
    return [*lines, Line(f"{title}, {cores()} cores against one", f"{ratio:.2f} times", "", None)]


def pin_to_one_core() -> None:
    """Keeps this process and its children on one core, where the system allows it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def machine() -> str:
    """Processor, versions: what the figures belong to."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = [one for one in info.read_text().splitlines() if one.startswith("model name")]
        name = found[0].partition(":")[2].strip() if found else name
    versions = f"Python {platform.python_version()} · NumPy {np.__version__}"
    return f"{name}, {os.cpu_count()} cores · {versions}"


def best_s(work: Callable[[], object], rounds: int) -> float:
    """Processor time of the quickest round [s]."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def _moe(rounds: int) -> list[Line]:
    """The 8,192-card mixture of experts: on an ordinary fabric, and on supernodes with pooled memory."""
    lines = []
    for name in ("hgx-h100", "cloudmatrix384"):
        work = Workload(catalog.model("deepseek-v3"), catalog.cluster(name, 8192), Training(4096, 16384))
        plans = enumerate_plans(work, Limits()).plans()
        rate = len(plans) / best_s(lambda w=work, p=plans: evaluate(w, p), rounds)  # type: ignore[misc]
        title = f"DeepSeek-V3, 8,192 cards of {name}"
        lines.append(Line(f"{title}: plans timed", f"{rate / 1e6:.2f} M/s", "≥ 1 M/s", rate >= 1e6))
        lines += _search(title, work, rounds, bar_s=1.0)
    return lines


def _dense(rounds: int) -> list[Line]:
    work = Workload(catalog.model("llama-3-70b"), catalog.cluster("hgx-h100", 1024), Training(8192, 1024))
    return _search("Llama-3-70B, 1,024 cards of hgx-h100", work, rounds, bar_s=0.1)


def _search(title: str, work: Workload, rounds: int, *, bar_s: float) -> list[Line]:
    """The whole search with its reasons, and the plans it answers for."""
    result = search(work)
    took = best_s(lambda: search(work), rounds)
    bare = best_s(lambda: search(work, explain=False), rounds)
    rate = result.legal / took
    return [
        Line(f"{title}: whole search", f"{took * 1e3:.0f} ms", f"< {bar_s * 1e3:.0f} ms", took < bar_s),
        Line(f"{title}: without what-if", f"{bare * 1e3:.0f} ms", "", None),
        Line(f"{title}: legal plans answered for", f"{result.legal:,} ({rate / 1e6:.2f} M/s)", "", None),
    ]


def _one(rounds: int) -> list[Line]:
    """One forecast from Python, and the command from a cold start."""
    work = Workload(catalog.model("llama-3-70b"), catalog.cluster("hgx-h100", 1024), Training(8192, 1024))
    plan = search(work, explain=False).top[0].plan
    took = (
        best_s(lambda: [predict(work.model, work.cluster, work.training, plan) for _ in range(20)], rounds)
        / 20
    )
    lines = [Line("one forecast from Python", f"{took * 1e3:.2f} ms", "< 2 ms", took < 2e-3)]
    if EXAMPLE.is_file():
        command = [sys.executable, "-m", "hesuan.cli", "plan", "forecast", str(EXAMPLE)]
        walls = []
        for _ in range(rounds):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            walls.append(time.perf_counter() - started)
        wall = min(walls)
        lines.append(
            Line("`hesuan plan forecast` from a cold start", f"{wall:.2f} s wall", "< 0.5 s", wall < 0.5)
        )
    return lines


def _peer(folder: str, seconds: float) -> list[str]:
    """Calculon on a dense job of its own, and ours on the same job."""
    if not (folder and (Path(folder) / "calculon" / "llm").is_dir()):
        return ["calculon: left out, no checkout was named by --peer or HESUAN_CALCULON"]
    child = [sys.executable, "-m", "tools.bench_peer", folder, str(seconds)]
    said = subprocess.run(child, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    peer = json.loads(said.splitlines()[-1])
    work = Workload(catalog.model("gpt3-175b"), catalog.cluster("hgx-h100", 1024), Training(2048, 1024))
    plans = enumerate_plans(work, Limits(card_counts=(1024,))).plans()
    own = len(plans) / best_s(lambda: evaluate(work, plans), 3)
    tried = peer["tried"] / peer["seconds"]
    fit = peer["feasible"] / peer["seconds"]
    some = f"{peer['tried']:.0f} of {peer['listed']:.0f} plans in {peer['seconds']:.0f} s"
    return [
        f"GPT-3 175B, 1,024 H100: calculon {tried:,.0f} plans/s tried, {fit:,.0f} of them feasible ({some}); "
        f"ours {own:,.0f} plans/s, {own / tried:,.0f} times as many"
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
