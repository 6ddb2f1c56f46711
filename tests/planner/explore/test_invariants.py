"""What holds for the best plan of any workload: more of anything is never slower, names change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.planner.explore.machines import DEEPSEEK_LIKE, DENSE, MOE, cluster, workloads

from hesuan.planner.explore import Limits, search
from hesuan.planner.explore.vary import scaled
from hesuan.planner.inputs import Model, Training, Workload

LIMITS = Limits(micro_batch_max=4, cp_min_tokens=2048, top=1)
MORE = ("chip.memory_bytes", "fabric.scale_up", "fabric.network")
FASTER = ("chip.rate", "chip.memory_bandwidth_bytes_per_s")


def _best_s(workload: Workload) -> float:
    result = search(workload, LIMITS, explain=False)
    return result.top[0].step_s if result.found else float("inf")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads(), st.sampled_from(MORE), st.floats(1.01, 20.0))
def test_more_memory_or_bandwidth_is_never_slower(workload: Workload, thing: str, factor: float) -> None:
    before = _best_s(workload)
    assume(before < float("inf"))
    assert _best_s(scaled(workload, thing, factor)) <= before * (1 + 1e-9)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads(), st.sampled_from(FASTER), st.floats(1.01, 20.0))
def test_a_faster_chip_is_never_slower_even_where_launches_take_longer_than_kernels(
    workload: Workload, thing: str, factor: float
) -> None:
    before = _best_s(workload)
    assume(before < float("inf"))
    assert _best_s(scaled(workload, thing, factor)) <= before * (1 + 1e-9)


REAL = [(DENSE, 8), (DENSE, 256), (MOE, 16), (MOE, 256), (DEEPSEEK_LIKE, 2048)]


@pytest.mark.parametrize("thing", FASTER)
@pytest.mark.parametrize("factor", [1.05, 1.5, 3.0])
@pytest.mark.parametrize(("model", "cards"), REAL)
def test_a_faster_chip_is_never_slower(thing: str, factor: float, model: Model, cards: int) -> None:
    workload = Workload(model, cluster(cards, memory_gb=128), Training(4096, 2 * cards))
    limits = Limits(card_counts=(cards,), top=1)
    before = search(workload, limits, explain=False)
    after = search(scaled(workload, thing, factor), limits, explain=False)
    assert before.found
    assert after.top[0].step_s < before.top[0].step_s


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads())
def test_relabelled_chips_and_clusters_are_searched_alike(workload: Workload) -> None:
    chip = replace(workload.cluster.chip, name="other", vendor="another")
    renamed = replace(workload, cluster=replace(workload.cluster, name="elsewhere", chip=chip))
    mine, other = (search(one, LIMITS, explain=False) for one in (workload, renamed))
    assert (mine.top, mine.frontier, mine.best) == (other.top, other.frontier, other.best)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads(), st.floats(2.0, 1000.0))
def test_work_scales_with_tokens(workload: Workload, factor: float) -> None:
    def of(tokens: float) -> Workload:
        return replace(workload, training=replace(workload.training, tokens_total=tokens))

    one, many = (search(of(tokens), LIMITS, explain=False) for tokens in (1e9, factor * 1e9))
    assume(one.found)
    assert many.top[0].plan == one.top[0].plan
    assert many.top[0].work_s == pytest.approx(factor * one.top[0].work_s)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads())
def test_wider_limits_are_never_slower(workload: Workload) -> None:
    narrow = replace(LIMITS, micro_batch_max=1, zero=(1,))
    result = search(workload, narrow, explain=False)
    assume(result.found)
    assert _best_s(workload) <= result.top[0].step_s
