"""A disk without room: what is not stored is not acknowledged, and the agent goes on when there is room."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub

from hesuan.agent import agent as agents


def on_a_full_disk(rig: Rig) -> Callable[[bool], None]:
    """Sets whether the spool's file may grow; it is full of what the hub has not stored."""
    (pages,) = rig.spool.rows("pragma page_count")[0]

    def room(there_is: bool) -> None:
        rig.spool.rows(f"pragma max_page_count={1_000_000 if there_is else pages}")

    return room


def test_a_command_that_finds_no_room_is_asked_for_again(rig: Rig, hub: StandInHub) -> None:
    """What is not on disk here is not acknowledged there: the next poll asks after the same number."""
    room = on_a_full_disk(rig)
    run = rig.order("exit:0", "x" * 50_000)
    room(False)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            rig.fetch()
        assert rig.spool.last_command_seq() == 0 and rig.spool.open_commands() == []
    room(True)
    rig.fetch()
    assert [command.body["run"] for command in rig.spool.open_commands()] == [run]


def test_an_agent_whose_disk_is_full_says_so_and_goes_on_when_there_is_room(
    rig: Rig, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both threads, over the real loop; it also begins with a full disk."""
    monkeypatch.setattr(agents, "DISK_PAUSE_S", 0.01)
    monkeypatch.setattr(agents, "IDLE_TICK_S", 0.01)
    rig.agent.inventory = {"host": "x" * 50_000}
    room = on_a_full_disk(rig)
    run = rig.order("exit:0", "1")
    room(False)
    serving = threading.Thread(target=rig.agent.serve)
    serving.start()
    try:
        hub.until(lambda: sum(agents.DISK_TROUBLE in sentence for sentence in rig.told) > 2)
        assert hub.bodies("inventory") == []
        room(True)
        hub.until(lambda: "SUBMITTED" in hub.states(run))
        rig.centre.advance(2)
        hub.until(lambda: hub.bodies("usage"))
    finally:
        rig.agent.stop()
        serving.join(120)
    assert len(rig.centre.jobs) == len(hub.bodies("usage")) == len(hub.bodies("inventory")) == 1
    assert hub.problems == []
