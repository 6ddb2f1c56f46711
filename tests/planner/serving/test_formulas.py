"""The formulas of serving: cases by hand, limits, monotony."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.planner.serving.machines import deepseek, demand, hopper, llama

from hesuan.planner.inputs import Level, Precision
from hesuan.planner.serving import DEFAULT, Deployment, ExpertBalance, Phase, Pool, predict_serving
from hesuan.planner.serving.cases import case_of, stack
from hesuan.planner.serving.fabric import all_reduce_s, all_to_all_s
from hesuan.planner.serving.steady import memory
from hesuan.planner.serving.step import touched_experts


def test_distinct_experts_by_hand() -> None:
    """Two tokens of one expert among four touch 4 (1 - (3/4)^2) = 1.75 on average; one token touches one."""
    four, one = np.array([4.0]), np.array([1.0])
    assert touched_experts(four, one, np.array([2.0]))[0] == pytest.approx(1.75)
    assert touched_experts(four, one, np.array([1.0]))[0] == pytest.approx(1.0)
    assert touched_experts(four, one, np.array([2.0]), spread=0.0)[0] == pytest.approx(1.0)


def test_a_group_of_one_costs_nothing() -> None:
    case = stack([case_of(Deployment(model=llama(), cluster=hopper(), decode=Pool()), demand())])
    one = np.array([1.0])
    assert all_reduce_s(case, DEFAULT, one, np.array([1e9]))[0] == 0.0
    assert all_to_all_s(case, DEFAULT, one, np.array([7168.0]), np.array([1e4]), distinct=True)[0] == 0.0


def test_all_reduce_of_eight_by_hand() -> None:
    """2 · 7/8 of 100 MB at the link's share of 450 GB/s, one start-up, twice the latency."""
    case = stack([case_of(Deployment(model=llama(), cluster=hopper(), decode=Pool()), demand())])
    level = hopper().fabric.levels[0]
    wanted = 2 * 7 / 8 * 1e8 / (level.bandwidth_bytes_per_s * DEFAULT.link_share)
    wanted += DEFAULT.reduce_s + 2 * level.latency_s
    assert all_reduce_s(case, DEFAULT, np.array([8.0]), np.array([1e8]))[0] == pytest.approx(wanted)


def test_one_copy_to_each_domain_is_less_than_one_to_each_expert() -> None:
    case = stack([case_of(Deployment(model=deepseek(), cluster=hopper(256), decode=Pool()), demand())])
    words = (np.array([32.0]), np.array([7168.0]), np.array([16384.0]))
    assert all_to_all_s(case, DEFAULT, *words, distinct=True) < all_to_all_s(
        case, DEFAULT, *words, distinct=False
    )


def test_weights_and_cache_by_hand() -> None:
    """70B in FP8 on TP 4: a quarter of 8-bit layers and 16-bit tables; a token keeps 80 · 2 · 2 · 128."""
    model = llama()
    deployment = Deployment(model=model, cluster=hopper(), decode=Pool(tp=4))
    found = memory(stack([case_of(deployment, demand(kv_bytes=2.0))]), DEFAULT, _decode(deployment))
    body = model.params - model.embedding_params - 2 * model.layers * model.hidden
    tables = 4.0 * model.vocab * model.hidden
    assert found.weights_bytes[0] == pytest.approx((body + tables) / 4, rel=1e-6)
    assert found.cache_bytes_per_request[0] == pytest.approx(80 * 2 * 2 * 128 * 2.0 * 1536)


def _decode(deployment: Deployment) -> object:
    return stack([case_of(deployment, demand())]).decode


def test_mla_cache_is_the_same_on_every_rank() -> None:
    asked = demand(kv_bytes=1.0)
    sizes = [
        predict_serving(
            Deployment(model=deepseek(), cluster=hopper(64), decode=pool), asked
        ).cache_bytes_per_request
        for pool in (Pool(tp=16, ep=16), Pool(tp=1, dp=32, ep=32))
    ]
    assert sizes == [pytest.approx(61 * 576 * 1536)] * 2


