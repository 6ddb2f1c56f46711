"""The search equals brute force, is the same in every run, and its bounds never cut a winner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.planner.explore import oracle
from tests.planner.explore.machines import DEEPSEEK_LIKE, DENSE, MOE, cluster, workloads

from hesuan.planner.constants import DEFAULT, Constants
from hesuan.planner.cost import Plans, evaluate
from hesuan.planner.explore import Limits, SearchResult, search
from hesuan.planner.explore.bounds import lower_bound
from hesuan.planner.explore.losers import lack_text
from hesuan.planner.explore.space import enumerate_plans
from hesuan.planner.inputs import Plan, Training, Workload

SMALL = Limits(micro_batch_max=4, cp_min_tokens=2048, top=5, slack_step_bytes=2**28)


def exhaustive(workload: Workload, limits: Limits) -> tuple[list[Plan], list[Plan]]:
    """The fastest and the frontier by brute force."""
    found = oracle.judged(workload, limits)
    ranked = sorted(enumerate(found), key=lambda one: (one[1].step_s, one[0]))
    return [one.plan for _, one in ranked[: limits.top]], [one.plan for one in oracle.frontier(found)]


def answered(result: SearchResult) -> tuple[list[Plan], list[Plan]]:
    """The same of a search."""
    return [one.plan for one in result.top], [one.plan for one in result.frontier]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads(), st.booleans())
def test_the_search_equals_brute_force(workload: Workload, with_fewer: bool) -> None:
    cards = workload.cluster.cards
    limits = replace(SMALL, card_counts=(cards, 1 + cards // 2) if with_fewer else (cards,))
    assert answered(search(workload, limits, explain=False)) == exhaustive(workload, limits)


@pytest.mark.parametrize(
    ("workload", "limits"),
    [
        (Workload(DENSE, cluster(16, memory_gb=40), Training(4096, 16)), replace(SMALL, card_counts=(16, 8))),
        (Workload(MOE, cluster(16, pool_gb=100), Training(4096, 12)), replace(SMALL, card_counts=(16,))),
        (Workload(MOE, cluster(12, memory_gb=64), Training(16384, 24)), replace(SMALL, card_counts=(12, 4))),
    ],
    ids=["dense", "experts and a pool", "long sequences on twelve cards"],
)
def test_the_search_equals_brute_force_on_real_shapes(workload: Workload, limits: Limits) -> None:
    result = search(workload, limits, explain=False)
    assert result.found
    assert answered(result) == exhaustive(workload, limits)
    assert result.legal == len(oracle.legal_plans(workload, limits))


def test_a_bound_made_too_high_is_caught() -> None:
    """The negative control: were a bound above the step time, the comparison with brute force would fail."""
    workload = Workload(MOE, cluster(16), Training(4096, 64))
    limits = replace(SMALL, card_counts=(16,), top=3)

    def too_high(work: Workload, plans: Plans, constants: Constants) -> np.ndarray:
        best = lower_bound(work, plans, constants)
        return np.where(plans.pp == 1, best, 1.0) * np.where(plans.pp == 1, 50.0, 1e-6)

    assert answered(search(workload, limits, explain=False)) == exhaustive(workload, limits)
    assert _cut(workload, limits, too_high) != exhaustive(workload, limits)


def _cut(workload: Workload, limits: Limits, bound: object) -> tuple[list[Plan], list[Plan]]:
    return answered(search(workload, limits, explain=False, bound=bound))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads())
def test_no_bound_is_above_the_step_time(workload: Workload) -> None:
    plans = enumerate_plans(workload, SMALL).plans()
    if len(plans):
        step_s = evaluate(workload, plans, DEFAULT).step_s
        assert (lower_bound(workload, plans, DEFAULT) <= step_s).all()


def test_bounds_cut_work_and_change_nothing() -> None:
    workload = Workload(DEEPSEEK_LIKE, cluster(1024, memory_gb=128), Training(4096, 4096))
    limits = Limits(card_counts=(1024,))
    cut, whole = search(workload, limits), search(workload, limits, bound=None)
    assert cut.cut_by_bound > 0 and whole.cut_by_bound == 0
    assert (cut.top, cut.frontier, cut.best) == (whole.top, whole.frontier, whole.best)


def test_the_same_search_gives_the_same_answer_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload(MOE, cluster(64), Training(4096, 256))
    first = search(workload)
    assert search(workload) == first
    monkeypatch.setattr("hesuan.planner.explore.searching.FIRST_BLOCK", 37)
    monkeypatch.setattr("hesuan.planner.explore.searching.BLOCK", 101)
    in_crumbs = search(workload)
    assert (in_crumbs.top, in_crumbs.frontier) == (first.top, first.frontier)


def test_every_plan_ends_in_one_line_of_the_account() -> None:
    result = search(Workload(MOE, cluster(64), Training(4096, 256)))
    after = {"memory_exceeded", "bound", "beyond_limits"}
    lost = sum(one.count for one in result.losers if one.reason in after or one.reason.startswith("slower_"))
    assert lost + 1 == result.legal
    assert result.evaluated + result.cut_by_bound + result.memory_refused == result.legal
    assert all(one.en and one.zh for one in result.losers)


def test_progress_ends_at_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    search(
        Workload(MOE, cluster(64), Training(4096, 256)),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen and seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_workload_that_fits_nowhere_says_so() -> None:
    result = search(Workload(DEEPSEEK_LIKE, cluster(8), Training(4096, 8)))
    assert not result.found and not result.frontier and not result.best and not result.binding
    memory = next(one for one in result.losers if one.reason == "memory_exceeded")
    assert memory.count == result.legal and memory.example is not None and "GiB" in memory.en


@pytest.mark.parametrize(
    ("missing", "told"), [(1.5 * 2**30, "1.50 GiB"), (3.1 * 2**20, "3.1 MiB"), (7.0, "0.1 MiB")]
)
def test_a_small_lack_of_memory_is_not_told_as_none(missing: float, told: str) -> None:
    assert lack_text(missing) == told


def test_deadline_and_purse_hold_and_are_counted() -> None:
    workload = Workload(DENSE, cluster(64), Training(4096, 256, tokens_total=1e11))
    free = search(workload, explain=False)
    fewest = free.best["cards"]
    limits = Limits(deadline_s=fewest.work_s * 0.5)
    held = search(workload, limits, explain=False)
    assert held.found and all(one.work_s <= limits.deadline_s for one in held.frontier)  # type: ignore[operator]
    assert next(one.count for one in held.losers if one.reason == "beyond_limits") > 0
    assert held.top == free.top
    cheapest = free.best["money"]
    assert cheapest.money_fen is not None
    poor = search(workload, Limits(money_max_fen=cheapest.money_fen + 1), explain=False)
    assert poor.best["money"].plan == cheapest.plan


def test_goodput_lengthens_the_work_and_can_turn_the_ranking() -> None:
    workload = Workload(DENSE, cluster(64), Training(4096, 256))
    plain = search(workload, explain=False)
    failing = search(workload, explain=False, goodput=lambda cards: 0.1 if cards == 64 else 0.9)
    assert plain.best["time"].cards == 64
    assert failing.best["time"].cards == 32
    best = failing.best["time"]
    assert best.work_s == pytest.approx(best.step_s / 0.9 * failing.work_tokens / (4096 * 256))


def test_without_a_price_nothing_is_best_by_money() -> None:
    result = search(Workload(DENSE, cluster(16, price_fen=None), Training(4096, 64)))
    assert "money" not in result.best and result.top[0].money_fen is None


def test_more_memory_binds_where_memory_is_short() -> None:
    def gains(memory_gb: float) -> dict[str, float]:
        found = search(Workload(DENSE, cluster(8, memory_gb=memory_gb), Training(4096, 64))).binding
        assert found == tuple(sorted(found, key=lambda one: (-one.gain, one.constraint)))
        return {one.constraint: one.gain for one in found}

    assert max(gains(memory_gb)["chip.memory_bytes"] for memory_gb in (24, 28, 32, 36, 40, 48)) > 0
    assert gains(400)["chip.memory_bytes"] == 0
