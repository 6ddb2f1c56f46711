"""A run's state is a maximum over its reports: order, repetition and delay change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.hub.runs.rules import FINAL, REPORTED, Report, contradicts, is_final, moves

DAWN = Report("CREATED", datetime.min.replace(tzinfo=UTC))
BEGIN = datetime(2026, 11, 20, 8, tzinfo=UTC)


def report(state: str, after_s: int = 0) -> Report:
    return Report(state, BEGIN + timedelta(seconds=after_s))


def settle_on(reports: list[Report]) -> Report:
    current = DAWN
    for reported in reports:
        if moves(current, reported):
            current = reported
    return current


MOVES = [
    (report("SUBMITTED", 1), report("RUNNING", 2), True),
    (report("RUNNING", 2), report("SUBMITTED", 1), False),
    (report("RUNNING", 2), report("RUNNING", 2), False),
    (report("SUBMITTED", 1), report("RUNNING", 1), True),
    (report("RUNNING", 2), report("UNKNOWN", 3), True),
    (report("UNKNOWN", 3), report("RUNNING", 4), True),
    (report("UNKNOWN", 3), report("COMPLETED", 1), True),
    (report("COMPLETED", 5), report("RUNNING", 9), False),
    (report("COMPLETED", 5), report("FAILED", 9), False),
    (report("KILLED", 5), report("KILLED", 5), False),
]


@pytest.mark.parametrize(("current", "reported", "moved"), MOVES)
def test_which_report_moves_a_run(current: Report, reported: Report, moved: bool) -> None:
    assert moves(current, reported) is moved


@pytest.mark.parametrize("state", sorted(REPORTED))
def test_any_first_word_of_the_agent_moves_a_created_run(state: str) -> None:
    assert moves(DAWN, report(state))


def test_unknown_is_not_final() -> None:
    assert not is_final("UNKNOWN")
    assert len(FINAL) == 6


def test_a_second_other_end_is_a_contradiction() -> None:
    assert contradicts("COMPLETED", "FAILED")
    assert not contradicts("COMPLETED", "COMPLETED")
    assert not contradicts("UNKNOWN", "FAILED")


@given(
    st.lists(st.tuples(st.sampled_from(["SUBMITTED", "RUNNING", "UNKNOWN"]), st.integers(0, 20)), max_size=8),
    st.sampled_from([None, *sorted(FINAL)]),
    st.data(),
)
def test_every_order_with_every_repetition_ends_in_the_same_state(
    told: list[tuple[str, int]], end: str | None, data: st.DataObject
) -> None:
    reports = [report(state, after_s) for state, after_s in told]
    if end is not None:
        reports.append(report(end, data.draw(st.integers(0, 20))))
    repeated = reports + data.draw(st.lists(st.sampled_from(reports), max_size=5) if reports else st.just([]))
    shuffled = data.draw(st.permutations(repeated))
    assert settle_on(shuffled) == settle_on(reports)


def test_without_the_maximum_the_order_would_matter() -> None:
    """The control: "what came last" ends differently for the same reports in another order."""
    reports = [report("RUNNING", 2), report("COMPLETED", 5)]
    assert reports[-1] != list(reversed(reports))[-1]
    assert settle_on(reports) == settle_on(list(reversed(reports)))
