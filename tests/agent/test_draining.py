"""A site that drains: nothing new begins, what runs goes on, and the hub hears which of the two it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.agent.fakes import Rig, script_order
from tests.agent.hub import StandInHub

from hesuan.agent import draining
from hesuan.agent.orders import House
from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S
from hesuan.agent.site import Site
from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.wire.ids import new_id

WHY = "new power supply"
SIX_MINUTES = timedelta(minutes=6)


def drain(hub: StandInHub, reason: Any = WHY) -> None:
    hub.command("drain", {"reason": reason})


def told(hub: StandInHub) -> list[tuple[bool, bool]]:
    """Whether the hub's and the site's own word stood, in each message."""
    return [(body["hub"] is not None, body["site"] is not None) for body in hub.bodies("drain_state")]


def reason(hub: StandInHub, run: str) -> str:
    (state,) = [body for body in hub.bodies("run_state") if body["run"] == run]
    assert state["state"] == "REFUSED"
    return str(state["reason"])


def test_runs_under_way_go_on_to_their_end_and_a_new_one_is_refused(rig: Rig, hub: StandInHub) -> None:
    running = rig.order("exit:0", "4")
    rig.rounds(2)
    drain(hub)
    late = rig.order("exit:0")
    rig.rounds(6)
    assert hub.states(running)[-1] == "COMPLETED" and len(hub.bodies("usage")) == 1
    assert WHY in reason(hub, late) and "Nothing was started" in reason(hub, late)
    assert len(rig.centre.jobs) == 1 and told(hub) == [(True, False)]
    assert hub.bodies("drain_state")[0]["hub"]["reason"] == WHY


def test_without_the_check_the_run_would_start(
    rig: Rig, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the refusal above."""
    monkeypatch.setattr(draining, "objection", lambda _spool: None)
    drain(hub)
    late = rig.order("exit:0")
    rig.rounds(6)
    assert hub.states(late)[-1] == "COMPLETED" and len(rig.centre.jobs) == 1


def test_a_drain_outlives_the_agent_and_is_ended_by_resume(rig: Rig, hub: StandInHub) -> None:
    drain(hub)
    rig.rounds(2)
    rig.restart()
    refused = rig.order("exit:0")
    rig.rounds(2)
    assert WHY in reason(hub, refused)
    hub.command("resume", {})
    taken = rig.order("exit:0")
    rig.rounds(6)
    assert hub.states(taken)[-1] == "COMPLETED" and told(hub) == [(True, False), (False, False)]
    assert hub.states(refused) == ["REFUSED"], "what was refused stays so"


def test_commands_delivered_again_and_again_change_nothing(rig: Rig, hub: StandInHub) -> None:
    hub.deliver_everything = True
    drain(hub)
    rig.rounds(4)
    hub.command("resume", {})
    rig.rounds(4)
    assert told(hub) == [(True, False), (False, False)] and rig.spool.open_commands() == []


def test_a_run_that_waits_when_the_drain_comes_is_refused(rig: Rig, hub: StandInHub) -> None:
    """It was ordered, sent and not begun: nothing is begun, nothing is charged."""
    waiting = new_id()
    hub.command("run", script_order(waiting, "exit:0"))
    rig.fetch()
    rig.uplink.skew = -SIX_MINUTES
    rig.agent.tick()
    assert rig.centre.jobs == [] and [one.kind for one in rig.spool.open_commands()] == ["run"]
    drain(hub)
    rig.fetch()
    rig.uplink.skew = -SIX_MINUTES
    rig.agent.tick()
    rig.rounds(3)
    assert WHY in reason(hub, waiting) and rig.centre.jobs == []


def test_a_run_that_may_have_begun_is_never_called_refused(rig: Rig, hub: StandInHub) -> None:
    """The scheduler took the job and its answer was lost; then the drain comes."""
    rig.centre.lose_replies(1)
    rig.centre.hide_new_jobs_for(3)
    run = rig.order("exit:0", "30")
    rig.round()
    assert hub.states(run) == [] and len(rig.centre.jobs) == 1
    drain(hub)
    rig.rounds(VISIBLE_WITHIN_S)
    assert hub.states(run)[:1] == ["SUBMITTED"] and "REFUSED" not in hub.states(run)
    assert len(rig.centre.jobs) == 1 and told(hub) == [(True, False)]


def test_a_cancel_still_ends_a_run_under_way(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("forever", time_limit_s=1000)
    rig.rounds(2)
    drain(hub)
    hub.command("cancel", {"run": run})
    rig.rounds(4)
    assert hub.states(run)[-1] == "CANCELLED"


def test_a_benchmark_waits_for_the_end_of_the_drain(rig: Rig, hub: StandInHub) -> None:
    rig.agent.house = House({"app": object()}, scripts_allowed=True)  # type: ignore[dict-item]
    drain(hub)
    hub.command("benchmark", {"app": "app"})
    rig.rounds(2)
    assert [one.kind for one in rig.spool.open_commands()] == ["benchmark"] and rig.centre.jobs == []
    assert rig.agent.tick() is False, "waiting for an operator is no reason to hurry"


@pytest.mark.parametrize("wrong", [None, "", 7, "x" * 501])
def test_a_drain_without_a_reason_is_said_and_dropped(rig: Rig, hub: StandInHub, wrong: Any) -> None:
    drain(hub, wrong)
    rig.rounds(2)
    assert told(hub) == [] and rig.spool.open_commands() == [] and "`reason`" in rig.told[-1]


def at_site(site: Site, *words: str) -> None:
    assert main(["agent", *words, "--data", str(site.data)]) == Exit.DONE


def test_the_site_drains_itself_beside_the_serving_agent(
    rig: Rig, hub: StandInHub, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.rounds(1)
    at_site(site, "drain", "--reason", f" {WHY}\n today ")
    at_site(site, "drain", "--reason", "again")
    out = capsys.readouterr().out
    assert "takes no new work" in out and "drains already" in out
    refused = rig.order("exit:0")
    rig.rounds(2)
    assert f"{WHY} today" in reason(hub, refused) and told(hub) == [(False, True)]
    at_site(site, "resume")
    taken = rig.order("exit:0")
    rig.rounds(6)
    assert hub.states(taken)[-1] == "COMPLETED" and told(hub)[1:] == [(False, False)]
    assert hub.problems == []


def test_each_word_is_taken_back_only_by_who_gave_it(
    rig: Rig, hub: StandInHub, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    drain(hub)
    rig.rounds(1)
    at_site(site, "drain", "--reason", "lid is open")
    hub.command("resume", {})
    rig.rounds(1)
    assert "lid is open" in str(draining.objection(rig.spool))
    drain(hub)
    rig.rounds(1)
    at_site(site, "resume")
    assert "ends at the hub" in capsys.readouterr().out
    assert WHY in str(draining.objection(rig.spool))
    rig.rounds(1)
    assert told(hub)[-1] == (True, False)
