"""Energy of serving: cards draw by what they do in a step, and tokens share it.

The draws are those of training (:mod:`hesuan.planner.energy`), assumed as there. Decoding streams weights
more than it multiplies, so this is rather an upper bound.
"""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.figures import Figure
from hesuan.planner.energy import PowerProfile, card_power_w
from hesuan.planner.inputs import Cluster
from hesuan.planner.serving.forecast import ServingForecast
from hesuan.planner.serving.inputs import Deployment, Phase, Pool, Serving

BUSY = ("projection", "core", "mlp", "experts", "head", "interference")
TALKING = ("tp", "ep")
JOULE_PER_KWH = 3.6e6


def kwh_per_million_tokens(deployment: Deployment, serving: Serving, found: ServingForecast) -> float | None:
    """At the building's meter, for a million answer tokens (prompt tokens for PREFILL) [kWh]; None where the
    chip's rated power is unknown.
    """
    cluster = deployment.cluster
    sold = found.input_tokens_per_s if serving.phase is Phase.PREFILL else found.output_tokens_per_s
    if cluster.chip.tdp_w <= 0 or sold <= 0:
        return None
    decode = {**found.decode_parts_s, "interference": found.interference_s * serving.accepted}
    pools: list[tuple[Pool | None, Mapping[str, float]]] = []
    if serving.phase is not Phase.PREFILL:
        pools.append((deployment.decode, decode))
    if serving.phase in (Phase.PREFILL, Phase.DISAGGREGATED):
        pools.append((deployment.prefill, found.prefill_parts_s))
    watts = sum(pool.cards * _card_w(cluster, parts) for pool, parts in pools if pool)
    return watts / sold * 1e6 / JOULE_PER_KWH


def assumed(cluster: Cluster) -> tuple[Figure, ...]:
    """What the energy rests on."""
    return PowerProfile(pue=cluster.pue).assumed(cluster.host_w_per_card)


def _card_w(cluster: Cluster, parts: Mapping[str, float]) -> float:
    whole = sum(parts.values())
    return card_power_w(
        cluster.chip.tdp_w,
        compute_share=sum(parts.get(name, 0.0) for name in BUSY) / whole,
        communication_share=sum(parts.get(name, 0.0) for name in TALKING) / whole,
        profile=PowerProfile(pue=cluster.pue),
        node_w=cluster.host_w_per_card or None,
    )
