"""Slurm's books read as they are written: each test has the shape of somebody's bug."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import Booked, RunState, each_once
from hesuan.agent.schedulers.slurm import books
from hesuan.agent.schedulers.slurm.books import Line, held
from hesuan.agent.schedulers.slurm.engine import SlurmEngine, own
from hesuan.agent.schedulers.slurm.settings import Settings
from hesuan.agent.schedulers.slurm.tools import Tools

GRES = {
    "gpu:ascend910c": Resource("Ascend 910C"),
    "gpu:a100_2g.20gb": Resource("A100", slices=4),
    "shard": Resource("A100", 4),
}
ASKED_S = 3600


def line(**changes: str) -> Line:
    """One line of ``sacct``, as Slurm 22.05 wrote it for a job of four cards."""
    values = {
        "JobIDRaw": "41",
        "JobName": "hesuan-01JDZ6Y8000000000000000003",
        "Cluster": "one",
        "State": "COMPLETED",
        "ExitCode": "0:0",
        "Submit": "2026-11-20T10:00:00",
        "Start": "2026-11-20T10:00:05",
        "End": "2026-11-20T11:00:05",
        "ElapsedRaw": "3600",
        "AllocTRES": "billing=40,cpu=4,gres/gpu:ascend910c=4,gres/gpu=4,mem=4000M,node=1",
        "ConsumedEnergyRaw": "",
        "TotalCPU": "01:00:00",
        "MaxRSS": "",
    }
    values |= changes
    (read,) = books.read("|".join(values[name] for name in books.FIELDS))
    return read


def attempt(**changes: str) -> Any:
    found = books.attempt(line(**changes), GRES)
    assert found is not None
    return found


def test_cards_with_and_without_their_type_are_one_resource() -> None:
    assert attempt().card_s == 4 * 3600


def test_adding_up_both_would_count_them_twice() -> None:
    """The negative control: what a reader of all ``gres/`` entries would find."""
    amounts = [part for part in line().values["AllocTRES"].split(",") if part.startswith("gres/")]
    assert sum(int(part.partition("=")[2]) for part in amounts) * 3600 == 2 * attempt().card_s


@pytest.mark.parametrize(
    ("tres", "cards"),
    [
        ("cpu=1,gres/gpu=3,node=1", 3),
        ("cpu=1,gres/gpu:ascend910c=2,node=1", 2),
        ("cpu=1,gres/gpu:a=1,gres/gpu:b=2,gres/gpu=3,node=1", 3),
        ("cpu=1,gres/gpu:a=1,gres/gpu=3,node=1", 3),
        ("cpu=1,gres/npu=8,node=1", 8),
        ("cpu=1,node=1", 0),
    ],
)
def test_cards_of_every_way_to_write_them(tres: str, cards: int) -> None:
    assert held(tres, GRES).card_s(1) == cards


def test_a_job_of_four_nodes_is_not_multiplied_by_four() -> None:
    one = attempt(AllocTRES="billing=320,cpu=64,gres/gpu:ascend910c=32,gres/gpu=32,mem=256000M,node=4")
    assert (one.core_s, one.card_s, one.node_s) == (64 * 3600, 32 * 3600, 4 * 3600)
    assert one.memory_mib_s == 256_000 * 3600


def test_whole_nodes_are_billed_by_what_was_allotted_not_by_what_was_asked() -> None:
    """``--exclusive`` with one core asked for: the node has sixteen."""
    assert attempt(AllocTRES="billing=16,cpu=16,mem=64000M,node=1").core_s == 16 * 3600


@pytest.mark.parametrize(
    "tres", ["cpu=1,gres/gpu:a100_2g.20gb=1,gres/gpu=1,node=1", "cpu=1,gres/shard=1,node=1"]
)
def test_four_quarter_slices_of_a_card_for_an_hour_are_one_card_hour(tres: str) -> None:
    assert sum(attempt(AllocTRES=tres, JobIDRaw=str(job)).card_s for job in range(4)) == 3600


def test_each_run_of_a_requeued_job_is_billed_once_under_its_own_key() -> None:
    first = attempt(State="NODE_FAIL", End="2026-11-20T10:30:05", ElapsedRaw="1800")
    again = attempt(Start="2026-11-20T10:40:00", End="2026-11-20T11:40:00", Submit="2026-11-20T10:30:05")
    once = each_once([again, first, again, first])
    assert [one.started_at for one in once] == [first.started_at, again.started_at]
    assert len({one.key for one in once}) == 2
    assert sum(one.wall_ms for one in once) == (1800 + 3600) * 1000


def test_records_that_come_again_in_any_order_and_over_a_months_end_give_one_total() -> None:
    lines = [
        line(JobIDRaw=str(job), Start="2026-10-31T23:30:00", End="2026-11-01T00:30:00")
        for job in range(1, 30)
    ]
    half = [
        line(JobIDRaw=str(job), Start="2026-10-31T23:30:00", End="2026-11-01T00:00:00", ElapsedRaw="1800")
        for job in range(1, 30)
    ]
    totals = set()
    for seed in range(20):
        told = [*lines, *half, *lines]
        random.Random(seed).shuffle(told)
        read = [one for row in told if (one := books.attempt(row, GRES)) is not None]
        totals.add(sum(one.core_s for one in each_once(read)))
    assert totals == {29 * 4 * 3600}


ENDS = [
    ({"State": "COMPLETED"}, RunState.COMPLETED, 0, None),
    ({"State": "FAILED", "ExitCode": "3:0"}, RunState.FAILED, 3, None),
    ({"State": "FAILED", "ExitCode": "0:9"}, RunState.KILLED, None, 9),
    ({"State": "CANCELLED by 1000", "ExitCode": "0:15"}, RunState.CANCELLED, None, 15),
    ({"State": "CANCELLED+", "ExitCode": "0:0"}, RunState.CANCELLED, None, None),
    ({"State": "TIMEOUT", "ExitCode": "0:0"}, RunState.TIMEOUT, None, None),
    ({"State": "FAILED", "ExitCode": "124:0", "ElapsedRaw": "3600"}, RunState.TIMEOUT, None, None),
    ({"State": "FAILED", "ExitCode": "124:0", "ElapsedRaw": "3"}, RunState.FAILED, 124, None),
    ({"State": "NODE_FAIL", "ExitCode": "0:0"}, RunState.KILLED, None, None),
    ({"State": "PREEMPTED", "ExitCode": "0:15"}, RunState.KILLED, None, 15),
    ({"State": "OUT_OF_MEMORY", "ExitCode": "0:125"}, RunState.FAILED, None, None),
]


@pytest.mark.parametrize(("changes", "state", "status", "number"), ENDS)
def test_each_end_has_its_name(
    changes: dict[str, str], state: RunState, status: int | None, number: int | None
) -> None:
    end = books.end(line(**changes), time_limit_s=ASKED_S)
    assert (end.state, end.exit_status, end.signal) == (state, status, number) and end.reason


@pytest.mark.parametrize(
    ("state", "made_up"),
    [("CANCELLED", True), ("CANCELLED by 0", False), ("CANCELLED by 1000", False), ("COMPLETED", False)],
)
def test_a_job_that_was_cancelled_by_no_one_has_an_end_that_nobody_saw(state: str, made_up: bool) -> None:
    assert line(State=state).is_made_up == made_up


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "REQUEUED", "SUSPENDED", "COMPLETING", "RESIZING"])
def test_what_is_under_way_is_not_over(state: str) -> None:
    assert not line(State=state, End="Unknown").is_over


def test_a_job_that_never_ran_has_no_attempt() -> None:
    assert (
        books.attempt(line(State="CANCELLED by 0", Start="None", ElapsedRaw="0", AllocTRES=""), GRES) is None
    )


@pytest.mark.parametrize(
    ("text", "ms"),
    [("00:00.006", 6), ("01:30", 90_000), ("01:00:00", 3_600_000), ("2-03:04:05", 183_845_000), ("", 0)],
)
def test_processor_time_in_each_of_its_forms(text: str, ms: int) -> None:
    assert books.cpu_ms(text) == ms


@pytest.mark.parametrize(
    ("text", "mib"), [("4000M", 4000), ("2G", 2048), ("1.50G", 1536), ("512K", 0), ("0", 0)]
)
def test_memory_in_each_of_its_forms(text: str, mib: int) -> None:
    assert books.memory_mib(text) == mib


@pytest.mark.parametrize(
    ("text", "joules"), [("", None), ("0", None), ("18446744073709551614", None), ("72000", 72_000)]
)
def test_energy_is_told_only_where_it_is_read(text: str, joules: int | None) -> None:
    assert attempt(ConsumedEnergyRaw=text).energy_j == joules


def test_the_line_is_kept_as_it_was_written() -> None:
    one = attempt()
    assert one.raw == line().raw and one.raw_digest.startswith("sha256:")
    assert attempt(TotalCPU="01:00:01").raw_digest != one.raw_digest


def test_a_job_name_with_a_separator_is_no_line_of_ours() -> None:
    assert books.read("41|a|b|one|COMPLETED") == []


# --- The books of a time, as they are reconciled ---

DAY = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)


def booked(monkeypatch: pytest.MonkeyPatch, *lines: Line) -> tuple[list[Booked], list[str]]:
    """What the engine reads off these lines, and what it called."""
    called: list[str] = []

    def read(_tools: Tools, tool: str, *_words: str) -> str:
        called.append(tool)
        return "\n".join(one.raw for one in lines)

    monkeypatch.setattr(Tools, "read", read)
    return SlurmEngine(Settings(gres=GRES)).booked(*DAY), called


def test_ten_thousand_jobs_cost_one_call_of_the_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call a job is what it must not be."""
    found, called = booked(monkeypatch, *(line(JobIDRaw=str(job)) for job in range(1, 10_001)))
    assert called == ["sacct"] and len(found) == 10_000


