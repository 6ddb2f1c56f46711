"""What the fake engine can do to an adapter, and what the adapter must make of it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hesuan.agent.schedulers.contract import TOO_MANY_CORES, RunSpec, RunState, Usage, each_once
from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S, FakeCentre, FakeEngine, FakeScheduler
from hesuan.errors import NotFound, Refused, Unavailable
from hesuan.wire.ids import new_id


@pytest.fixture
def centre() -> FakeCentre:
    return FakeCentre()


@pytest.fixture
def scheduler(centre: FakeCentre, tmp_path: Path) -> FakeScheduler:
    return FakeScheduler(centre, tmp_path)


def spec() -> RunSpec:
    return RunSpec(new_id(), ("exit:0", "30"), 1, 60)


def test_a_lost_answer_is_found_by_its_comment_and_not_asked_twice(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    job = spec()
    centre.lose_replies(1)
    with pytest.raises(Unavailable):
        scheduler.submit(job)
    scheduler.submit(job)
    assert len(centre.jobs) == 1


def test_a_site_that_has_shrunk_since_a_lost_answer_does_not_refuse_the_job_that_is_there(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    job = spec()
    centre.lose_replies(1)
    with pytest.raises(Unavailable):
        scheduler.submit(job)
    centre.cores = 0
    scheduler.submit(job)
    assert len(centre.jobs) == 1 and not scheduler.poll(job.run).state.final


def test_a_lost_answer_to_a_job_not_yet_visible_waits_instead_of_asking_again(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    job = spec()
    centre.lose_replies(1)
    centre.hide_new_jobs_for(VISIBLE_WITHIN_S - 1)
    for _ in range(VISIBLE_WITHIN_S - 1):
        with pytest.raises(Unavailable):
            scheduler.submit(job)
        centre.advance(1)
    scheduler.submit(job)
    assert len(centre.jobs) == 1


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_clock_that_is_set_meanwhile_asks_for_no_second_job(
    centre: FakeCentre, scheduler: FakeScheduler, tmp_path: Path, step_s: int
) -> None:
    """The clock's word alone said that a job which was hidden had never come, and it was asked for again."""
    job = spec()
    centre.lose_replies(1)
    centre.hide_new_jobs_for(VISIBLE_WITHIN_S - 1)
    with pytest.raises(Unavailable):
        scheduler.submit(job)
    centre.set_agents_clock(step_s)
    for again in (scheduler, FakeScheduler(centre, tmp_path)):
        with pytest.raises(Unavailable):
            again.submit(job)
    centre.advance(VISIBLE_WITHIN_S - 1)
    scheduler.submit(job)
    assert len(centre.jobs) == 1


STARTED_ANEW = [
    # clock since it was asked, time since another start of the machine: what has surely passed
    (7.0, 3.0, 3.0),
    (7.0, 1e6, 7.0),
    (-7.0, 3.0, 3.0),
]


@pytest.mark.parametrize(("clock_s", "up_s", "waited_s"), STARTED_ANEW)
@pytest.mark.parametrize("boot", ["another", ""])
def test_a_machine_started_anew_counts_what_has_surely_passed(
    centre: FakeCentre, scheduler: FakeScheduler, boot: str, clock_s: float, up_s: float, waited_s: float
) -> None:
    job = spec()
    scheduler.submit(job)
    centre.set_agents_clock(int(clock_s))
    scheduler._uptime = lambda: (boot, up_s)
    assert scheduler._waited_s(scheduler.folders.known(job.run)) == waited_s


def test_a_request_that_never_arrived_is_made_again(centre: FakeCentre, scheduler: FakeScheduler) -> None:
    job = spec()
    centre.lose_requests(1)
    with pytest.raises(Unavailable):
        scheduler.submit(job)
    assert centre.jobs == []
    centre.advance(VISIBLE_WITHIN_S)
    scheduler.submit(job)
    assert len(centre.jobs) == 1


def test_just_submitted_and_not_yet_visible_is_not_gone(centre: FakeCentre, scheduler: FakeScheduler) -> None:
    job = spec()
    centre.hide_new_jobs_for(3)
    scheduler.submit(job)
    assert scheduler.poll(job.run).state == RunState.SUBMITTED
    centre.advance(3)
    assert scheduler.poll(job.run).state == RunState.RUNNING


