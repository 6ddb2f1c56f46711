"""States are told in the order in which they were seen, whatever second the scheduler's clock is in."""

from __future__ import annotations

import itertools

import pytest
from tests.agent.fakes import Rig

from hesuan.agent.observing import tell_state
from hesuan.agent.schedulers.contract import Observation, RunState
from hesuan.hub.runs.rules import Report, moves
from hesuan.wire.ids import new_id
from hesuan.wire.messages import parse_at

SUBMITTED = Observation("", RunState.SUBMITTED, "2026-11-22T15:40:52.572249Z")
SAME_SECOND = Observation("", RunState.RUNNING, "2026-11-22T15:40:52.000000Z")
NO_TRACE = Observation("", RunState.UNKNOWN, "2026-11-22T15:41:10.300000Z")
LATER = Observation("", RunState.RUNNING, "2026-11-22T15:40:53.000000Z")
ENDED = Observation("", RunState.COMPLETED, "2026-11-22T15:40:52.000000Z")


def told(rig: Rig, run: str, *seen: Observation) -> list[Report]:
    """What is told of a run for which these were seen, each before the agent begins anew."""
    for one in seen:
        with rig.spool.transaction() as change:
            tell_state(change, Observation(run, one.state, one.at))
        rig.restart()
    bodies = [sealed["message"]["body"] for _, sealed in rig.spool.waiting(99)]
    return [Report(one["state"], parse_at(one["at"])) for one in bodies if one.get("run") == run]


@pytest.mark.parametrize(
    "seen",
    [
        (SUBMITTED, SAME_SECOND),
        (SUBMITTED, LATER),
        (SUBMITTED, SAME_SECOND, NO_TRACE, SAME_SECOND),
        (SUBMITTED, LATER, NO_TRACE, LATER, NO_TRACE),
    ],
)
def test_at_the_hub_each_state_moves_the_run_on(rig: Rig, seen: tuple[Observation, ...]) -> None:
    reports = told(rig, new_id(), *seen)
    assert [one.state for one in reports] == [one.state for one in seen]
    for before, after in itertools.pairwise(reports):
        assert moves(before, after)
    assert not moves(Report("SUBMITTED", parse_at(SUBMITTED.at)), Report("RUNNING", parse_at(SAME_SECOND.at)))


def test_a_true_time_is_told_as_it_is_and_so_is_every_end(rig: Rig) -> None:
    reports = told(rig, new_id(), SUBMITTED, LATER, ENDED)
    assert [one.at for one in reports] == [parse_at(one.at) for one in (SUBMITTED, LATER, ENDED)]


def test_other_runs_times_count_for_nothing(rig: Rig) -> None:
    told(rig, new_id(), SUBMITTED)
    (report,) = told(rig, new_id(), SAME_SECOND)
    assert report.at == parse_at(SAME_SECOND.at)
