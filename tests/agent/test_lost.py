"""``hesuan agent lost``: a run whose supervisor is gone ends by its operator's word."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.agent.fakes import Rig
from tests.contracts.schedulers.harnesses import supervisor_pid

from hesuan.agent.schedulers.contract import Observation, RunSpec, RunState
from hesuan.agent.schedulers.engine import Account
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.rundir import RunDirectory, end_as_lost
from hesuan.agent.site import Site
from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.processes

REASON = "n17 burnt out; nothing was saved."


def until(scheduler: LocalScheduler, run: str, state: RunState) -> None:
    deadline = time.monotonic() + 240
    while scheduler.poll(run).state != state:
        assert time.monotonic() < deadline, scheduler.poll(run)
        time.sleep(0.05)


@pytest.fixture
def vanished(site: Site) -> str:
    """A run of the local engine whose supervisor was killed."""
    scheduler = LocalScheduler(site.runs, cores=1)
    spec = RunSpec(new_id(), ("sleep", "600"), 1, 700)
    scheduler.submit(spec)
    until(scheduler, spec.run, RunState.RUNNING)
    os.kill(supervisor_pid(site.runs / spec.run), signal.SIGKILL)
    until(scheduler, spec.run, RunState.UNKNOWN)
    return spec.run


def lost(site: Site, run: str, reason: str) -> int:
    return main(["agent", "lost", run, "--data", str(site.data), "--reason", reason])


def test_it_ends_killed_for_that_reason_and_held_nothing(
    site: Site, vanished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lost(site, vanished, f"  {REASON} ") == Exit.DONE
    assert vanished in capsys.readouterr().out
    scheduler = LocalScheduler(site.runs, cores=1)
    ended, usage = scheduler.poll(vanished), scheduler.usage(vanished)
    assert ended.state == RunState.KILLED and ended.reason.endswith(f": {REASON}")
    assert usage is not None and (usage.wall_ms, usage.cpu_ms, usage.evidence) == (
        0,
        0,
        "operator:declared-lost",
    )
    assert lost(site, vanished, "again") == Exit.REFUSED
    assert "agent.run_not_lost" in capsys.readouterr().err


@pytest.mark.parametrize(("reason", "count"), [(" ", 0), ("x" * 501, 501)])
def test_a_reason_is_needed_and_bounded(
    site: Site, reason: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lost(site, new_id(), reason) == Exit.FAULTY
    assert f"{count} characters; 1 to 500" in capsys.readouterr().err


def test_a_run_that_was_never_here_is_not_found(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_id()
    assert lost(site, run, REASON) != Exit.DONE
    assert run in capsys.readouterr().err


def test_the_operators_word_stands_where_it_comes_before_the_books(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = RunSpec(new_id(), ("exit:0", "5"), 1, 60)
    rig.scheduler.submit(spec)
    rig.centre.advance(10)
    ask = rig.scheduler.engine.account

    def account(directory: RunDirectory, job: str) -> Account | None:
        unknown = Observation(spec.run, RunState.UNKNOWN, rig.centre.at(10))
        end_as_lost(directory, unknown, REASON)  # as by another process, at this very moment
        return ask(directory, job)

    monkeypatch.setattr(rig.scheduler.engine, "account", account)
    assert rig.scheduler.poll(spec.run).state == RunState.KILLED
    assert rig.scheduler.poll(spec.run).reason.endswith(REASON)
