"""Inputs: what they count, and what they refuse."""

from __future__ import annotations

import pytest

from hesuan.errors import Faults
from hesuan.planner.inputs import Mla, Model, Plan, nearest_divisor


def llama_70b(**other: object) -> Model:
    fields = {"layers": 80, "hidden": 8192, "heads": 64, "kv_heads": 8, "head_dim": 128, "ffn": 28672}
    return Model(name="llama-3-70b", vocab=128256, **{**fields, **other})  # type: ignore[arg-type]


def test_parameters_are_counted_as_published() -> None:
    """Llama 3 70B: 70.55 billion; DeepSeek-V3: 671 billion of which 37 work on one token."""
    assert llama_70b().params == pytest.approx(70.55e9, rel=0.001)
    mla = Mla(q_lora=1536, kv_lora=512, rope=64, nope=128, value=128)
    v3 = Model(
        *("deepseek-v3", 61, 7168, 128, 128, 128, 18432, 129280),
        experts=256, top_k=8, shared_experts=1, expert_ffn=2048, dense_layers=3, mla=mla,
    )  # fmt: skip
    assert v3.params == pytest.approx(671e9, rel=0.002)
    assert v3.active_params == pytest.approx(37.5e9, rel=0.01)
    assert v3.kv_bytes_per_token() == 61 * (512 + 64) * 2


def test_one_token_costs_six_flops_a_weight_and_attention_beside() -> None:
    model = llama_70b()
    weights = model.params - model.vocab * model.hidden - 2 * model.layers * model.hidden
    full = model.flops_per_token(8192, causal=False)
    assert full == 6 * weights + 12 * 80 * 8192 * 8192
    assert full - model.flops_per_token(8192) == 6 * 80 * 8192 * 8192


def test_a_window_caps_attention() -> None:
    model = llama_70b(window=128, window_layers=80)
    assert model.attention_flops_per_token(65536) == 4 * 8192 * 80 * 128


def test_all_faults_of_one_object_come_together() -> None:
    with pytest.raises(Faults) as raised:
        llama_70b(layers=0, kv_heads=7)
    codes = {fault.code.name: fault for fault in raised.value.faults}
    assert set(codes) == {"planner.not_positive", "planner.not_divisible"}
    assert codes["planner.not_divisible"].facts["near"] == 8
    with pytest.raises(Faults) as raised:
        Plan(tp=0, zero=4)
    assert {fault.where for fault in raised.value.faults} == {"plan.tp", "plan.zero"}


def test_the_nearest_divisor() -> None:
    assert [nearest_divisor(64, value) for value in (3, 5, 7, 100)] == [2, 4, 8, 64]
