"""Small invented machines and models for the tests of the search: no catalogue entry can break them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from hesuan.planner.inputs import (
    UNBOUNDED,
    Chip,
    Cluster,
    Fabric,
    Level,
    Mla,
    Model,
    Precision,
    Training,
    Workload,
)

GB = 1e9
CHIP = Chip("card", "test", {Precision.BF16: 400e12}, memory_bytes=80 * GB, memory_bandwidth_bytes_per_s=2e12)


def fabric(node: int = 8, scale_up: float = 300e9, network: float = 25e9) -> Fabric:
    """A node and a network."""
    inner = Level("node", node, scale_up, 2e-6, scale_up=True)
    return Fabric("test", (inner, Level("network", UNBOUNDED, network, 5e-6)))


def cluster(
    cards: int, *, memory_gb: float = 80.0, price_fen: int | None = 1000, pool_gb: float = 0.0
) -> Cluster:
    """So many test cards."""
    chip = replace(CHIP, memory_bytes=memory_gb * GB)
    return Cluster(
        "test", chip, fabric(), cards, price_fen_per_card_hour=price_fen, pool_memory_bytes=pool_gb * GB,
        pool_bandwidth_bytes_per_s=50e9 if pool_gb else 0.0,
    )  # fmt: skip


DENSE = Model("dense", layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn=11008, vocab=32000)
MOE = Model(
    "moe", layers=28, hidden=2048, heads=16, kv_heads=16, head_dim=128, ffn=10944, vocab=102400,
    experts=64, top_k=6, shared_experts=2, expert_ffn=1408, dense_layers=1,
)  # fmt: skip
DEEPSEEK_LIKE = Model(
    "deepseek-v3-like", layers=61, hidden=7168, heads=128, kv_heads=128, head_dim=128, ffn=18432,
    vocab=129280, experts=256, top_k=8, shared_experts=1, expert_ffn=2048, dense_layers=3,
    mla=Mla(q_lora=1536, kv_lora=512, rope=64, nope=128, value=128), mtp_layers=1,
)  # fmt: skip


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """Small random models on small random clusters: some fit nowhere, some everywhere."""
    heads = draw(st.sampled_from([4, 6, 8, 12, 16]))
    experts = draw(st.sampled_from([0, 0, 4, 6, 8]))
    model = Model(
        "small",
        layers=draw(st.integers(1, 9)),
        hidden=heads * draw(st.sampled_from([64, 128, 512])),
        heads=heads,
        kv_heads=draw(st.sampled_from([kv for kv in (1, 2, 3, 4, 6, 8, 12, 16) if heads % kv == 0])),
        head_dim=64,
        ffn=draw(st.sampled_from([256, 384, 5000, 16384])),
        vocab=draw(st.sampled_from([1000, 128000])),
        experts=experts,
        top_k=2 if experts else 0,
        expert_ffn=draw(st.sampled_from([128, 4096])) if experts else 0,
        dense_layers=draw(st.integers(0, 1)) if experts else 0,
    )
    levels = fabric(draw(st.sampled_from([2, 4, 8])), network=draw(st.sampled_from([1e9, 50e9])))
    memory_gb = draw(st.sampled_from([3.0, 6.0, 16.0, 80.0]))
    chip = replace(CHIP, memory_bytes=memory_gb * GB)
    pool = draw(st.sampled_from([0.0, 0.0, 1e11]))
    machine = Cluster(
        "test", chip, levels, draw(st.sampled_from([1, 2, 3, 4, 6, 8, 12, 16])), price_fen_per_card_hour=1000,
        pool_memory_bytes=pool, pool_bandwidth_bytes_per_s=25e9 if pool else 0.0,
    )  # fmt: skip
    training = Training(
        seq=draw(st.sampled_from([512, 1024, 16384])),
        global_batch=draw(st.sampled_from([1, 2, 4, 6, 8, 12, 24])),
    )
    return Workload(model, machine, training)
