"""A report: what the agent is about, told once for each time that it is asked for."""

from __future__ import annotations

import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub

from hesuan import __version__
from hesuan.agent.uplink import HUB_AWAY
from hesuan.errors import Unavailable
from hesuan.hub.centres.shapes import REPORT
from hesuan.wire.canonical import digest


def test_it_tells_runs_as_told_and_as_the_scheduler_shows_them(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("exit:0", "30", cores=3)
    rig.round(5)
    hub.command("report", {})
    hub.command("drain", {"reason": "x"})
    rig.round()
    (told,) = hub.bodies("report")
    assert REPORT.faults(told, "body") == []
    assert (
        told["runs"] == [{"run": run, "told": "SUBMITTED", "observed": "RUNNING"}] and told["open_runs"] == 1
    )
    assert (told["cores"], told["cores_held"], told["version"]) == (4, 3, __version__)
    assert told["drain"] == {"hub": None, "site": None} and told["open_commands"] == 1
    assert told["inventory"] == digest(hub.bodies("inventory")[-1])
    hub.command("report", {})
    rig.round()
    assert hub.bodies("report")[-1]["drain"]["hub"]["reason"] == "x"


def test_it_does_not_wait_for_a_scheduler_that_is_away(
    rig: Rig, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.order("exit:0", "30")
    rig.round(5)

    def away(_run: str) -> None:
        raise Unavailable(HUB_AWAY, hub="the scheduler", problem="restarting")

    monkeypatch.setattr(rig.scheduler, "poll", away)
    hub.command("report", {})
    rig.round()
    (told,) = hub.bodies("report")
    assert [one["observed"] for one in told["runs"]] == [None] and told["cores_held"] == 0


def test_asked_once_it_is_told_once_however_often_it_is_delivered(rig: Rig, hub: StandInHub) -> None:
    hub.deliver_everything = True
    hub.command("report", {})
    for _ in range(3):
        rig.restart()
        rig.round()
    assert len(hub.bodies("report")) == 1 and rig.spool.open_commands() == []
