"""The worker: every message and fact once, a poison message blocks nobody, the loop wakes and stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError
from django.utils import timezone
from tests.road import Road, history, make_site, state, tell

from hesuan.hub.audit import publishing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Checkpoint, Fact
from hesuan.hub.gateway.bell import ARRIVALS, Bell
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.identity.models import Organisation
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.worker import facts, inbox, loop, table, tasks
from hesuan.hub.worker.models import Setback
from hesuan.wire.canonical import Json


def heartbeat() -> tuple[str, dict[str, Json]]:
    return "heartbeat", {"running": []}


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: real + timedelta(seconds=seconds))


def test_every_message_kind_of_the_gateway_has_a_handler() -> None:
    from hesuan.hub.gateway.shapes import MESSAGES

    assert set(table.MESSAGES) == set(MESSAGES)


def test_a_poison_message_keeps_its_fault_and_blocks_no_other_agent(
    road: Road, centre_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_site(centre_organisation, "Elsewhere")
    run = road.place()

    def choke(message: InboxMessage) -> None:
        if message.agent_id == other.agent.id:
            raise RuntimeError("poison")

    monkeypatch.setitem(table.MESSAGES, "heartbeat", choke)
    tell(other, heartbeat())
    tell(road.site, heartbeat(), *history(run.id))
    assert loop.tick().failed == ()
    assert Settlement.objects.count() == 1
    stuck = InboxMessage.objects.get(handled_at=None)
    assert (stuck.agent_id, stuck.attempts) == (other.agent.id, 1)
    assert stuck.fault == "RuntimeError: poison"


def test_a_poison_message_is_tried_again_later_and_passed_by_meanwhile(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def choke(message: InboxMessage) -> None:
        tries.append(message.id)
        raise RuntimeError("poison")

    run = road.place()
    with monkeypatch.context() as patch:
        patch.setitem(table.MESSAGES, "heartbeat", choke)
        tell(road.site, heartbeat(), state(run.id, "RUNNING"))
        loop.tick()
        inbox.drain()
        assert len(tries) == 1, "its wait has not passed"
        assert Run.objects.get().state == "RUNNING"
        later(patch, 2)
        inbox.drain()
        assert len(tries) == 2
    later(monkeypatch, 10)
    assert inbox.drain() == 1
    assert not InboxMessage.objects.filter(handled_at=None).exists()


def test_what_a_failing_handler_wrote_is_undone(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_then_fail(_: InboxMessage) -> None:
        Run.objects.update(reason="half done")
        raise RuntimeError("poison")

    road.place()
    monkeypatch.setitem(table.MESSAGES, "heartbeat", write_then_fail)
    tell(road.site, heartbeat())
    loop.tick()
    assert Run.objects.get().reason == ""


def test_a_message_of_an_unknown_kind_is_refused_for_good(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(table.MESSAGES, "heartbeat")
    tell(road.site, heartbeat())
    loop.tick()
    message = InboxMessage.objects.get(kind="heartbeat")
    assert message.handled_at is not None and "worker.unknown_kind" in message.fault


def test_a_fact_whose_handler_fails_is_kept_and_tried_again(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Fact) -> None:
        raise RuntimeError("not today")

    run = road.place()
    with monkeypatch.context() as patch:
        patch.setitem(table.FACTS, "order.settled", (fail,))
        road.say(history(run.id))
        setback = Setback.objects.get()
        assert (setback.attempts, setback.fault) == (1, "RuntimeError: not today")
        assert facts.hand_on() == 0, "its wait has not passed"
        later(patch, 2)
        facts.hand_on()
        assert Setback.objects.get().attempts == 2
    later(monkeypatch, 60)
    assert facts.hand_on() == 1
    assert not Setback.objects.exists() and not Fact.objects.filter(handed_on_at=None).exists()


def test_facts_without_a_handler_are_done_with(road: Road) -> None:
    loop.tick()
    assert not Fact.objects.filter(handed_on_at=None).exists()


def test_a_round_sequences_the_log(road: Road) -> None:
    loop.tick()
    assert not Fact.objects.filter(leaf_index=None).exists()
    size = Checkpoint.objects.order_by("-size")[0].size
    loop.tick()
    assert Checkpoint.objects.order_by("-size")[0].size == size, "an idle round adds no checkpoint"


def test_a_step_that_fails_is_named_and_the_others_run(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise RuntimeError("broken")

    steps = tuple((name, fail if name == "facts" else step) for name, step in loop.STEPS)
    monkeypatch.setattr(loop, "STEPS", steps)
    tell(road.site, heartbeat())
    assert loop.tick().failed == ("facts",)
    assert not InboxMessage.objects.filter(handled_at=None).exists()


def test_the_loop_wakes_at_the_bell_and_stops_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[float] = []
    monkeypatch.setattr(loop, "tick", lambda _: rounds.append(time.monotonic()) or loop.Round(0, ()))
    bell = Bell()
    worker = loop.Loop(bell=bell, every_s=60)
    worker.start()
    wait_for(lambda: len(rounds) == 1)
    worker.wake()
    wait_for(lambda: len(rounds) == 2)
    assert worker.stop(5)
    assert not worker.is_alive() and len(rounds) == 2


def test_a_missed_bell_costs_a_second_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    monkeypatch.setattr(loop, "tick", lambda _: rounds.append(1) or loop.Round(0, ()))
    worker = loop.Loop(bell=Bell(), every_s=0.01)
    worker.start()
    wait_for(lambda: len(rounds) > 3)
    assert worker.stop(5)


def test_the_task_does_a_round(road: Road) -> None:
    tell(road.site, heartbeat())
    tasks.sweep.call()
    assert not InboxMessage.objects.filter(handled_at=None).exists()


def test_the_gateways_bell_tells_a_task_queue_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(type(tasks.sweep), "enqueue", lambda *_: told.append("sweep"))
    ARRIVALS.ring()
    assert told == [], "without a queue the round would run inside the request that rang"
    monkeypatch.setattr(tasks, "has_queue", lambda: True)
    ARRIVALS.ring()
    assert told == ["sweep"]


def test_a_queue_that_fails_does_not_disturb_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("no queue today")

    monkeypatch.setattr(tasks, "has_queue", lambda: True)
    monkeypatch.setattr(type(tasks.sweep), "enqueue", fail)
    ARRIVALS.ring()


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.005)


def _pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the loop sleeps between rounds that fail one after another; nobody really sleeps."""
    slept: list[float] = []

    class Clock(Bell):
        def wait(self, timeout_s: float) -> bool:
            slept.append(timeout_s)
            if len(slept) == 12:
                worker._stopping.set()
            return False

    monkeypatch.setattr(loop, "tick", lambda _: loop.Round(0, ("inbox",)))
    worker = loop.Loop(bell=Clock())
    worker.start()
    worker.join(30)
    assert len(slept) == 12
    return slept


