"""A job that fails, is killed, outlives its limit or is cancelled ends so, charged by the stated rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.scene import Scene

from hesuan.cli.demo.stage import Stage
from hesuan.cli.demo.story import proven_receipt

pytestmark = [pytest.mark.processes, pytest.mark.database]

SIGKILL = 9


def script(body: str, limit_s: int = 60) -> dict[str, Any]:
    return {"kind": "script", "command": ["python3", "-c", body], "cores": 1, "time_limit_s": limit_s}


@pytest.fixture(scope="module")
def scene(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene.set_up(stage, tmp_path_factory.mktemp("no-apps"))


def settled(scene: Scene, order: str) -> dict[str, Any]:
    scene.until_signed(order)
    ending = scene.ending(order)
    assert scene.held_yuan() == "0.00", "a hold outlived its run"
    scene.stage.run("hub", "ledger-check")
    return ending


def test_a_failing_job_keeps_its_exit_status_and_is_charged(scene: Scene) -> None:
    ending = settled(scene, scene.place(script("import sys, time; time.sleep(1.2); sys.exit(7)")))
    assert (ending["run"], ending["exit"]) == ("FAILED", (7, None))
    assert ending["charge_fen"] == ending["billed_s"] == 2


def test_a_killed_job_keeps_its_signal_and_costs_nothing(scene: Scene) -> None:
    body = "import os, signal, time; time.sleep(1.2); os.kill(os.getpid(), signal.SIGKILL)"
    ending = settled(scene, scene.place(script(body)))
    assert (ending["run"], ending["exit"]) == ("KILLED", (None, SIGKILL))
    assert (ending["billed_s"], ending["charge_fen"]) == (2, 0)


def test_a_job_that_outlives_its_limit_is_ended_and_charged_no_more_than_the_limit(scene: Scene) -> None:
    ending = settled(scene, scene.place(script("import time; time.sleep(300)", limit_s=2)))
    assert ending["run"] == "TIMEOUT"
    assert ending["charge_fen"] == ending["billed_s"] == 2


def test_a_cancelled_job_is_charged_for_what_it_used(scene: Scene) -> None:
    order = scene.place(script("import time; time.sleep(300)", limit_s=120))
    scene.until_running(order)
    with scene.story.hub("owner") as hub:
        hub.post(f"orders/{order}/cancel")
    ending = settled(scene, order)
    assert ending["run"] == "CANCELLED"
    assert 0 < ending["charge_fen"] < 120


def test_the_receipt_of_a_killed_job_verifies_too(scene: Scene, tmp_path: Path) -> None:
    order = scene.place(script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    signed = scene.until_signed(order)
    with scene.story.hub("owner") as hub:
        content = proven_receipt(hub, signed["receipt"])
    path = tmp_path / "receipt.json"
    path.write_bytes(content)
    assert json.loads(content)["receipt"]["charge"]["state"] == "KILLED"
    assert "✗" not in scene.stage.run("verify", str(path))


def test_a_hub_that_stops_does_not_wait_for_the_poll_of_its_agent(scene: Scene) -> None:
    """It says so when it cuts what is in progress; an agent that waits for commands is answered instead."""
    scene.start_hub()
    scene.until_signed(scene.place(script("print(1)")))
    scene.hub.stop()
    assert scene.hub.popen.returncode == 0
    assert "graceful shutdown exceeded" not in scene.hub.log.read_text()
