"""The plan space: divisor tables, named refusals, and a deterministic order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.planner.explore.machines import DEEPSEEK_LIKE, DENSE, MOE, cluster, workloads

from hesuan.planner.explore import Limits
from hesuan.planner.explore.divisors import divisors, nearest
from hesuan.planner.explore.rules import ALL
from hesuan.planner.explore.space import card_counts, enumerate_plans
from hesuan.planner.forecast import check
from hesuan.planner.inputs import Recompute, Schedule, Training, Workload


@given(st.integers(1, 5000))
def test_divisors_are_all_and_only_the_divisors(number: int) -> None:
    assert divisors(number) == tuple(one for one in range(1, number + 1) if number % one == 0)


def test_nearest_takes_the_smaller_of_two() -> None:
    assert nearest(6, divisors(32)) == 4
    assert nearest(100, divisors(32)) == 32


@settings(max_examples=100, deadline=None)
@given(workloads())
def test_every_listed_plan_is_one_a_forecast_accepts(workload: Workload) -> None:
    limits = Limits(micro_batch_max=4, cp_min_tokens=2048)
    plans = enumerate_plans(workload, limits).plans()
    for row in range(0, len(plans), max(1, len(plans) // 20)):
        check(workload, plans.plan(row))


def test_the_order_is_the_same_in_every_run() -> None:
    workload = Workload(MOE, cluster(64), Training(4096, 256))
    first, second = (enumerate_plans(workload, Limits()) for _ in range(2))
    assert all((first.columns[name] == second.columns[name]).all() for name in first.columns)
    assert first.refused == second.refused


def test_no_plan_is_listed_twice() -> None:
    space = enumerate_plans(Workload(MOE, cluster(64), Training(4096, 256)), Limits())
    rows = np.stack(list(space.columns.values()), axis=1)
    assert len(np.unique(rows, axis=0)) == space.size


def test_uneven_stages_count_embedding_and_head() -> None:
    """61 layers divide by nothing; with embedding, head and prediction module they lie on 16 stages of 4."""
    workload = Workload(DEEPSEEK_LIKE, cluster(256), Training(4096, 1024))
    limits = Limits(card_counts=(256,))
    assert set(np.unique(enumerate_plans(workload, limits).columns["pp"])) == {1, 2, 4, 8, 16, 32, 64} - {64}
    even = enumerate_plans(workload, replace(limits, uneven=False))
    assert set(np.unique(even.columns["pp"])) == {1}
    assert even.refused["layers_not_divisible"] > 0


def test_expert_groups_reach_as_far_as_one_expert_for_each_card() -> None:
    space = enumerate_plans(Workload(DEEPSEEK_LIKE, cluster(8192), Training(4096, 16384)), Limits())
    assert space.columns["ep"].max() == 256
    assert (256 % space.columns["ep"] == 0).all()


def test_long_sequences_may_be_cut_and_short_ones_not() -> None:
    short = enumerate_plans(Workload(DENSE, cluster(64), Training(4096, 64)), Limits())
    long = enumerate_plans(Workload(DENSE, cluster(64), Training(131072, 64)), Limits())
    assert short.columns["cp"].max() == 1 and short.refused["sequence_short"] > 0
    assert long.columns["cp"].max() == 32


def test_smaller_shares_of_the_cluster_are_tried_unless_counts_are_given() -> None:
    workload = Workload(DENSE, cluster(64), Training(4096, 64))
    assert card_counts(workload, Limits()) == (8, 16, 32, 64)
    assert card_counts(workload, Limits(card_counts=(48, 128))) == (48,)


TRAINING = Training(4096, 64)
REFUSALS = [
    ("cards_not_divisible", DENSE, cluster(24), TRAINING, Limits()),
    ("tp_beyond_domain", DENSE, cluster(64), TRAINING, Limits(tp_max=4)),
    ("heads_not_divisible", replace(DENSE, heads=20, kv_heads=20), cluster(64), TRAINING, Limits()),
    ("kv_heads_not_divisible", replace(DENSE, heads=24, kv_heads=3), cluster(64), TRAINING, Limits()),
    ("width_not_divisible", replace(DENSE, ffn=11004), cluster(64), TRAINING, Limits()),
    ("stages_above_layers", replace(DENSE, layers=4), cluster(64), TRAINING, Limits()),
    ("sequence_short", DENSE, cluster(64), TRAINING, Limits()),
    ("sequence_not_divisible", DENSE, cluster(64), Training(40001, 64), Limits()),
    ("batch_not_divisible", DENSE, cluster(64), Training(4096, 24), Limits()),
    ("experts_not_divisible", replace(MOE, experts=60), cluster(64), TRAINING, Limits()),
    ("ep_beyond_stage", MOE, cluster(64), TRAINING, Limits()),
    ("schedule_without_stages", DENSE, cluster(8), TRAINING, Limits()),
    ("chunks_above_layers", DENSE, cluster(64), TRAINING, Limits()),
    ("layers_not_divisible", DEEPSEEK_LIKE, cluster(64), TRAINING, Limits()),
    ("dualpipe_odd_stages", DENSE, cluster(24), Training(4096, 24), Limits()),
    ("micro_batch_not_divisible", DENSE, cluster(64), TRAINING, Limits()),
    ("interleaved_micro_batches", DENSE, cluster(64), TRAINING, Limits()),
    ("dualpipe_micro_batches", DENSE, cluster(64), TRAINING, Limits()),
    ("zero_without_peers", DENSE, cluster(8), TRAINING, Limits()),
    ("zero3_with_stages", DENSE, cluster(64), TRAINING, Limits()),
]


@pytest.mark.parametrize(
    ("reason", "model", "machine", "training", "limits"), REFUSALS, ids=[r[0] for r in REFUSALS]
)
def test_what_is_no_plan_is_refused_by_name(reason, model, machine, training, limits) -> None:
    assert enumerate_plans(Workload(model, machine, training), limits).refused[reason] > 0


def test_every_rule_has_its_row_above_and_its_words() -> None:
    never_listed = {"no_experts", "nothing_to_offload_to"}
    assert {row[0] for row in REFUSALS} | never_listed == set(ALL)
    assert all(rule.en and rule.zh and rule.en != rule.zh for rule in ALL.values())


def test_narrow_limits_leave_exactly_what_they_name() -> None:
    limits = Limits(
        card_counts=(64,), tp_max=1, pp_max=4, micro_batch_max=1, zero=(1,),
        recompute=(Recompute.FULL,), schedules=(Schedule.ZERO_BUBBLE,),
    )  # fmt: skip
    space = enumerate_plans(Workload(DENSE, cluster(64), Training(4096, 64)), limits)
    assert space.size == 2
    assert space.columns["pp"].tolist() == [2, 4]


def test_offload_is_tried_where_there_is_a_pool() -> None:
    for pool_gb, kinds in ((0.0, {0}), (100.0, {0, 1})):
        space = enumerate_plans(Workload(DENSE, cluster(8, pool_gb=pool_gb), Training(4096, 8)), Limits())
        assert set(space.columns["offload"].tolist()) == kinds