def test_the_loop_never_sleeps_longer_than_a_checkpoint_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint follows a new fact within 10 s, whatever else fails; half of it is left for the round.

    Negative control: with the pauses of before, up to 30 s, it would not.
    """
    assert max(_pauses(monkeypatch)) <= 5
    monkeypatch.setattr(loop, "LONGEST_PAUSE_S", 30.0)
    assert max(_pauses(monkeypatch)) > 10


@pytest.mark.django_db
def test_one_round_publishes_what_is_new_though_every_other_step_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> int:
        raise OSError("down")

    steps = tuple((name, step if name == "log" else broken) for name, step in loop.STEPS)
    monkeypatch.setattr(loop, "STEPS", steps)
    audit.record(kind="test.happened", subject="S1", actor="system")
    before = publishing.published_size()
    assert "log" not in loop.tick().failed
    assert publishing.published_size() == before + 1
    assert loop.tick().handled == 0, "and nothing new makes no new checkpoint"


def published(size: int) -> Callable[[], bool]:
    return lambda: publishing.published_size() == size


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("slow", ["books", "surveillance", "anchors"])
def test_a_slow_step_holds_up_no_checkpoint(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint comes although a step goes on.

    Negative control: with every step in one thread it does not come.
    """
    for running in ([loop.Loop(bell=Bell(), every_s=0.05)], loop.loops()):
        begun, over = threading.Event(), threading.Event()

        def dawdle(begun: threading.Event = begun, over: threading.Event = over) -> int:
            begun.set()
            return int(not over.wait(300))

        own = {slow: dawdle, "log": loop.sequence_log}
        with monkeypatch.context() as patch:
            patch.setattr(loop, "STEPS", tuple((name, own.get(name, lambda: 0)) for name, _ in loop.STEPS))
            for one in running:
                one.start()
            try:
                assert begun.wait(120)
                before = publishing.published_size()
                audit.record(kind="test.happened", subject="S1", actor="system")
                if len(running) == 1:
                    threading.Event().wait(3)
                    assert publishing.published_size() == before
                else:
                    wait_for(published(before + 1), 120)  # a busy disk may be slow to write
                assert not over.is_set()
            finally:
                over.set()
                assert loop.stop_all(running, 120)
        loop.sequence_log()  # what waited for the anchors of the one thread is no news for the others


def test_every_step_has_one_thread_and_the_anchors_come_after_all_logs() -> None:
    names = [name for name, _ in loop.STEPS]
    assert set(loop.APART) <= set(names)
    assert names.index("lag") < names.index("log") < names.index("anchors")


@pytest.mark.django_db
def test_a_log_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first by name is broken in each of its steps; the round names the step, and the others go on."""
    logs = ("cn.a.2026", "cn.b.2026")
    for number, (room, verb) in enumerate([(audit, "sequence"), (audit, "ask"), (audit, "publish")]):
        for log in logs:
            audit.record_entry(log=log, kind="programme", subject=f"P{number}", public={"a": 1})
        audit.record(kind="test.happened", subject=f"S{number}", actor="system")
        working = getattr(room, verb)

        def broken(log: str, working: Callable[[str], object] = working) -> object:
            if log == logs[0]:
                raise OSError("no space left on device")
            return working(log)

        with monkeypatch.context() as patch:
            patch.setattr(room, verb, broken)
            assert "log" in loop.tick().failed
        assert publishing.published_size(logs[1]) == publishing.published_size() == number + 1, verb
    assert loop.tick().failed == ()
    assert publishing.published_size(logs[0]) == 3, "and it catches up"


@pytest.mark.django_db
def test_a_faults_words_write_no_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault may quote what an agent sent; without the escaping a line of its own would stand in the log."""
    forged = "x\n2026-01-01 00:00:00 INFO hesuan paid"
    message = SimpleNamespace(id="m", agent_id="a", digest="d", seq=1, kind=forged)
    monkeypatch.setattr(inbox, "_record_refusal", lambda *_: None)
    monkeypatch.setattr(inbox.gateway, "mark_handled", lambda **_: None)
    assert inbox._try(message) == 1  # type: ignore[arg-type]
    assert "INFO hesuan paid" in caplog.messages[0] and "\n" not in caplog.messages[0]