def test_a_centre_that_keeps_jobs_hidden_too_long_would_get_a_second_job(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    """The negative control: the promise rests on the stated bound, and the fake can break it."""
    job = spec()
    centre.lose_replies(1)
    centre.hide_new_jobs_for(VISIBLE_WITHIN_S + 1)
    with pytest.raises(Unavailable):
        scheduler.submit(job)
    centre.advance(VISIBLE_WITHIN_S)
    scheduler.submit(job)
    assert len(centre.jobs) == 2


def ended(centre: FakeCentre, scheduler: FakeScheduler, job: RunSpec) -> Usage:
    """Submits a job of 30 s and lets it end."""
    scheduler.submit(job)
    centre.advance(31)
    scheduler.poll(job.run)
    usage = scheduler.usage(job.run)
    assert usage is not None
    return usage


def test_an_end_that_is_not_on_the_books_yet_is_not_told_and_holds_nothing(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    job = spec()
    centre.write_books_late(20)
    scheduler.submit(job)
    centre.advance(31)
    observed = scheduler.poll(job.run)
    assert observed.state == RunState.RUNNING and observed.over and scheduler.usage(job.run) is None
    centre.advance(20)
    assert scheduler.poll(job.run).state == RunState.COMPLETED


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_a_record_that_comes_again_and_in_any_order_counts_once(
    centre: FakeCentre, scheduler: FakeScheduler, repeats: int
) -> None:
    job = spec()
    scheduler.submit(job)
    centre.requeue(job.run)
    centre.repeat_records(repeats)
    centre.advance(31)
    scheduler.poll(job.run)
    usage = scheduler.usage(job.run)
    assert usage is not None and usage.wall_ms == 60_000
    assert [one.wall_ms for one in usage.accounting] == [30_000, 30_000]
    assert len({one.key for one in usage.accounting}) == 2


def test_counted_line_by_line_a_repeated_record_would_be_paid_twice(centre: FakeCentre) -> None:
    """The negative control of the one above."""
    centre.submit(spec())
    centre.repeat_records(2)
    centre.advance(31)
    lines = FakeEngine(centre)._lines(centre.jobs[0])
    assert sum(one.wall_ms for one in lines) > sum(one.wall_ms for one in each_once(lines)) == 30_000


def test_the_books_last_word_is_kept_whatever_they_say_later(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    job = spec()
    first = ended(centre, scheduler, job)
    centre.requeue(job.run)
    centre.forget(job.run)
    assert scheduler.poll(job.run).state == RunState.COMPLETED and scheduler.usage(job.run) == first


def test_a_wrong_clock_at_the_centre_moves_times_and_no_seconds(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    right = ended(centre, scheduler, spec())
    centre.set_clock_ahead(7200)
    wrong = ended(centre, scheduler, spec())
    assert wrong.wall_ms == right.wall_ms and wrong.started_at > right.ended_at


def test_what_the_centre_cancelled_is_not_the_users_doing(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    ours, theirs = spec(), spec()
    for job in (ours, theirs):
        scheduler.submit(job)
    centre.advance(1)
    scheduler.cancel(ours.run)
    scheduler.engine.end(scheduler.folders.known(theirs.run), "")
    centre.advance(1)
    assert scheduler.poll(ours.run).state == RunState.CANCELLED
    killed = scheduler.poll(theirs.run)
    assert killed.state == RunState.KILLED and "at the centre" in killed.reason


def test_cancelled_before_it_was_asked_for_it_is_never_asked_for(
    centre: FakeCentre, scheduler: FakeScheduler
) -> None:
    job = spec()
    scheduler.folders.create(job)
    scheduler.cancel(job.run)
    scheduler.submit(job)
    assert centre.jobs == [] and scheduler.poll(job.run).state == RunState.CANCELLED
    usage = scheduler.usage(job.run)
    assert usage is not None and usage.wall_ms == 0


def test_what_the_scheduler_refuses_leaves_nothing_behind(
    centre: FakeCentre, scheduler: FakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_engine: FakeEngine, spec: RunSpec, _directory: object) -> str:
        raise Refused(TOO_MANY_CORES, asked=spec.cores, available=0)

    job = spec()
    monkeypatch.setattr(FakeEngine, "ask", refuse)
    with pytest.raises(Refused):
        scheduler.submit(job)
    with pytest.raises(NotFound):
        scheduler.poll(job.run)
    assert list(scheduler.folders.root.iterdir()) == []


def test_two_agents_over_one_folder_ask_once(centre: FakeCentre, tmp_path: Path) -> None:
    job = spec()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(FakeScheduler(centre, tmp_path).submit, job) for _ in range(8)]:
            done.result()
    assert len(centre.jobs) == 1


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_pipe_or_link_that_the_job_leaves_is_neither_waited_for_nor_followed(
    centre: FakeCentre, scheduler: FakeScheduler, tmp_path: Path, kind: str
) -> None:
    """Before, the agent itself read a pipe named ``result.json``, and waited for its other end for ever."""
    job, secret = spec(), tmp_path / "secret.json"
    secret.write_text('{"secret": 1}')
    scheduler.submit(job)
    for path in (scheduler.output(job.run) / "result.json", scheduler.output(job.run) / "other"):
        os.mkfifo(path) if kind == "pipe" else path.symlink_to(secret)
    centre.advance(31)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(scheduler.poll, job.run)
        assert ended.result(timeout=20).state == RunState.COMPLETED
    usage = scheduler.usage(job.run)
    assert usage is not None and usage.result == {}