def test_a_requeued_runs_line_says_requeued_and_is_booked_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = line(State="REQUEUED", End="2026-11-20T10:30:05", ElapsedRaw="1800")
    again = line(Start="2026-11-20T10:40:00", End="2026-11-20T11:40:00", Submit="2026-11-20T10:30:05")
    found, _ = booked(monkeypatch, again, first, again)
    assert [one.attempt["wall_ms"] for one in found] == [1_800_000, 3_600_000]


def test_a_requeued_job_that_is_under_way_is_left_out_until_its_usage_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = line(State="REQUEUED", End="2026-11-20T10:30:05", ElapsedRaw="1800")
    again = line(State="RUNNING", Start="2026-11-20T10:40:00", End="Unknown", Submit="2026-11-20T10:30:05")
    assert booked(monkeypatch, first, again)[0] == []


def test_steps_other_peoples_jobs_and_other_days_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    step, other = line(JobIDRaw="41.batch", JobName="batch"), line(JobIDRaw="42", JobName="simulation")
    late = line(JobIDRaw="43", End="2026-11-21T00:00:00")
    found, _ = booked(monkeypatch, line(), step, other, late)
    assert [one.attempt["key"] for one in found] == [attempt().key]
    assert {one.run for one in found} == {"01JDZ6Y8000000000000000003"}


