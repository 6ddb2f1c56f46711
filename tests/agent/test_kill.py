"""A real agent process on the local engine, killed with -9 at several points of a real job, and restarted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.agent.hub import StandInHub, serving

from hesuan.agent import manifests
from hesuan.agent import site as sites
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "apps"
UNITS = 1500
TIMELESS = ("state", "exit_status", "signal", "cores", "attempt", "evidence", "output_digest", "result")


class AgentProcess:
    """``hesuan agent run`` as a process of its own."""

    def __init__(self, data: Path, apps: Path = APPS) -> None:
        self.data, self.apps = data, apps
        self.start()

    def start(self) -> None:
        words = ["run", "--data", str(self.data), "--apps", str(self.apps), "--allow-scripts"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        self.log = (self.data.parent / "agent.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hesuan.cli", "agent", *words],
            env=environment,
            stdout=self.log,
            stderr=self.log,
        )

    def kill(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        self.log.close()
        return self.process.wait(timeout=120)


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with serving(StandInHub()) as running:
        yield running


@pytest.fixture
def agent(hub: StandInHub, tmp_path: Path) -> Iterator[AgentProcess]:
    site = sites.enrol(tmp_path / "site", hub=hub.address, code="CODE-1", name="this machine")
    process = AgentProcess(site.data)
    yield process
    process.kill()


def order(hub: StandInHub) -> str:
    """Orders a real batch of the packaged application."""
    run = new_id()
    manifest = manifests.load(APPS / "omics-match")
    work = {"kind": "app", "app": "omics-match", "units": UNITS, "parameters": {"seed": 3}, "cores": 1}
    body = {"run": run, "work": work, "cores": 1, "time_limit_s": 300, "app_digest": manifest.digest}
    hub.command("run", body, command_id=f"run:{run}")
    return run


def usage_of(hub: StandInHub, run: str) -> dict[str, Any]:
    hub.until(lambda: any(body["run"] == run for body in hub.bodies("usage")), timeout_s=120)
    (usage,) = [body for body in hub.bodies("usage") if body["run"] == run]
    return usage


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with serving(StandInHub()) as hub:
        data = tmp_path_factory.mktemp("undisturbed") / "site"
        sites.enrol(data, hub=hub.address, code="CODE-1", name="this machine")
        process = AgentProcess(data)
        usage = usage_of(hub, order(hub))
        process.kill()
    assert usage["state"] == "COMPLETED" and usage["result"]["samples"] == UNITS
    return {name: usage[name] for name in TIMELESS}


def directory(agent: AgentProcess, run: str) -> Path:
    return agent.data / "runs" / run


MOMENTS: dict[str, Callable[[StandInHub, AgentProcess, str], bool]] = {
    "before the first word": lambda hub, agent, run: True,
    "as the directory appears": lambda hub, agent, run: directory(agent, run).exists(),
    "as it is told submitted": lambda hub, agent, run: "SUBMITTED" in hub.states(run),
    "as the job starts": lambda hub, agent, run: (directory(agent, run) / "started.json").exists(),
    "as it is told running": lambda hub, agent, run: "RUNNING" in hub.states(run),
    "as the log comes": lambda hub, agent, run: bool(hub.log(run)),
    "as the job ends": lambda hub, agent, run: (directory(agent, run) / "final.json").exists(),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_agent_killed_during_a_job_ends_like_an_undisturbed_one(
    hub: StandInHub, agent: AgentProcess, undisturbed: dict[str, Any], moment: str
) -> None:
    run = order(hub)
    hub.until(lambda: MOMENTS[moment](hub, agent, run), timeout_s=120)
    agent.kill()
    agent.start()
    usage = usage_of(hub, run)
    assert {name: usage[name] for name in TIMELESS} == undisturbed
    assert hub.states(run)[-1] == "COMPLETED" and len(set(hub.states(run))) == len(hub.states(run))
    assert "recall at 1" in hub.log(run) and hub.problems == []


def test_an_agent_killed_again_and_again_still_tells_one_usage(
    hub: StandInHub, agent: AgentProcess, undisturbed: dict[str, Any]
) -> None:
    run = order(hub)
    for _ in range(5):
        time.sleep(0.7)
        agent.kill()
        agent.start()
    usage = usage_of(hub, run)
    assert {name: usage[name] for name in TIMELESS} == undisturbed
    time.sleep(1)
    assert len(hub.bodies("usage")) == 1


def test_an_agent_away_during_the_whole_job_finds_its_end(
    hub: StandInHub, agent: AgentProcess, undisturbed: dict[str, Any]
) -> None:
    run = order(hub)
    hub.until((directory(agent, run) / "started.json").exists)
    agent.kill()
    hub.until((directory(agent, run) / "final.json").exists, timeout_s=120)
    agent.start()
    usage = usage_of(hub, run)
    assert {name: usage[name] for name in TIMELESS} == undisturbed


def test_an_agent_asked_to_stop_leaves_the_job_running(hub: StandInHub, agent: AgentProcess) -> None:
    run = order(hub)
    hub.until(lambda: "RUNNING" in hub.states(run))
    assert agent.kill(signal.SIGTERM) == 0
    agent.start()
    assert usage_of(hub, run)["state"] == "COMPLETED"


def test_a_second_agent_on_the_same_folder_is_refused(hub: StandInHub, agent: AgentProcess) -> None:
    hub.until(lambda: hub.polls > 0)
    second = AgentProcess(agent.data)
    assert second.process.wait(timeout=240) == 1
    assert b"agent.already_running" in (agent.data.parent / "agent.log").read_bytes()


def test_a_hub_away_while_a_job_runs_gets_everything_later(hub: StandInHub, agent: AgentProcess) -> None:
    run = order(hub)
    hub.until(lambda: "RUNNING" in hub.states(run))
    hub.away = True
    hub.until((directory(agent, run) / "final.json").exists, timeout_s=120)
    hub.away = False
    assert usage_of(hub, run)["state"] == "COMPLETED"


def test_the_benchmark_command_measures_every_size_with_right_answers(
    hub: StandInHub, tmp_path: Path
) -> None:
    app = tmp_path / "apps" / "omics-match"
    shutil.copytree(APPS / "omics-match", app, ignore=shutil.ignore_patterns("__pycache__"))
    text = (app / "app.toml").read_text()
    sizes = re.sub(r"sizes = .*\nrepeat = .*", "sizes = [100, 200, 400]", text)
    (app / "app.toml").write_text(sizes)
    site = sites.enrol(tmp_path / "site", hub=hub.address, code="CODE-1", name="this machine")
    process = AgentProcess(site.data, app.parent)
    hub.command("benchmark", {"app": "omics-match"})
    hub.until(lambda: hub.bodies("benchmark"), timeout_s=120)
    process.kill()
    body = hub.bodies("benchmark")[0]
    assert body["app_digest"] == manifests.load(app).digest
    assert body["checked"] == {"recall_ppm": body["checked"]["recall_ppm"], "at_least": 900_000}
    assert body["checked"]["recall_ppm"] >= 900_000
    assert [point["units"] for point in body["points"]] == [100, 200, 400]
    assert all(point["wall_ms"] > 0 for point in body["points"])
