"""Machines and models with round numbers that the cost tests share."""

from __future__ import annotations

from hesuan.planner.inputs import (
    UNBOUNDED,
    Chip,
    Cluster,
    Fabric,
    Level,
    Mla,
    Model,
    Plan,
    Precision,
    Training,
    Workload,
)

A100 = Chip(
    name="A100",
    vendor="NVIDIA",
    peak_flops={Precision.BF16: 312e12, Precision.FP16: 312e12},
    memory_bytes=80 * 2**30,
    memory_bandwidth_bytes_per_s=2.0e12,
    matmul_flops={Precision.BF16: 271e12},
    tdp_w=400,
)
H100 = Chip(
    name="H100",
    vendor="NVIDIA",
    peak_flops={Precision.BF16: 989e12, Precision.FP16: 989e12, Precision.FP8: 1979e12},
    memory_bytes=80 * 2**30,
    memory_bandwidth_bytes_per_s=3.35e12,
    matmul_flops={Precision.BF16: 794e12, Precision.FP8: 1402e12},
    tdp_w=700,
)


def fabric(domain: int = 8, inside: float = 300e9, outside: float = 25e9) -> Fabric:
    """Two levels: a scale-up domain and a network."""
    return Fabric(
        "two levels",
        (
            Level("domain", domain, inside, 2e-6, scale_up=True),
            Level("network", UNBOUNDED, outside, 6e-6),
        ),
    )


GPT3 = Model("gpt-3", 96, 12288, 96, 96, 128, 49152, 51200, gated=False, tied=True, positions=2048)
LLAMA8 = Model("llama-3-8b", 32, 4096, 32, 8, 128, 14336, 128256)
MOE = Model(
    "moe",
    layers=60,
    hidden=5120,
    heads=128,
    kv_heads=128,
    head_dim=128,
    ffn=12288,
    vocab=102400,
    experts=160,
    top_k=6,
    shared_experts=2,
    expert_ffn=1536,
    dense_layers=1,
    mla=Mla(1536, 512, 64, 128, 128),
)


def work(
    model: Model = LLAMA8,
    *,
    chip: Chip = H100,
    cards: int = 64,
    net: Fabric | None = None,
    **training: object,
) -> Workload:
    """A workload with the test's own training fields."""
    given: dict[str, object] = {"seq": 4096, "global_batch": 256, **training}
    return Workload(model, Cluster("c", chip, net or fabric(), cards), Training(**given))


MANY = (
    Plan(dp=64),
    Plan(tp=8, dp=8),
    Plan(tp=4, pp=4, dp=4, micro_batch=2),
    Plan(tp=2, pp=4, vpp=2, dp=8),
    Plan(dp=64, zero=3),
    Plan(tp=2, cp=4, dp=8, zero=2),
    Plan(tp=8, pp=8, sequence_parallel=False, zero=0),
)