def test_a_number_given_again_brings_no_line_of_the_job_that_had_it_before() -> None:
    """41 was another run's the day before: the controller lost its memory, or its numbers ended."""
    day, before = "2026-11-20T10:00:00", "2026-11-19T10:00:00"
    earlier = line(JobName="hesuan-01JDZ6Y8000000000000000004", Submit=before, Start=before)
    its_step = line(JobIDRaw="41.batch", JobName="batch", Submit=before, Start=before)
    mine, my_step = line(), line(JobIDRaw="41.batch", JobName="batch", Submit=day)
    run = "01JDZ6Y8000000000000000003"
    assert own([earlier, its_step, mine, my_step], run) == [mine, my_step]
    assert own([earlier, its_step], run) == []


def test_a_number_given_again_brings_no_step_of_the_job_that_has_it_after() -> None:
    """Its peak of memory would be told as ours."""
    mine, my_step = line(), line(JobIDRaw="41.batch", JobName="batch")
    after = "2026-11-21T10:00:00"
    later = line(JobName="hesuan-01JDZ6Y8000000000000000004", Submit=after, Start=after)
    its_step = line(JobIDRaw="41.batch", JobName="batch", Submit=after, Start=after, MaxRSS="9G")
    told = [later, its_step, mine, my_step]
    assert own(told, "01JDZ6Y8000000000000000003") == [mine, my_step]
    assert own(told, "01JDZ6Y8000000000000000004") == [later, its_step]


def test_each_step_of_a_requeued_job_stays_with_it() -> None:
    again = "2026-11-20T10:30:05"
    told = [
        line(State="REQUEUED", End=again),
        line(JobIDRaw="41.batch", JobName="batch", End=again),
        line(Submit=again, Start="2026-11-20T10:40:00"),
        line(JobIDRaw="41.batch", JobName="batch", Submit=again, Start="2026-11-20T10:40:00"),
    ]
    assert own(told, "01JDZ6Y8000000000000000003") == told


def test_two_runs_under_one_number_are_booked_each_under_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    noon, past = "2026-11-20T12:00:00", "2026-11-20T12:30:00"
    other = {"JobName": "hesuan-01JDZ6Y8000000000000000004", "Submit": noon, "Start": noon}
    found, _ = booked(monkeypatch, line(), line(**other, End=past, ElapsedRaw="1800"))
    assert [(one.run[-1], one.attempt["wall_ms"]) for one in found] == [("3", 3_600_000), ("4", 1_800_000)]
    found, _ = booked(monkeypatch, line(), line(**other, State="RUNNING", End="Unknown"))
    assert [one.run[-1] for one in found] == ["3"], "that the number is in use again hides nothing"
