"""A sweep's engines: one process, a pool of processes and a real Ray cluster give the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import ray_head

from hesuan.cli.planning import ray_workers
from hesuan.planner.catalog import cluster_names

ROOT = Path(__file__).resolve().parents[2]
SWEEP = ["plan", "sweep", "examples", "--clusters", "*", "--cards", "16", "--json"]

WITHOUT_THE_SOURCE = """
import sys, ray
def look():
    import numpy, hesuan
ray.init(sys.argv[1], logging_level="ERROR", log_to_driver=False)
try:
    ray.get(ray.remote(look).options(max_retries=0).remote())
except ModuleNotFoundError as error:
    print("No module named 'hesuan'" in str(error))
"""
WITH_A_FATAL_CELL = """
import os, sys
from dataclasses import replace
from pathlib import Path
from hesuan.cli.planning.grid import read_grid
from hesuan.cli.planning.ray_workers import run_on_ray
from hesuan.planner.explore import fill

class Fatal:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        os._exit(9)

sound = read_grid([Path("examples/llama-3-70b-hgx-h100.toml")], "hgx-h100,hgx-b200", "64,128")
fatal = replace(sound[0], model=Fatal())
first, *rest = run_on_ray([fatal, *sound], sys.argv[1], None, lambda done, total: None)
assert rest == [fill(one) for one in sound]
print(first.reason.code)
"""

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ray_head.Head]:
    if problem := ray_head.why_not():
        pytest.skip(problem)
    with ray_head.head(tmp_path_factory.mktemp("ray")) as one:
        yield one


TRIES = 3
NOT_IN_TIME = "Initialization failure from server"
"""Ray says so when its server for a client did not come up in time, as on a machine busy with other tests."""


def told(words: list[str], cluster: ray_head.Head | None = None) -> str:
    """What a Python prints, in the cluster's network where one is given."""
    command = [sys.executable, *words]
    for tries in range(1, TRIES + 1):
        found = subprocess.run(
            cluster.command(command) if cluster else command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode == 0 or NOT_IN_TIME not in found.stderr or tries == TRIES:
            break
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_every_engine_gives_the_same_bytes(ray_cluster: ray_head.Head) -> None:
    command = ["-m", "hesuan.cli", *SWEEP]
    alone = told([*command, "--jobs", "1"])
    assert told([*command, "--jobs", "2"]) == alone
    assert told([*command, "--on", ray_cluster.address], ray_cluster) == alone
    cells = json.loads(alone)["cells"]
    examples = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.toml")]
    trainings = [text for text in examples if "[serving]" not in text]  # a folder's servings are passed over
    assert len(cells) == len(trainings) * len(cluster_names())
    assert {cell["reason"]["code"] for cell in cells if cell["reason"]} == {"memory_exceeded"}


def test_the_nodes_have_no_hesuan_of_their_own(ray_cluster: ray_head.Head) -> None:
    """So the cells above were computed with the source that travelled."""
    assert told(["-c", WITHOUT_THE_SOURCE, ray_cluster.address], ray_cluster).split() == ["True"]


def test_a_dying_worker_costs_its_own_cell_only(ray_cluster: ray_head.Head) -> None:
    assert told(["-c", WITH_A_FATAL_CELL, ray_cluster.address], ray_cluster).split() == ["sweep.broken"]


def test_the_cluster_listens_on_its_loopback_only(ray_cluster: ray_head.Head) -> None:
    """In its own network there is no other interface, and from this machine nobody answers."""
    program = "import socket; print(*(name for _, name in socket.if_nameindex()))"
    assert told(["-c", program], ray_cluster).split() == ["lo"]
    program = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 10001)) != 0)"
    assert told(["-c", program]).split() == ["True"]
    assert told(["-c", program], ray_cluster).split() == ["False"]


def test_an_address_where_nobody_listens_is_said_in_a_sentence(ray_cluster: ray_head.Head) -> None:
    words = [sys.executable, "-m", "hesuan.cli", *SWEEP, "--on", "ray://127.0.0.1:9"]
    found = subprocess.run(ray_cluster.command(words), cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 5 and found.stdout == ""
    assert found.stderr.count("\n") == 1 and "[plan.ray_unreachable]" in found.stderr


def test_what_only_announces_a_cause_is_told_with_the_cause() -> None:
    raised = (
        "Initialization failure from server:",
        "Traceback (most recent call last):",
        "RuntimeError: no room.",
    )
    told = ray_workers._first_line(ConnectionAbortedError("\n".join(raised)))
    assert told == "Initialization failure from server: RuntimeError: no room"
    assert ray_workers._first_line(OSError("no route\nto the host")) == "no route"
    assert ray_workers._first_line(TimeoutError()) == "TimeoutError"
