"""The contract of ``hesuan.agent.schedulers.contract``, on every engine, the fake first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contracts.schedulers.harnesses import (
    FakeHarness,
    Harness,
    KubernetesHarness,
    LocalHarness,
    RayHarness,
    SlurmHarness,
)

from hesuan.agent.schedulers.contract import Observation, RunState
from hesuan.errors import Conflict, NotFound, Refused
from hesuan.wire.ids import new_id

ENGINES = {
    "fake": FakeHarness,
    "local": LocalHarness,
    "slurm": SlurmHarness,
    "ray": RayHarness,
    "kubernetes": KubernetesHarness,
}


@pytest.fixture(
    params=[
        "fake",
        "local",
        pytest.param("slurm", marks=[pytest.mark.slurm, pytest.mark.processes]),
        pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.processes]),
        pytest.param("kubernetes", marks=[pytest.mark.kubernetes, pytest.mark.processes]),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    yield ENGINES[request.param](tmp_path)


def final(observed: Observation) -> bool:
    return observed.state.final


def running(observed: Observation) -> bool:
    return observed.state == RunState.RUNNING


def test_a_run_that_ends_well_is_completed_with_one_usage(engine: Harness) -> None:
    spec = engine.spec("exit:0")
    engine.scheduler.submit(spec)
    ended = engine.until(spec.run, final)
    usage = engine.scheduler.usage(spec.run)
    assert (ended.state, ended.exit_status, ended.signal) == (RunState.COMPLETED, 0, None)
    assert usage is not None and usage.state == "COMPLETED" and usage.cores == 1 and usage.wall_ms > 0
    assert usage.attempt == 1 and usage.started_at <= usage.ended_at
    assert engine.jobs(spec.run) == 1


ENDS = [
    ("exit:3", RunState.FAILED, 3, None),
    ("signal:9", RunState.KILLED, None, 9),
    ("signal:11", RunState.KILLED, None, 11),
]


@pytest.mark.parametrize(("ends", "state", "status", "number"), ENDS)
def test_an_end_has_its_own_name(
    engine: Harness, ends: str, state: RunState, status: int | None, number: int | None
) -> None:
    spec = engine.spec(ends)
    engine.scheduler.submit(spec)
    ended = engine.until(spec.run, final)
    usage = engine.scheduler.usage(spec.run)
    assert (ended.state, ended.exit_status, ended.signal) == (state, status, number)
    assert usage is not None and (usage.state, usage.exit_status, usage.signal) == (state, status, number)


def test_a_run_that_outlives_its_limit_is_ended_as_timeout(engine: Harness) -> None:
    spec = engine.spec("forever", time_limit_s=1)
    engine.scheduler.submit(spec)
    assert engine.until(spec.run, final).state == RunState.TIMEOUT
    usage = engine.scheduler.usage(spec.run)
    assert usage is not None and usage.wall_ms >= 1000


def test_submitting_again_starts_nothing_again(engine: Harness) -> None:
    spec = engine.spec("exit:0")
    for _ in range(3):
        engine.scheduler.submit(spec)
    engine.until(spec.run, final)
    engine.scheduler.submit(spec)
    engine.restart()
    engine.scheduler.submit(spec)
    assert engine.until(spec.run, final).state == RunState.COMPLETED
    assert engine.jobs(spec.run) == 1


def test_the_same_run_with_other_content_is_a_conflict_and_changes_nothing(engine: Harness) -> None:
    spec = engine.spec("exit:0")
    other = engine.spec("exit:0", run=spec.run, cores=2)
    engine.scheduler.submit(spec)
    with pytest.raises(Conflict, match=spec.run):
        engine.scheduler.submit(other)
    assert engine.until(spec.run, final).state == RunState.COMPLETED
    usage = engine.scheduler.usage(spec.run)
    assert usage is not None and usage.cores == 1


def test_more_cores_than_there_are_is_refused_with_both_numbers(engine: Harness) -> None:
    spec = engine.spec("exit:0", cores=99)
    with pytest.raises(Refused, match=rf"99 cores; this site has {engine.cores}"):
        engine.scheduler.submit(spec)
    with pytest.raises(NotFound):
        engine.scheduler.poll(spec.run)


def test_a_restarted_agent_finds_the_same_run_with_the_same_usage(engine: Harness) -> None:
    spec = engine.spec("exit:0")
    engine.scheduler.submit(spec)
    engine.restart()
    engine.until(spec.run, final)
    first = engine.scheduler.usage(spec.run)
    engine.restart()
    assert engine.scheduler.usage(spec.run) == first
    assert engine.jobs(spec.run) == 1


def test_there_is_no_usage_before_the_end(engine: Harness) -> None:
    spec = engine.spec("forever")
    engine.scheduler.submit(spec)
    engine.until(spec.run, running)
    assert engine.scheduler.usage(spec.run) is None
    engine.scheduler.cancel(spec.run)
    engine.until(spec.run, final)
    assert engine.scheduler.usage(spec.run) is not None


def test_cancel_ends_the_run_and_may_be_asked_again(engine: Harness) -> None:
    spec = engine.spec("forever")
    engine.scheduler.submit(spec)
    engine.until(spec.run, running)
    engine.scheduler.cancel(spec.run)
    engine.scheduler.cancel(spec.run)
    assert engine.until(spec.run, final).state == RunState.CANCELLED
    usage = engine.scheduler.usage(spec.run)
    engine.scheduler.cancel(spec.run)
    assert engine.scheduler.usage(spec.run) == usage


def test_cancel_after_the_end_changes_nothing(engine: Harness) -> None:
    spec = engine.spec("exit:0")
    engine.scheduler.submit(spec)
    engine.until(spec.run, final)
    engine.scheduler.cancel(spec.run)
    assert engine.scheduler.poll(spec.run).state == RunState.COMPLETED


def test_a_job_that_vanished_is_unknown_with_a_reason_until_its_operator_declares_it_lost(
    engine: Harness,
) -> None:
    spec = engine.spec("forever")
    engine.scheduler.submit(spec)
    engine.vanish(spec.run)
    for _ in range(2):
        observed = engine.scheduler.poll(spec.run)
        assert observed.state == RunState.UNKNOWN and observed.reason
        assert engine.scheduler.usage(spec.run) is None
        engine.restart()
        engine.scheduler.submit(spec)
    assert engine.jobs(spec.run) == 1
    engine.scheduler.declare_lost(spec.run, "The node burnt out.")
    usage = engine.scheduler.usage(spec.run)
    assert usage is not None and (usage.state, usage.wall_ms, usage.accounting) == ("KILLED", 0, ())
    engine.restart()
    ended = engine.scheduler.poll(spec.run)
    assert ended.state == RunState.KILLED and "The node burnt out." in ended.reason
    with pytest.raises(Refused, match=r"agent\.run_not_lost"):
        engine.scheduler.declare_lost(spec.run, "Another word.")
    assert engine.scheduler.usage(spec.run) == usage


def test_a_run_that_is_under_way_or_over_is_not_declared_lost(engine: Harness) -> None:
    spec = engine.spec("exit:0")
    engine.scheduler.submit(spec)
    with pytest.raises(Refused, match=r"agent\.run_not_lost"):
        engine.scheduler.declare_lost(spec.run, "Too early.")
    assert engine.until(spec.run, final).state == RunState.COMPLETED
    with pytest.raises(Refused, match=r"agent\.run_not_lost"):
        engine.scheduler.declare_lost(spec.run, "Too late.")
    assert engine.scheduler.poll(spec.run).state == RunState.COMPLETED


def test_a_run_nobody_submitted_is_not_found(engine: Harness) -> None:
    stranger = new_id()
    for ask in (
        lambda: engine.scheduler.poll(stranger),
        lambda: engine.scheduler.usage(stranger),
        lambda: engine.scheduler.cancel(stranger),
        lambda: engine.scheduler.log(stranger, 0, 10),
    ):
        with pytest.raises(NotFound, match=stranger):
            ask()


def test_the_log_reads_the_same_from_the_same_place(engine: Harness) -> None:
    spec = engine.spec("exit:0")
    engine.scheduler.submit(spec)
    engine.until(spec.run, final)
    whole = engine.scheduler.log(spec.run, 0, 1000)
    assert whole and engine.scheduler.log(spec.run, 0, 1000) == whole
    assert engine.scheduler.log(spec.run, 0, 2) + engine.scheduler.log(spec.run, 2, 1000) == whole
    assert engine.scheduler.log(spec.run, len(whole), 1000) == b""


def test_an_engine_says_what_it_does_not_isolate(engine: Harness) -> None:
    assert engine.scheduler.isolation and all(
        sentence.endswith(".") for sentence in engine.scheduler.isolation
    )
