"""What the fake engine can do to an adapter, and what the adapter must make of it."""

from __future__ import annotations

import pytest

from hesuan.agent.schedulers.contract import RunSpec, RunState
from hesuan.agent.schedulers.fake import VISIBLE_WITHIN_S, FakeCentre, FakeScheduler
from hesuan.errors import Unavailable
from hesuan.wire.ids import new_id


@pytest.fixture
def centre() -> FakeCentre:
    return FakeCentre()


@pytest.fixture
def scheduler(centre: FakeCentre) -> FakeScheduler:
    return FakeScheduler(centre)


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


def test_a_centre_that_keeps_jobs_hidden_too_long_would_get_a_second_job(centre: FakeCentre) -> None:
    """The negative control: the promise rests on the stated bound, and the fake can break it."""
    scheduler = FakeScheduler(centre)
    job = spec()
    centre.lose_replies(1)
    centre.hide_new_jobs_for(VISIBLE_WITHIN_S + 1)
    with pytest.raises(Unavailable):
        scheduler.submit(job)
    centre.advance(VISIBLE_WITHIN_S)
    scheduler.submit(job)
    assert len(centre.jobs) == 2
