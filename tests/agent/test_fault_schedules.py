"""Random schedules of faults; after they are healed nothing is lost and nothing is doubled.

``HESUAN_FAULTS`` is how many (200), ``HESUAN_FAULTS_SEED`` the seed of the first. The others follow it one by
one, so that the seed that a failure names repeats that schedule alone.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.agent import line as lines
from tests.agent.dying import Reaper, armed
from tests.agent.fakes import Rig, receipt_for, script_order
from tests.agent.hub import StandInHub
from tests.agent.schedules import ACTS, WHY, Schedule, memory_folder

from hesuan.agent import draining
from hesuan.agent.agent import Agent
from hesuan.agent.schedulers.contract import each_once
from hesuan.agent.schedulers.engine import asked_at
from hesuan.agent.schedulers.fake import FakeEngine
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.agent.site import Site
from hesuan.agent.uplink import Uplink
from hesuan.errors import Unavailable
from hesuan.wire import keys
from hesuan.wire.canonical import Json

COUNT = int(os.environ.get("HESUAN_FAULTS", "200"))
SEED = int(os.environ.get("HESUAN_FAULTS_SEED", "20261122"))
DISTURBED_S, PATIENCE_S = 40, 400
LIMIT_S = 60
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
Order = tuple[str, ...]


@pytest.fixture(autouse=True)
def _without_a_line_for_each_request() -> Iterator[None]:
    log = logging.getLogger("httpx")
    before = log.level
    log.setLevel(logging.WARNING)
    yield
    log.setLevel(before)


class Story:
    """A few runs ordered at any moment, one of them perhaps cancelled; receipts as they become due."""

    def __init__(self, hub: StandInHub, chance: random.Random) -> None:
        self.hub, self.chance = hub, chance
        self.orders: dict[str, Order] = {}
        self.due: dict[int, list[tuple[str, dict[str, Any], str]]] = {}
        self.drafted: set[str] = set()
        for _ in range(chance.randint(1, 3)):
            self._plan()

    def _plan(self) -> None:
        run, chance = f"01J{len(self.orders):023d}", self.chance
        words = (chance.choice(["exit:0", "exit:3", "signal:9", "forever"]), str(chance.randint(1, 20)))
        self.orders[run] = words
        at_s = chance.randrange(DISTURBED_S)
        self._at(at_s, "run", script_order(run, *words, time_limit_s=LIMIT_S), f"run:{run}")
        if words[0] == "forever" or chance.random() < 0.2:
            self._at(at_s + chance.randrange(20), "cancel", {"run": run}, f"cancel:{run}")

    def _at(self, second: int, kind: str, body: dict[str, Any], command_id: str) -> None:
        self.due.setdefault(second, []).append((kind, body, command_id))

    def go_on(self, second: int) -> None:
        """What the hub asks for at this second."""
        for kind, body, command_id in self.due.pop(second, []):
            self.hub.command(kind, body, command_id=command_id)
        for usage in self.hub.bodies("usage"):
            run = usage["run"]
            if run not in self.drafted:
                self.drafted.add(run)
                order = script_order(run, *self.orders[run], time_limit_s=LIMIT_S)
                drafted = receipt_for(usage, agent=self.hub.agent, centre=self.hub.centre, order=order)
                self.hub.command("countersign", {"receipt": drafted})

    def refused(self) -> set[str]:
        """Runs that met a site which drains, and are over without having begun."""
        return {run for run in self.orders if "REFUSED" in self.hub.states(run)}

    def is_over(self, rig: Rig) -> bool:
        over = len(self.hub.bodies("countersign")) + len(self.refused())
        return not self.due and over >= len(self.orders) and not rig.spool.waiting_count()


def tell(seed: int, patch: pytest.MonkeyPatch) -> Schedule:
    """One schedule to its end; raises where something was lost or doubled."""
    chance, reaper, hub = random.Random(seed), Reaper(), StandInHub(address="http://hub")
    folder = Path(tempfile.mkdtemp(dir=memory_folder(Path(tempfile.gettempdir()))))
    private = keys.generate()
    hub.key = keys.public_text(private)
    line = lines.Line(lines.to(hub), chance)
    rig = Rig(hub, Site(folder, hub.address, hub.agent, hub.centre, "site", private), transport=line)
    story, schedule = Story(hub, chance), Schedule(rig, line, reaper, chance)
    try:
        with patch.context() as armed_patch:
            armed(armed_patch, reaper)
            for second in range(PATIENCE_S):
                if second == DISTURBED_S:
                    schedule.heal()
                story.go_on(second)
                schedule.round()
                if second > DISTURBED_S and story.is_over(rig):
                    break
        assert_once(rig, story)
        schedule.did["refused"] += len(story.refused())
    finally:
        rig.close()
        shutil.rmtree(folder)
    return schedule


def assert_once(rig: Rig, story: Story) -> None:
    """One job, one usage, one line on the books for each attempt, one signature; none lost.

    What a site that drained has refused has one word that says why, and nothing else.
    """
    hub, centre, refused = rig.hub, rig.centre, story.refused()
    began = Counter(job.comment for job in centre.jobs)
    assert set(began.values()) <= {1}, f"a run was given to the scheduler twice: {began}"
    assert not refused & set(began), "a run that was given to the scheduler was called refused"
    for run in refused:
        (word,) = [body for body in hub.bodies("run_state") if body["run"] == run]
        assert WHY in word["reason"], word
    usages = hub.bodies("usage")
    ran = sorted(set(story.orders) - refused)
    assert sorted(body["run"] for body in usages) == ran, "a usage for each run"
    engine = FakeEngine(centre)
    booked = {
        job.comment: [asdict(one) for one in each_once(engine._lines(job)) if one.wall_ms]
        for job in centre.jobs
    }
    for body in usages:
        told = [one for one in body.get("accounting", []) if one["wall_ms"]]
        assert told == booked.get(body["run"], []), "the attempts are those of the books"
        states = hub.states(body["run"])
        assert states[-1] == body["state"] and states.count(body["state"]) == 1, states
    keys_told = [one["key"] for body in usages for one in body.get("accounting", [])]
    assert len(keys_told) == len(set(keys_told))
    assert len(hub.bodies("countersign")) == len(ran), "one signature for each receipt"
    assert not hub.bodies("countersign_refused") and not hub.problems


def schedules(count: int, patch: pytest.MonkeyPatch) -> Counter[str]:
    """Runs them, names the seed of one that fails, and returns what was done in all."""
    did: Counter[str] = Counter()
    for seed in range(SEED, SEED + count):
        try:
            one = tell(seed, patch)
        except Exception as error:
            raise AssertionError(
                f"HESUAN_FAULTS_SEED={seed} HESUAN_FAULTS=1 repeats this: {error}"
            ) from error
        did += one.did + Counter(trouble for trouble in one.line.seen if trouble)
        did["deaths"] += one.reaper.kills
    return did


def test_after_any_schedule_of_faults_nothing_is_lost_and_nothing_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    print(f"seed {SEED}, {COUNT} schedules of faults")
    did = schedules(COUNT, monkeypatch)
    print(did)
    if COUNT >= 200:
        assert {*ACTS, *lines.TROUBLES, "deaths", "refused", "OSError", "OperationalError"} <= set(did)


def _believes_in_silence(patch: pytest.MonkeyPatch) -> None:
    send = Uplink.send

    def sent(uplink: Uplink, sealed: Sequence[tuple[int, dict[str, Json]]]) -> int:
        try:
            return send(uplink, sealed)
        except Unavailable:
            return sealed[-1][0]

    patch.setattr(Uplink, "send", sent)


def _never_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OutsideScheduler, "_find", lambda *_: "")


def _trusts_the_clock(patch: pytest.MonkeyPatch) -> None:
    """As it was: what the clock says, whoever has set it."""

    def waited_s(scheduler: OutsideScheduler, directory: RunDirectory) -> float:
        return (scheduler._clock() - (asked_at(directory) or BEGIN)).total_seconds()

    patch.setattr(OutsideScheduler, "_waited_s", waited_s)


def _forgets_that_it_drains(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(draining, "objection", lambda _: None)


def _refuses_what_may_have_begun(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Agent, "_is_there", lambda *_: False)


FORGOTTEN = [
    _believes_in_silence,
    _never_looks,
    _trusts_the_clock,
    _forgets_that_it_drains,
    _refuses_what_may_have_begun,
]


@pytest.mark.parametrize("forget", FORGOTTEN)
def test_an_agent_that_forgets_one_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, forget: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The negative controls."""
    forget(monkeypatch)
    with pytest.raises(AssertionError, match="HESUAN_FAULTS_SEED="):
        schedules(200, monkeypatch)
