"""One cell of a sweep: the pair's own best plan, or why it has none."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest
from tests.planner.explore.machines import DEEPSEEK_LIKE, DENSE, MOE, cluster

from hesuan.errors import UNKNOWN_KEY, Refused
from hesuan.planner.explore import Job, compare, fill, fill_all, sweep
from hesuan.planner.inputs import Cluster, Model, Training, Workload
from hesuan.planner.reliability import goodput_on

TRAINING = Training(2048, 64)


def job(model: Model = DENSE, machine: Cluster | None = None, workload: str = "w") -> Job:
    machine = machine or cluster(16)
    return Job(workload, f"{machine.name}:{machine.cards}", model, TRAINING, machine)


def test_a_cell_says_what_the_comparison_says() -> None:
    for model in (DENSE, MOE):
        for machine in (cluster(16), cluster(32, price_fen=None)):
            one = compare(
                model,
                TRAINING,
                [machine],
                goodput=lambda work: lambda cards: goodput_on(work.model, work.cluster, cards=cards).share,
            ).offers[0]
            cell = fill(job(model, machine))
            assert one.best is not None and cell.best == one.best
            assert (cell.tokens_per_s, cell.tokens_per_yuan) == (one.tokens_per_s, one.tokens_per_yuan)
            assert cell.legal == one.result.legal and cell.reason is None


def test_what_does_not_fit_is_a_cell_with_the_missing_memory() -> None:
    cell = fill(job(DEEPSEEK_LIKE, cluster(16)))
    assert cell.best is None and cell.tokens_per_s == 0 and cell.tokens_per_yuan is None
    assert cell.reason is not None and cell.reason.code == "memory_exceeded"
    assert "GiB" in cell.reason.en and "GiB" in cell.reason.zh


def test_a_pair_without_a_legal_plan_names_the_rule_that_refused_most() -> None:
    cell = fill(replace(job(DENSE, cluster(7)), training=Training(2048, 3)))
    assert cell.best is None and cell.legal == 0 and cell.reason is not None
    assert cell.reason.code not in ("sweep.broken", "memory_exceeded") and cell.reason.zh


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (Refused(UNKNOWN_KEY, key="tpp", near="tp"), "input.unknown_key", "`tpp`"),
        (ZeroDivisionError("by 0"), "sweep.broken", "by 0"),
    ],
)
def test_an_error_stays_in_its_cell(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, code: str, words: str
) -> None:
    found = sweep.search

    def sometimes(workload: Workload, *args: Any, **more: Any) -> Any:
        if workload.model is MOE:
            raise raised
        return found(workload, *args, **more)

    monkeypatch.setattr(sweep, "search", sometimes)
    first, second, third = fill_all([job(DENSE), job(MOE), job(DENSE, cluster(32))])
    assert first.best and third.best and second.best is None
    assert second.reason is not None and second.reason.code == code and words in second.reason.en


def test_cells_stand_in_the_order_of_their_jobs_and_know_nothing_of_each_other() -> None:
    jobs = [job(model, cluster(cards), model.name) for model in (DENSE, MOE) for cards in (32, 8, 16)]
    together = fill_all(jobs)
    assert [(cell.workload, cell.cards) for cell in together] == [(j.workload, j.cluster.cards) for j in jobs]
    assert tuple(fill(one) for one in reversed(jobs)) == together[::-1]


def test_jobs_and_cells_survive_the_road_between_processes() -> None:
    jobs = [job(), job(DEEPSEEK_LIKE)]
    assert pickle.loads(pickle.dumps(jobs)) == jobs
    cells = fill_all(jobs)
    assert pickle.loads(pickle.dumps(cells)) == cells
