"""The agent over the fake engine: each thing asked happens once, each thing seen is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.agent.fakes import Rig, receipt_for, script_order
from tests.agent.hub import StandInHub

from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S
from hesuan.agent.schedulers.slurm.tools import AWAY
from hesuan.agent.surveying import Surveyor
from hesuan.errors import Conflict, Refused, Unavailable
from hesuan.wire import keys
from hesuan.wire.canonical import Json, canonical, digest
from hesuan.wire.ids import new_id
from hesuan.wire.receipt import RECEIPT_DOMAIN


def test_a_run_is_submitted_watched_logged_and_metered(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("exit:0", "3")
    rig.rounds(6)
    assert hub.states(run) == ["SUBMITTED", "RUNNING", "COMPLETED"]
    (usage,) = hub.bodies("usage")
    assert usage["run"] == run and usage["state"] == "COMPLETED" and usage["wall_ms"] == 3000
    assert hub.log(run) == "job 1\n"
    assert len(rig.centre.jobs) == 1


def test_the_inventory_is_told_once_and_again_only_when_it_changes(rig: Rig, hub: StandInHub) -> None:
    rig.agent.introduce()
    rig.restart()
    rig.agent.introduce()
    rig.round()
    assert hub.bodies("inventory") == [{"host": "test"}]
    rig.agent.inventory = {"host": "test", "cores": 3}
    rig.agent.introduce()
    rig.round()
    assert len(hub.bodies("inventory")) == 2


def test_the_site_is_looked_at_again_and_told_only_where_it_differs(rig: Rig, hub: StandInHub) -> None:
    now_s = [0.0]
    seen: dict[str, Json] = {"host": "test"}
    looks: list[float] = []

    def look() -> dict[str, Json]:
        looks.append(now_s[0])
        return dict(seen)

    rig.agent.surveyor = Surveyor(look, lambda: {"at": len(looks)}, clock=lambda: now_s[0])
    rig.agent.introduce()
    for now_s[0] in (0.0, 100.0, 600.0, 601.0):
        rig.rounds(3)
    assert looks == [600.0] and hub.bodies("inventory") == [{"host": "test"}]
    seen["cores"] = 3
    now_s[0] = 1200.0
    rig.rounds(3)
    assert hub.bodies("inventory") == [{"host": "test"}, {"host": "test", "cores": 3}]
    assert len(hub.bodies("capacity")) == 3, "at 0, 600 and 1200 s: five minutes apart at least"


def test_an_engine_that_does_not_answer_is_asked_again_and_nothing_is_told(rig: Rig, hub: StandInHub) -> None:
    now_s = [0.0]

    def away() -> None:
        raise Unavailable(AWAY, tool="sinfo", problem="test")

    rig.agent.surveyor = Surveyor(away, away, clock=lambda: now_s[0])
    for now_s[0] in (0.0, 600.0):
        rig.rounds(3)
    assert hub.bodies("capacity") == hub.bodies("inventory") == []
    assert "Slurm's `sinfo` did not answer" in " ".join(rig.told)


def test_what_is_free_is_not_queued_while_the_hub_is_away(rig: Rig, hub: StandInHub) -> None:
    now_s = [0.0]
    rig.agent.surveyor = Surveyor(look_free=lambda: {"at": int(now_s[0])}, clock=lambda: now_s[0])
    hub.away = True
    rig.spool.put("heartbeat", {"running": []})
    for now_s[0] in (0.0, 300.0, 600.0):
        rig.agent._send_after = 0
        rig.agent.tick()
    assert rig.spool.waiting_count() == 1


def test_every_command_delivered_again_and_again_changes_nothing(rig: Rig, hub: StandInHub) -> None:
    hub.deliver_everything = True
    run = rig.order("forever", time_limit_s=1000)
    rig.rounds(3)
    hub.command("cancel", {"run": run})
    rig.rounds(3)
    (usage,) = hub.bodies("usage")
    order = script_order(run, "forever", time_limit_s=1000)
    receipt = receipt_for(usage, agent=rig.site.agent, centre=rig.site.centre, order=order)
    hub.command("countersign", {"receipt": receipt})
    rig.rounds(5)
    assert hub.states(run) == ["SUBMITTED", "RUNNING", "CANCELLED"]
    assert len(hub.bodies("usage")) == len(hub.bodies("countersign")) == len(rig.centre.jobs) == 1
    assert rig.spool.open_commands() == []


def test_the_same_run_under_another_command_id_is_not_started_again(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("exit:0")
    hub.command("run", script_order(run, "exit:0"), command_id="run:again")
    hub.command("run", script_order(run, "exit:3"), command_id="run:other-content")
    rig.rounds(5)
    assert len(rig.centre.jobs) == 1 and hub.states(run)[-1] == "COMPLETED"


@pytest.mark.parametrize(
    ("ends", "state"),
    [("exit:3", "FAILED"), ("signal:9", "KILLED"), ("forever", "TIMEOUT")],
)
def test_every_end_reaches_the_hub_under_its_name(rig: Rig, hub: StandInHub, ends: str, state: str) -> None:
    run = rig.order(ends, time_limit_s=4)
    rig.rounds(8)
    assert hub.states(run)[-1] == state
    assert [body["state"] for body in hub.bodies("usage")] == [state]


def test_a_lost_answer_of_the_engine_means_one_job_and_a_wait(rig: Rig, hub: StandInHub) -> None:
    rig.centre.lose_replies(1)
    rig.centre.hide_new_jobs_for(3)
    run = rig.order("exit:0", "30")
    rig.round()
    assert hub.states(run) == [] and len(rig.spool.open_commands()) == 1
    rig.rounds(4)
    assert hub.states(run) == ["SUBMITTED", "RUNNING"] and len(rig.centre.jobs) == 1


def test_a_cancel_waits_for_a_run_that_may_be_on_its_way(rig: Rig, hub: StandInHub) -> None:
    rig.centre.lose_replies(1)
    rig.centre.hide_new_jobs_for(3)
    run = rig.order("forever", time_limit_s=1000)
    hub.command("cancel", {"run": run})
    rig.rounds(8)
    assert hub.states(run)[-1] == "CANCELLED" and len(rig.centre.jobs) == 1


def test_a_vanished_job_is_unknown_and_has_no_usage(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("forever", time_limit_s=1000)
    rig.rounds(2)
    rig.centre.forget(run)
    rig.centre.advance(VISIBLE_WITHIN_S)
    rig.rounds(5)
    assert hub.states(run) == ["SUBMITTED", "RUNNING", "UNKNOWN"]
    assert hub.bodies("run_state")[-1]["reason"] and hub.bodies("usage") == []


def refusals(rig: Rig, hub: StandInHub, run: str) -> str:
    rig.rounds(2)
    assert hub.states(run) == ["REFUSED"] and rig.centre.jobs == [] and hub.bodies("usage") == []
    return str(hub.bodies("run_state")[-1]["reason"])


def test_a_script_is_refused_where_scripts_are_not_allowed(rig: Rig, hub: StandInHub) -> None:
    rig.scripts = False
    rig.restart()
    run = rig.order("exit:0")
    assert "--allow-scripts" in refusals(rig, hub, run)
    rig.rounds(2)
    assert hub.states(run) == ["REFUSED"]


def test_more_cores_than_there_are_is_refused_with_both_numbers(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("exit:0", cores=99)
    assert "asks for 99 cores; this site has 4" in refusals(rig, hub, run)


def test_an_unknown_application_is_refused_by_name(rig: Rig, hub: StandInHub) -> None:
    run = new_id()
    work = {"kind": "app", "app": "omics-mtch", "units": 5, "parameters": {}, "cores": 1}
    hub.command("run", {"run": run, "work": work, "cores": 1, "time_limit_s": 5, "app_digest": "sha256:x"})
    assert "`omics-mtch`" in refusals(rig, hub, run)


def test_an_unknown_key_in_a_command_is_refused_with_the_nearest(rig: Rig, hub: StandInHub) -> None:
    run = new_id()
    hub.command("run", {**script_order(run, "exit:0"), "time_limit": 5})
    assert "Did you mean `time_limit_s`?" in refusals(rig, hub, run)


@pytest.mark.parametrize("kind", ["run", "cancel", "countersign", "report", "benchmark"])
def test_a_command_that_makes_no_sense_is_said_and_dropped(rig: Rig, hub: StandInHub, kind: str) -> None:
    hub.command(kind, {"run": "../../etc", "receipt": 7, "app": None})
    rig.rounds(2)
    assert rig.spool.open_commands() == [] and rig.told and rig.centre.jobs == []


def settled(rig: Rig, hub: StandInHub) -> tuple[dict[str, object], dict[str, object]]:
    run = rig.order("exit:0", "3")
    rig.rounds(6)
    return hub.bodies("usage")[-1], script_order(run, "exit:0", "3")


def sign(rig: Rig, hub: StandInHub, receipt: dict[str, object]) -> str:
    hub.command("countersign", {"receipt": receipt})
    rig.rounds(2)
    refused = hub.bodies("countersign_refused")
    return str(refused[-1]["reason"]) if refused else ""


def test_a_receipt_that_adds_up_is_signed_with_the_sites_key(rig: Rig, hub: StandInHub) -> None:
    usage, order = settled(rig, hub)
    receipt = receipt_for(usage, agent=rig.site.agent, centre=rig.site.centre, order=order)
    assert sign(rig, hub, receipt) == ""
    (signed,) = hub.bodies("countersign")
    assert signed["digest"] == digest(receipt) and signed["receipt"] == receipt["id"]
    assert keys.verify(hub.key, domain=RECEIPT_DOMAIN, value=receipt, signature=signed["signature"])
    other = {**receipt, "issued_at": "2026-11-20T21:46:01.000000Z"}
    assert not keys.verify(hub.key, domain=RECEIPT_DOMAIN, value=other, signature=signed["signature"])


ALTERED = [
    ("usage", {"cpu_ms": 1}, "Usage `cpu_ms`"),
    ("usage", {"output_digest": "sha256:0"}, "Usage `output_digest`"),
    ("usage", {"result": {"recall": 1}}, "Usage `result`"),
    ("charge", {"charge_fen": 1}, "charge_fen"),
    ("", {"agent": "somebody"}, "this is agent"),
    ("", {"centre": "somewhere"}, "centre"),
    ("", {"run": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "run"),
    ("", {"quote_digest": "sha256:0"}, "digest"),
    ("", {"extra": 1}, "extra"),
]


@pytest.mark.parametrize(("part", "change", "named"), ALTERED)
def test_a_receipt_that_differs_from_our_own_record_is_refused_with_the_reason(
    rig: Rig, hub: StandInHub, part: str, change: dict[str, object], named: str
) -> None:
    usage, order = settled(rig, hub)
    receipt = receipt_for(usage, agent=rig.site.agent, centre=rig.site.centre, order=order)
    altered = {**receipt, part: {**receipt[part], **change}} if part else {**receipt, **change}
    assert named in sign(rig, hub, altered)
    assert hub.bodies("countersign") == []


def test_a_longer_wall_time_with_a_consistent_charge_is_still_refused(rig: Rig, hub: StandInHub) -> None:
    """The receipt adds up in itself; only our own record shows that it is wrong."""
    usage, order = settled(rig, hub)
    receipt = receipt_for(
        {**usage, "wall_ms": 9000}, agent=rig.site.agent, centre=rig.site.centre, order=order
    )
    assert "Usage `wall_ms`" in sign(rig, hub, receipt) and "3000" in sign(rig, hub, receipt)
    assert hub.bodies("countersign") == []


def test_a_quote_other_than_the_ordered_one_is_refused(rig: Rig, hub: StandInHub) -> None:
    usage, order = settled(rig, hub)
    receipt = receipt_for(
        usage, agent=rig.site.agent, centre=rig.site.centre, order={**order, "time_limit_s": 61}
    )
    assert "ordered with time_limit_s 60; the quote says 61" in sign(rig, hub, receipt)


def test_a_second_receipt_for_the_same_run_is_refused(rig: Rig, hub: StandInHub) -> None:
    usage, order = settled(rig, hub)
    for expected in (0, 1):
        receipt = receipt_for(usage, agent=rig.site.agent, centre=rig.site.centre, order=order)
        reason = sign(rig, hub, receipt)
        assert ("signed receipt already" in reason) == bool(expected)
    assert len(hub.bodies("countersign")) == 1


def test_a_run_refused_here_is_receipted_with_nothing_used(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("exit:0", cores=99)
    rig.rounds(2)
    order = script_order(run, "exit:0", cores=99)
    usage = {"run": run, "attempt": 1, "state": "REFUSED", "wall_ms": 0, "cpu_ms": 0, "cores": 99}
    where = {"agent": rig.site.agent, "centre": rig.site.centre}
    assert "used nothing" in sign(rig, hub, receipt_for({**usage, "wall_ms": 1}, **where, order=order))
    receipt = receipt_for(usage, **where, order=order)
    hub.command("countersign", {"receipt": receipt})
    rig.rounds(2)
    assert [body["receipt"] for body in hub.bodies("countersign")] == [receipt["id"]]


def test_a_hub_that_is_away_loses_nothing_and_gets_everything_in_order(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("exit:0", "3")
    rig.fetch()
    hub.away = True
    for _ in range(8):
        rig.agent._send_after = 0
        rig.agent.tick()
        rig.centre.advance(1)
    assert hub.messages == {} and rig.spool.waiting_count() > 3
    hub.away = False
    rig.round()
    assert hub.states(run) == ["SUBMITTED", "RUNNING", "COMPLETED"] and len(hub.bodies("usage")) == 1
    assert rig.spool.waiting_count() == 0


def test_lost_answers_of_the_hub_double_nothing(rig: Rig, hub: StandInHub) -> None:
    run = rig.order("exit:0", "3")
    rig.fetch()
    for _ in range(8):
        hub.lose_answers = 1
        rig.agent._send_after = 0
        rig.agent.tick()
        rig.centre.advance(1)
    rig.round()
    assert hub.states(run) == ["SUBMITTED", "RUNNING", "COMPLETED"]
    assert len(hub.bodies("usage")) == 1 and hub.problems == []


def test_messages_sent_again_are_the_same_bytes(rig: Rig, hub: StandInHub) -> None:
    rig.spool.put("heartbeat", {"running": []})
    first = canonical(rig.spool.waiting(1)[0][1])
    rig.restart()
    assert canonical(rig.spool.waiting(1)[0][1]) == first


def test_a_wrong_clock_starts_nothing_and_says_both_numbers(rig: Rig, hub: StandInHub) -> None:
    hub.clock = timedelta(minutes=7)
    with pytest.raises(Refused, match=r"4[12]\d s behind the hub's; at most 300 s"):
        rig.fetch()
    hub.clock = timedelta(0)
    run = rig.order("exit:0")
    rig.fetch()
    rig.uplink.skew = timedelta(minutes=-6)
    rig.agent.tick()
    assert rig.centre.jobs == [] and any("360 s ahead of" in sentence for sentence in rig.told)
    rig.rounds(4)
    assert hub.states(run)[-1] == "COMPLETED"


def test_a_full_spool_begins_nothing_new_and_still_tells_of_ends(rig: Rig, hub: StandInHub) -> None:
    running = rig.order("exit:0", "4")
    rig.rounds(2)
    hub.away = True
    rig.spool.full_at = rig.spool.waiting_count()
    waiting = rig.order("exit:0")
    hub.away = False
    rig.fetch()
    hub.away = True
    for _ in range(6):
        rig.agent.tick()
        rig.centre.advance(1)
    assert len(rig.centre.jobs) == 1 and any("waits" in sentence for sentence in rig.told)
    kinds = [sealed["message"]["kind"] for _, sealed in rig.spool.waiting(100)]
    assert "log" not in kinds[2:] and kinds[-1] == "usage"
    hub.away, rig.spool.full_at = False, 5000
    rig.rounds(5)
    assert hub.states(running)[-1] == hub.states(waiting)[-1] == "COMPLETED"


def test_a_hub_that_forgot_our_messages_is_told_apart_from_one_that_is_away(
    rig: Rig, hub: StandInHub
) -> None:
    rig.spool.put("heartbeat", {"running": []})
    rig.round()
    hub.messages.clear()
    rig.spool.put("heartbeat", {"running": []})
    with pytest.raises(Conflict, match=r"expects message 1 .* oldest one here is 2"):
        rig.uplink.send(rig.spool.waiting(10))


def test_heartbeats_do_not_pile_up_while_the_hub_is_away(rig: Rig, hub: StandInHub) -> None:
    hub.away = True
    for _ in range(20):
        rig.agent._beat_after = 0
        rig.agent.tick()
    assert rig.spool.waiting_count() == 1
