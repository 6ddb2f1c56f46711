"""Two made-up workloads whose step times stand for the formulas.

A saved fit is relative to forecasts; these tell whether the forecasts are still those.

Nothing of the catalogue is in them, so that a chip added or mended changes nothing here.
"""

from __future__ import annotations

from hesuan.planner.inputs import (
    UNBOUNDED,
    Chip,
    Cluster,
    Fabric,
    Level,
    Model,
    Plan,
    Precision,
    Recompute,
    Schedule,
    Training,
    Workload,
)

FABRIC = Fabric(
    "reference",
    (
        Level("inner", 8, 300e9, 2e-6, scale_up=True),
        Level("outer", UNBOUNDED, 40e9, 6e-6),
    ),
)
CHIP = Chip(
    name="reference",
    vendor="none",
    peak_flops={Precision.BF16: 500e12, Precision.FP8: 1000e12},
    memory_bytes=80e9,
    memory_bandwidth_bytes_per_s=2.5e12,
    tdp_w=500.0,
)
DENSE = Model(
    name="dense", layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn=14336, vocab=128256
)
EXPERTS = Model(
    name="experts",
    layers=32,
    hidden=4096,
    heads=32,
    kv_heads=8,
    head_dim=128,
    ffn=14336,
    vocab=32000,
    experts=64,
    top_k=4,
    expert_ffn=2048,
    shared_experts=1,
)
MACHINE = Cluster(name="reference", chip=CHIP, fabric=FABRIC, cards=256)
CASES = (
    (
        Workload(DENSE, MACHINE, Training(4096, 512, Precision.BF16, era=2024.5)),
        (
            Plan(tp=4, pp=4, dp=16, recompute=Recompute.SELECTIVE),
            Plan(tp=2, pp=2, vpp=4, dp=32, cp=2, schedule=Schedule.INTERLEAVED),
            Plan(dp=256, zero=3, recompute=Recompute.FULL),
        ),
    ),
    (
        Workload(EXPERTS, MACHINE, Training(4096, 512, Precision.FP8, era=2025.5)),
        (Plan(tp=2, pp=4, dp=32, ep=16, schedule=Schedule.DUALPIPE), Plan(tp=8, pp=1, dp=32, ep=64)),
    ),
)
"""Workloads with plans that between them use every part of a step."""