def test_a_small_batch_is_bound_by_reading_the_weights() -> None:
    """One request of a dense model on one card: TPOT is at least all layers' bytes over the bandwidth."""
    machine = hopper()
    chip = replace(machine.chip, memory_bytes=200e9)
    machine = replace(machine, chip=chip)
    found = predict_serving(Deployment(model=llama(), cluster=machine, decode=Pool()), demand(concurrency=1))
    floor = 68.5e9 / chip.memory_bandwidth_bytes_per_s
    assert floor < found.tpot_s < 1.7 * floor


@settings(max_examples=40, deadline=None)
@given(
    which=st.sampled_from(["bandwidth", "peak", "memory", "link"]),
    factor=st.floats(1.0, 4.0),
    batch=st.sampled_from([1, 16, 256]),
    phase=st.sampled_from(list(Phase)),
)
def test_a_better_machine_is_never_slower(which: str, factor: float, batch: int, phase: Phase) -> None:
    machine = hopper(64)
    chip, level = machine.chip, machine.fabric.levels[0]
    faster = {
        "bandwidth": replace(
            machine,
            chip=replace(chip, memory_bandwidth_bytes_per_s=chip.memory_bandwidth_bytes_per_s * factor),
        ),
        "memory": replace(machine, chip=replace(chip, memory_bytes=chip.memory_bytes * factor)),
        "peak": replace(
            machine,
            chip=replace(
                chip,
                peak_flops={p: v * factor for p, v in chip.peak_flops.items()},
                matmul_flops={p: v * factor for p, v in chip.matmul_flops.items()},
            ),
        ),
        "link": replace(machine, fabric=_wider(machine.fabric, level, factor)),
    }[which]
    pool = Pool(dp=16, ep=16)
    asked = demand(phase, batch * 16)
    rates = []
    for one in (machine, faster):
        found = predict_serving(Deployment(model=deepseek(), cluster=one, decode=pool, prefill=pool), asked)
        rates.append(found.output_tokens_per_s + found.input_tokens_per_s)
    assert rates[1] >= rates[0] * (1 - 1e-9)


def _wider(fabric: object, level: Level, factor: float) -> object:
    faster = replace(level, bandwidth_bytes_per_s=level.bandwidth_bytes_per_s * factor)
    return replace(fabric, levels=(faster, *fabric.levels[1:]))  # type: ignore[attr-defined, type-var]


def test_experts_slow_down_with_their_busiest_rank() -> None:
    """Full prefill is bound by products: the experts' part follows the number, which one rank has not."""

    def experts_s(balance: ExpertBalance | float, pool: Pool) -> float:
        deployment = Deployment(model=deepseek(), cluster=hopper(64), decode=pool, prefill=pool)
        asked = demand(Phase.PREFILL, isl=16384.0, expert_balance=balance)
        return predict_serving(deployment, asked).prefill_parts_s["experts"]

    wide = Pool(dp=32, ep=32)
    even = experts_s(ExpertBalance.BALANCED, wide)
    # more rows an expert fill the tiles better, so that twice the rows take a little less than twice as long
    assert 1.9 * even < experts_s(2.0, wide) < 2.0 * even
    assert experts_s(1.0, wide) == even < experts_s(ExpertBalance.NATURAL, wide)
    assert experts_s(ExpertBalance.NATURAL, wide) == experts_s(DEFAULT.imbalance, wide)
    alone = Pool(tp=16, ep=1)
    assert experts_s(2.0, alone) == experts_s(ExpertBalance.BALANCED, alone)


def test_four_bit_weights_of_a_mixture_leave_attention_in_sixteen() -> None:
    deployment = Deployment(model=deepseek(), cluster=hopper(64), decode=Pool(tp=16, ep=16))
    case = stack([case_of(deployment, demand(precision=Precision.FP4))])
    assert (case.linear_bytes[0], case.expert_bytes[0]) == (2.0, 0.5625)
    assert case.expert_flops[0] == hopper().chip.achievable(Precision.BF16)
