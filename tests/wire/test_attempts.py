"""Attempts are read off a usage in one way, at the site and at the hub."""

from __future__ import annotations

from typing import Any

from hesuan.agent.schedulers.contract import Usage
from hesuan.wire.attempts import COMPARED, Evidence, attempts, differences, evidence_class
from hesuan.wire.canonical import digest

USAGE: dict[str, Any] = {
    **{"run": "01JDZ6Y8000000000000000003", "attempt": 1, "state": "COMPLETED", "exit_status": 0},
    **{
        "signal": None,
        "started_at": "2026-11-20T10:00:00.000000Z",
        "ended_at": "2026-11-20T10:00:08.250000Z",
    },
    **{"wall_ms": 8250, "cpu_ms": 1, "cores": 2, "peak_memory_bytes": 1, "evidence": "kernel:wait4"},
    **{"output_digest": "", "result": {}},
}


def test_without_books_the_run_is_one_attempt_of_started_seconds() -> None:
    (one,) = attempts(USAGE)
    assert (one["key"], one["core_s"]) == ("run/01JDZ6Y8000000000000000003/1", 9 * 2)
    assert one["card_s"] is None and one["raw_digest"] == digest(USAGE)


def test_the_site_reads_the_same_off_its_own_record() -> None:
    assert attempts(Usage.of(USAGE).body()) == attempts(USAGE)


def test_what_never_started_or_held_nothing_has_none() -> None:
    assert attempts({**USAGE, "started_at": None}) == [] == attempts({**USAGE, "wall_ms": 0})


def test_books_are_taken_line_by_line() -> None:
    (own,) = attempts(USAGE)
    lines = [{**own, "key": "one/41/1"}, {**own, "key": "one/41/2"}]
    assert attempts({**USAGE, "accounting": lines}) == lines


def test_who_saw_it() -> None:
    assert evidence_class("kernel:wait4", "") == Evidence.KERNEL
    assert evidence_class("slurm:sacct", "41|one") == Evidence.ACCOUNTING
    assert evidence_class("somebody:says", "") == Evidence.SELF_REPORTED
    assert evidence_class("kubernetes:pod-status", "{}") == Evidence.ACCOUNTING
    assert evidence_class("ray:state", "01|hesuan") == Evidence.SELF_REPORTED


def test_two_records_differ_where_a_compared_figure_does() -> None:
    (one,) = attempts(USAGE)
    assert differences(one, {**one, "raw": "x", "raw_digest": "y"}) == {}
    for name in COMPARED:
        assert differences(one, {**one, name: "other"}) == {name: (one[name], "other")}
