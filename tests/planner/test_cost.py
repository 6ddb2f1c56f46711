"""The parts of a step: they add up, one plan equals many, and a better machine is never slower."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.planner.cost_cases import A100, GPT3, H100, LLAMA8, MANY, MOE, fabric, work

from hesuan.planner.cost import Parts, Plans, evaluate
from hesuan.planner.cost.kernel import BLOCK
from hesuan.planner.inputs import Chip, Plan, Precision, Recompute, Schedule, Training

MOE_PLANS = (Plan(dp=64, ep=8), Plan(dp=64, ep=32), Plan(tp=2, pp=4, dp=8, ep=16), Plan(pp=8, dp=8, ep=8))


@pytest.mark.parametrize(("model", "plans"), [(LLAMA8, MANY), (MOE, MOE_PLANS)])
def test_the_parts_add_up_to_the_step(model: object, plans: tuple[Plan, ...]) -> None:
    parts = evaluate(work(model), Plans.of(plans))
    total = sum(getattr(parts, name) for name in Parts.TIMES)
    np.testing.assert_allclose(parts.step_s, total, rtol=1e-12)
    for name in Parts.TIMES:
        part = getattr(parts, name)
        assert (part >= 0).all() and np.isfinite(part).all(), name


def test_many_plans_at_once_equal_each_alone() -> None:
    together = evaluate(work(), Plans.of(MANY))
    for row, plan in enumerate(MANY):
        alone = evaluate(work(), Plans.of([plan]))
        assert alone.step_s[0] == pytest.approx(together.step_s[row], rel=1e-12)
        assert alone.memory.total[0] == pytest.approx(together.memory.total[row], rel=1e-12)


def test_more_plans_than_a_block_equal_the_block() -> None:
    length = BLOCK + 7
    parts = evaluate(work(), Plans.full(length, dp=64))
    assert len(parts.step_s) == length and len(parts.feasible) == length
    assert np.ptp(parts.step_s) == 0.0


def test_plans_survive_packing() -> None:
    plans = (
        *MANY,
        Plan(recompute=Recompute.FULL, recompute_layers=3, schedule=Schedule.DUALPIPE, pp=4, offload=True),
    )
    packed = Plans.of(plans)
    assert tuple(packed.plan(row) for row in range(len(packed))) == plans


def test_one_card_communicates_with_nobody() -> None:
    parts = evaluate(work(cards=1, global_batch=4), Plans.of([Plan()]))
    for name in ("tp_s", "cp_s", "ep_s", "pp_s", "dp_s", "bubble_s", "recompute_s"):
        assert getattr(parts, name)[0] == 0.0, name


def _with(chip: Chip, **changes: object) -> Chip:
    return replace(chip, **changes)


@pytest.mark.parametrize("model", [LLAMA8, MOE])
def test_more_bandwidth_memory_or_peak_is_never_slower(model: object) -> None:
    plans = Plans.of(MANY if model is LLAMA8 else MOE_PLANS)
    base = evaluate(work(model), plans)
    faster = {k: 1.3 * v for k, v in H100.peak_flops.items()}
    best = {k: 1.3 * v for k, v in H100.matmul_flops.items()}
    better = (
        work(model, net=fabric(inside=450e9)),
        work(model, net=fabric(outside=50e9)),
        work(model, chip=_with(H100, memory_bandwidth_bytes_per_s=4.8e12)),
        work(model, chip=_with(H100, peak_flops=faster, matmul_flops=best)),
    )
    for machine in better:
        assert (evaluate(machine, plans).step_s <= base.step_s * (1 + 1e-9)).all(), machine.cluster
    roomier = evaluate(work(model, chip=_with(H100, memory_bytes=160 * 2**30)), plans)
    assert (roomier.feasible >= base.feasible).all()


def test_a_wider_domain_is_never_slower_for_experts() -> None:
    plans = Plans.of(MOE_PLANS)
    node = evaluate(work(MOE), plans)
    rack = evaluate(work(MOE, net=fabric(domain=64)), plans)
    assert (rack.ep_s <= node.ep_s).all()
    assert rack.ep_s[1] < 0.5 * node.ep_s[1]


def test_the_name_of_a_chip_does_not_matter() -> None:
    plans = Plans.of(MANY)
    renamed = work(chip=_with(H100, name="Another", vendor="Somebody"))
    np.testing.assert_array_equal(evaluate(renamed, plans).step_s, evaluate(work(), plans).step_s)


def test_twice_the_batch_takes_about_twice_the_micro_batches() -> None:
    one = evaluate(work(global_batch=256), Plans.of([Plan(dp=64)]))
    two = evaluate(work(global_batch=512), Plans.of([Plan(dp=64)]))
    assert two.compute_s[0] == pytest.approx(2 * one.compute_s[0])
    assert one.step_s[0] < two.step_s[0] <= 2 * one.step_s[0]


def test_full_recomputation_costs_a_forward_and_saves_memory() -> None:
    plans = Plans.of([Plan(dp=64), Plan(dp=64, recompute=Recompute.FULL)])
    parts = evaluate(work(), plans)
    assert parts.recompute_s[0] == 0.0
    assert 0.25 < parts.recompute_s[1] / parts.compute_s[1] < 0.36
    assert parts.memory.activations[1] < 0.4 * parts.memory.activations[0]


def test_eight_bits_speed_up_products_only() -> None:
    """Twice the rate of products gives less than twice the speed: attention, norms and head stay."""
    plans = Plans.of([Plan(dp=64)])
    wide = evaluate(work(), plans).compute_s[0]
    narrow = evaluate(work(precision=Precision.FP8), plans).compute_s[0]
    assert 0.55 * wide < narrow < 0.95 * wide


def test_offload_moves_the_optimizer_off_the_card_and_costs_the_way() -> None:
    machine = work()
    pooled = replace(machine, cluster=replace(machine.cluster, pool_bandwidth_bytes_per_s=100e9))
    parts = evaluate(pooled, Plans.of([Plan(dp=64), Plan(dp=64, offload=True)]))
    assert parts.memory.optimizer[1] == 0.0 < parts.memory.optimizer[0]
    assert parts.optimizer_s[1] > parts.optimizer_s[0]
    without = evaluate(machine, Plans.of([Plan(dp=64, offload=True)]))
    assert np.isinf(without.optimizer_s[0]), "no pool, no offload"


def test_small_products_are_less_efficient() -> None:
    """The same work per card in ever thinner slices takes ever longer."""
    plans = Plans.of([Plan(tp=tp, dp=8) for tp in (1, 2, 4, 8)])
    compute = evaluate(work(), plans).compute_s * np.array([1, 2, 4, 8])
    assert (np.diff(compute) > 0).all()


def test_older_software_is_slower() -> None:
    steps = [evaluate(work(era=era), Plans.of([Plan(dp=64)])).step_s[0] for era in (2023.0, 2024.5, 2026.0)]
    assert steps[0] > steps[1] > steps[2]


def test_gpt3_on_64_a100_lands_near_the_published_step() -> None:
    """Korthikanti et al. 2022 table 5: 13.75 s with selective, 18.13 s with full recomputation, 8-way
    both."""
    training = Training(2048, 64, Precision.FP16, era=2022.4, flash_attention=False)
    machine = replace(work(GPT3, chip=A100), training=training)
    common = {"tp": 8, "pp": 8, "vpp": 3, "zero": 0}
    plans = Plans.of(
        [
            Plan(**common, recompute=Recompute.SELECTIVE),
            Plan(**common, recompute=Recompute.FULL, sequence_parallel=False),
        ]
    )
    parts = evaluate(machine, plans)
    np.testing.assert_allclose(parts.step_s, [13.75, 18.13], rtol=0.25)
    assert parts.feasible.all()
