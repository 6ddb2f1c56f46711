"""Memory by cause and FLOPs, against published values and by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.planner.cost_cases import A100, GPT3, LLAMA8, MOE, work

from hesuan.planner.constants import DEFAULT
from hesuan.planner.cost import Load, Plans, evaluate, kept
from hesuan.planner.cost.kernel import cell_of
from hesuan.planner.cost.memory import attention_bytes, eager_bytes, mlp_bytes
from hesuan.planner.cost.pipeline import pipe
from hesuan.planner.inputs import Plan, Recompute, Schedule


@pytest.mark.parametrize("recompute", [Recompute.NONE, Recompute.SELECTIVE])
def test_one_gpt_layer_holds_what_korthikanti_counts(recompute: Recompute) -> None:
    """``s b h (34 + 5 a s / h) / t`` with tensor and sequence parallelism (arXiv 2205.05198 equation 4)."""
    machine = work(GPT3, chip=A100, seq=2048, global_batch=64, era=2022.4, flash_attention=False)
    plans = Plans.of([Plan(tp=8, recompute=recompute)])
    load = Load.of(machine, DEFAULT)
    cell = cell_of(plans, 2048)
    got = attention_bytes(load, plans, cell) + mlp_bytes(load, cell) / GPT3.layers
    scores = 5 * 96 * 2048 / 12288 if recompute is Recompute.NONE else 0.0
    assert got[0] == pytest.approx(2048 * 12288 * (34 + scores) / 8, rel=1e-9)


def test_without_sequence_parallelism_ten_of_the_34_are_not_split() -> None:
    """``s b h (10 + 24 / t)`` (their equation 2)."""
    machine = work(GPT3, chip=A100, seq=2048, era=2022.4, flash_attention=False)
    plans = Plans.of([Plan(tp=8, recompute=Recompute.SELECTIVE, sequence_parallel=False)])
    load, cell = Load.of(machine, DEFAULT), cell_of(plans, 2048)
    got = attention_bytes(load, plans, cell) + mlp_bytes(load, cell) / GPT3.layers
    assert got[0] == pytest.approx(2048 * 12288 * (10 + 24 / 8), rel=1e-9)


def test_states_of_an_unsharded_model_by_hand() -> None:
    """2 + 4 + 12 bytes for each of the 8.03e9 weights of Llama 3 8B, norms left aside."""
    memory = evaluate(work(), Plans.of([Plan(zero=0)])).memory
    states = memory.weights + memory.grads + memory.optimizer
    assert states[0] == pytest.approx(18 * LLAMA8.params, rel=1e-3)


def test_zero_shards_one_cause_more_at_each_stage() -> None:
    memory = evaluate(work(), Plans.of([Plan(dp=64, zero=zero) for zero in (0, 1, 2, 3)])).memory
    assert memory.optimizer[1] == pytest.approx(memory.optimizer[0] / 64)
    assert memory.grads[2] == pytest.approx(memory.grads[1] / 64)
    assert memory.weights[3] < memory.weights[2] / 4
    assert (np.diff(memory.total) < 0).all()


def test_zero_3_gathers_two_layers_and_the_outermost_group() -> None:
    """32-bit shard of all weights; 16 bits of two layers, of embedding and of head (PyTorch FSDP)."""
    memory = evaluate(work(), Plans.of([Plan(dp=64, zero=3)])).memory
    tables = 2 * LLAMA8.vocab * LLAMA8.hidden
    layer = (LLAMA8.params - tables) / LLAMA8.layers
    by_hand = 4 * LLAMA8.params / 64 + 2 * (2 * layer + tables)
    assert memory.weights[0] == pytest.approx(by_hand, rel=1e-3)


def test_under_a_pipeline_zero_2_sums_whole_gradients_over_the_micro_batches() -> None:
    flat, deep = (Plan(dp=8, pp=pp, zero=2) for pp in (1, 4))
    memory = evaluate(work(), Plans.of([flat, deep])).memory
    assert memory.grads[0] == pytest.approx(4 * LLAMA8.params / 8, rel=1e-3)
    assert memory.grads[1] == pytest.approx(2 * memory.weights[1])


def test_state_bytes_scale_the_optimizer_alone() -> None:
    plan = Plans.of([Plan(dp=8)])
    twelve, sixteen = (evaluate(work(state_bytes=b), plan).memory for b in (12.0, 16.0))
    assert sixteen.optimizer[0] == pytest.approx(twelve.optimizer[0] * 16 / 12)
    assert sixteen.total[0] - twelve.total[0] == pytest.approx(4 * LLAMA8.params / 8, rel=1e-3)


def test_a_fused_loss_holds_two_copies_of_the_logits_where_library_calls_hold_fourteen_bytes() -> None:
    """4096 tokens x 128256 logits, one rank; every layer recomputed, so that the loss is the peak."""
    plan = Plans.of([Plan(dp=64, zero=3, recompute=Recompute.FULL, micro_batch=4)])
    fused, apart = (evaluate(work(fused_loss=f), plan).memory.activations[0] for f in (True, False))
    assert apart - fused == pytest.approx((14 - 4) * 4 * 4096 * LLAMA8.vocab, rel=1e-9)


def test_single_kernels_keep_what_a_fused_layer_does_not() -> None:
    """Two norms of 6 h, rotated queries and keys, the activated gate: (12 + 2.5 + 7) h of 16 and 32 bits."""
    cell = cell_of(Plans.of([Plan()]), 4096)
    got = eager_bytes(Load.of(work(), DEFAULT), cell)[0]
    assert got == pytest.approx(4096 * 4096 * (12 + 2 * 1.25 + 2 * 3.5))


def test_what_is_kept_is_never_less_than_what_is_needed_and_more_memory_never_refuses() -> None:
    plans = Plans.of([Plan(dp=64, zero=z, recompute=r) for z in (0, 1, 2, 3) for r in Recompute])
    machine = work()
    memory = evaluate(machine, plans).memory
    assert (kept(memory, DEFAULT) > memory.total).all()
    chip = machine.cluster.chip
    fits = [
        evaluate(
            replace(machine, cluster=replace(machine.cluster, chip=replace(chip, memory_bytes=b))), plans
        ).feasible
        for b in (20e9, 40e9, 80e9, 160e9)
    ]
    assert all((less <= more).all() for less, more in pairwise(fits))
    assert fits[0].any() and not fits[1].all()


def test_expert_parallelism_splits_experts_alone() -> None:
    memory = evaluate(work(MOE), Plans.of([Plan(dp=64, ep=1), Plan(dp=64, ep=32)])).memory
    experts = 2.0 * MOE.moe_layers * MOE.experts * MOE.expert_params
    assert memory.weights[0] - memory.weights[1] == pytest.approx(experts * (1 - 1 / 32))


def test_a_pipeline_keeps_as_many_micro_batches_as_it_has_stages() -> None:
    plans = Plans.of(
        [
            Plan(pp=4),
            Plan(pp=4, vpp=2, schedule=Schedule.INTERLEAVED),
            Plan(pp=4, schedule=Schedule.DUALPIPE),
            Plan(pp=4, dp=64, micro_batch=4),
        ]
    )
    flow = pipe(LLAMA8, 256, plans)
    np.testing.assert_allclose(flow.alive_first, [4.0, 4.0 + 3.0 / 2.0, 5.0, 1.0])
    np.testing.assert_allclose(flow.idle, [3.0, 1.5, 2.0 / 3.0, 3.0])


def test_layers_that_do_not_divide_count_embedding_and_head() -> None:
    """126 layers on 16 stages: 8 on the fullest, the head is the 128th (Llama 3 405B, arXiv 2407.21783)."""
    model = replace(LLAMA8, layers=126)
    assert pipe(model, 256, Plans.of([Plan(pp=16)])).layers[0] == 8.0


def test_published_flops_per_token() -> None:
    """GPT-3: 3.14e23 over 300e9 tokens (Brown et al. 2020 table D.1) is 6 x parameters, no attention;
    Llama 3 405B: 3.8e25 over 15.6e12 tokens (arXiv 2407.21783 section 3)."""
    assert GPT3.flops_per_token(2048) == pytest.approx(3.14e23 / 300e9, rel=0.03)
    llama = replace(LLAMA8, layers=126, hidden=16384, heads=128, kv_heads=8, ffn=53248)
    assert llama.flops_per_token(8192) == pytest.approx(3.8e25 / 15.6e12, rel=0.04)
