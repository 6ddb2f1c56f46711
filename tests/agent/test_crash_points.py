"""The agent dies before and after every single durable write, and comes back: the story stays the same.

A death is thrown at the n-th moment of :mod:`tests.agent.dying`, the site's enrolment included; the next
agent has only what is on disk and what the engine knows. Every n is tried until the story is told without
a death.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.agent.dying import Killed, Reaper, armed
from tests.agent.fakes import Rig, receipt_for, script_order
from tests.agent.hub import StandInHub, serving
from tests.agent.line import Line, to

from hesuan.agent import site as sites
from hesuan.agent.spool import Change

RUNS = {"good": "01J00000000000000000000001", "bad": "01J00000000000000000000002"}


def survive(reaper: Reaper, rig: Rig, step: Callable[[], None]) -> None:
    try:
        step()
    except Killed:
        reaper.revive()
        rig.restart()


def tell_the_story(hub: StandInHub, folder: Path, reaper: Reaper) -> tuple[dict[str, Any], bool]:
    """Two runs, one of them cancelled, one countersigned; what the hub knows at the end."""
    try:
        site = sites.enrol(folder, hub=hub.address, code="CODE-1", name="site")
    except Killed:
        reaper.revive()
        site = sites.enrol(folder, hub=hub.address, code="CODE-1", name="site")
    try:
        rig = Rig(hub, site, transport=Line(to(hub)))
    except Killed:
        reaper.revive()
        rig = Rig(hub, site, transport=Line(to(hub)))
    rig.order("exit:0", "4", run=RUNS["good"])
    rig.order("forever", time_limit_s=10_000, run=RUNS["bad"])
    asked_to_cancel = asked_to_sign = False
    for _ in range(60):
        survive(reaper, rig, rig.agent.introduce)
        survive(reaper, rig, rig.round)
        if not asked_to_cancel and "RUNNING" in hub.states(RUNS["bad"]):
            asked_to_cancel = True
            hub.command("cancel", {"run": RUNS["bad"]})
        usages = {body["run"]: body for body in hub.bodies("usage")}
        if not asked_to_sign and RUNS["good"] in usages:
            asked_to_sign = True
            order = script_order(RUNS["good"], "exit:0", "4")
            usage = usages[RUNS["good"]]
            receipt = receipt_for(usage, agent=hub.agent, centre=hub.centre, order=order)
            hub.command("countersign", {"receipt": receipt})
        if hub.bodies("countersign") and len(usages) == 2 and not rig.spool.waiting_count():
            break
    jobs = sorted(job.comment for job in rig.centre.jobs)
    rig.close()
    return told(hub, jobs), bool(reaper.kills)


def told(hub: StandInHub, jobs: list[str]) -> dict[str, Any]:
    """All that must be the same, however often the agent died."""
    timeless = ("run", "state", "exit_status", "signal", "cores", "attempt", "output_digest")
    return {
        "jobs": jobs,
        "states": {run: hub.states(run) for run in RUNS.values()},
        "usages": sorted((body["run"], [body[name] for name in timeless]) for body in hub.bodies("usage")),
        "good_wall_ms": [b["wall_ms"] for b in hub.bodies("usage") if b["run"] == RUNS["good"]],
        "logs": {run: re.sub("[0-9]+", "N", hub.log(run)) for run in RUNS.values()},
        "inventories": len(hub.bodies("inventory")),
        "countersigned": len(hub.bodies("countersign")),
        "refused": hub.bodies("countersign_refused"),
        "problems": hub.problems,
    }


@pytest.fixture
def memory_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is quick to write; what is tried here is the order of writes, not the disk."""
    shared = Path("/dev/shm")
    folder = tempfile.mkdtemp(dir=shared if shared.is_dir() else tmp_path)
    yield Path(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with serving(StandInHub()) as hub:
        story, killed = tell_the_story(hub, tmp_path_factory.mktemp("site") / "data", Reaper(10_000))
    assert not killed
    return story


def test_the_undisturbed_story_is_what_it_should_be(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["jobs"] == sorted(RUNS.values())
    assert undisturbed["states"][RUNS["good"]] == ["SUBMITTED", "RUNNING", "COMPLETED"]
    assert undisturbed["states"][RUNS["bad"]] == ["SUBMITTED", "RUNNING", "CANCELLED"]
    assert undisturbed["good_wall_ms"] == [4000] and len(undisturbed["usages"]) == 2
    assert undisturbed["countersigned"] == 1 and undisturbed["inventories"] == 1


def test_a_death_at_any_write_changes_nothing_of_the_story(
    undisturbed: dict[str, Any], memory_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = 0
    while True:
        reaper = Reaper(deaths)
        with monkeypatch.context() as patched, serving(StandInHub()) as hub:
            armed(patched, reaper)
            story, killed = tell_the_story(hub, memory_disk / str(deaths), reaper)
        if not killed:
            break
        # A death may let a short RUNNING pass unseen; how it ends, and everything else, is the same.
        ends = [story["states"][run][-1] for run in RUNS.values()]
        assert ends == ["COMPLETED", "CANCELLED"], f"death number {deaths}"
        rest = {name: part for name, part in story.items() if name != "states"}
        assert rest == {name: undisturbed[name] for name in rest}, f"death number {deaths}"
        deaths += 1
    assert deaths > 100


def test_without_its_once_keys_the_spool_would_tell_usage_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: it is the key that makes a usage one."""
    put = Change.put
    monkeypatch.setattr(Change, "put", lambda change, kind, body, once="": put(change, kind, body))
    with serving(StandInHub()) as hub:
        rig = Rig(hub, sites.enrol(tmp_path / "site", hub=hub.address, code="CODE-1", name="site"))
        run = rig.order("exit:0", "2")
        rig.rounds(5)
        with rig.spool.transaction() as change:
            change.execute("update runs set state = 'RUNNING', usage = null where run = ?", run)
        rig.rounds(2)
        assert len(hub.bodies("usage")) == 2
        rig.close()
