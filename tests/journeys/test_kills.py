"""``kill -9`` of the hub during a settlement, of the agent during a job: the end is as if nothing had been.

One run, one receipt, balances equal to those of an undisturbed run of the same work.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.journeys import dying_hub
from tests.journeys.scene import Scene

from hesuan.cli.demo.stage import Stage
from hesuan.cli.demo.story import proven_receipt
from hesuan.errors import Unavailable

pytestmark = [pytest.mark.processes, pytest.mark.database]

SECONDS = 3
MOMENTS = int(os.environ.get("HESUAN_AGENT_KILLS", "2"))
"""Writes of the agent at which it is killed, of the first sixty; ``make soak`` asks for all."""
JOB = {
    "kind": "script",
    "command": ["python3", "-c", f"import time; print('began', flush=True); time.sleep({SECONDS - 0.9})"],
    "cores": 1,
    "time_limit_s": 60,
}
"""Ends early in its third second, so that start-up noise does not change the seconds billed."""


@pytest.fixture(scope="module")
def scene(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene.set_up(stage, tmp_path_factory.mktemp("no-apps"))


@pytest.fixture(scope="module")
def undisturbed(scene: Scene) -> dict[str, Any]:
    """How the same work ends when nobody is killed."""
    order = scene.place(JOB)
    scene.until_signed(order)
    ending = scene.ending(order)
    assert (ending["run"], ending["receipts"], ending["began"]) == ("COMPLETED", 1, 1)
    assert ending["billed_s"] == ending["charge_fen"] == SECONDS
    return ending


def assert_ended_alike(scene: Scene, order: str, undisturbed: dict[str, Any]) -> None:
    scene.until_signed(order)
    assert scene.ending(order) == undisturbed
    assert scene.held_yuan() == "0.00"
    scene.stage.run("hub", "ledger-check")  # both raise when an invariant is broken
    scene.stage.run("hub", "log-check")


@pytest.mark.parametrize("point", dying_hub.POINTS)
def test_a_hub_killed_during_settlement_ends_as_an_undisturbed_one(
    scene: Scene, undisturbed: dict[str, Any], point: str
) -> None:
    scene.start_hub(point)
    order = scene.place(JOB)
    died = scene.hub.popen.wait(240)
    assert died == -signal.SIGKILL, "the hub was to die at this point and did not get there"
    scene.start_hub()
    assert_ended_alike(scene, order, undisturbed)


@pytest.mark.parametrize("moment", ["at once", "while the job runs", "after the job has ended"])
def test_an_agent_killed_during_a_job_ends_as_an_undisturbed_one(
    scene: Scene, undisturbed: dict[str, Any], moment: str
) -> None:
    order = scene.place(JOB)
    if moment != "at once":
        scene.until_running(order)
    scene.agent.kill()
    if moment == "after the job has ended":
        time.sleep(SECONDS)
    scene.start_agent()
    assert_ended_alike(scene, order, undisturbed)


@pytest.mark.parametrize("moment", range(6, 60, max(60 // MOMENTS, 1)))
def test_an_agent_killed_at_any_write_ends_as_an_undisturbed_one(
    scene: Scene, undisturbed: dict[str, Any], moment: int
) -> None:
    """All moments are tried over the fake engine (``tests/agent/test_crash_points.py``); these are real."""
    scene.start_agent(moment)
    order = scene.place(JOB)
    died = scene.agent.popen.wait(240)
    assert died == -signal.SIGKILL, "the agent was to die at this moment and did not get there"
    scene.start_agent()
    assert_ended_alike(scene, order, undisturbed)


def test_a_receipt_verifies_and_with_one_byte_altered_says_what_differs(
    scene: Scene, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    assert undisturbed["receipts"] == 1
    with scene.story.hub("owner") as hub:
        receipt = next(iter(hub.items("receipts")))
        content = proven_receipt(hub, receipt["id"])
    whole, altered = tmp_path / "receipt.json", tmp_path / "altered.json"
    whole.write_bytes(content)
    at = content.index(b'"charge_fen":') + len(b'"charge_fen":')
    digit = b"9" if content[at : at + 1] != b"9" else b"8"
    altered.write_bytes(content[:at] + digit + content[at + 1 :])
    assert "✗" not in scene.stage.run("verify", str(whole))
    with pytest.raises(Unavailable, match="charge"):
        scene.stage.run("verify", str(altered))
