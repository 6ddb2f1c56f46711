"""How a serving, its layout and its parts are said."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.cli.language import said
from hesuan.cli.planning import terminal, words
from hesuan.cli.planning.parts import Part
from hesuan.figures import Figure
from hesuan.planner.inputs import Cluster, Model
from hesuan.planner.serving import Deployment, Limits, Phase, Pool, Serving, energy
from hesuan.planner.serving.search import Candidate

CAUSES = {
    "projection": ("attention projections", "注意力投影", "compute"),
    "core": ("attention over the cache", "对缓存的注意力", "recompute"),
    "mlp": ("dense and shared MLP", "稠密与共享 MLP", "pp"),
    "experts": ("routed experts", "路由专家", "dp"),
    "head": ("head", "输出头", "optimizer"),
    "tp": ("TP communication", "张量并行通信", "tp"),
    "ep": ("exposed EP communication", "未掩盖的专家并行通信", "ep"),
    "launch": ("kernel launches", "内核启动", "other"),
    "host": ("scheduling and sampling", "调度与采样", "data"),
    "interference": ("other requests' prompts", "其他请求的提示词", "cp"),
    "waiting": ("waiting for others", "等待其他请求", "bubble"),
    "handling": ("request handling and hand-over", "请求处理与移交", "faint"),
}
"""Part of a token's or a prompt's time: English, Chinese, colour."""
PHASES = {
    Phase.AGGREGATED: ("prompts and answers together", "提示词与回答同实例"),
    Phase.DISAGGREGATED: ("prompts and answers apart", "提示词与回答分实例"),
    Phase.PREFILL: ("prompts alone", "仅提示词"),
    Phase.DECODE: ("answers alone", "仅回答"),
}


def demand_text(model: Model, cluster: Cluster, serving: Serving, limits: Limits) -> str:
    """Model, machine, lengths, format, engine and bounds in one line."""
    tokens = said(
        en=f"{serving.isl:,.0f} → {serving.osl:,.0f} tokens",
        zh=f"{serving.isl:,.0f} → {serving.osl:,.0f} 词元",
    )
    machine = f"{cluster.name}, {cluster.cards:,} × {cluster.chip.name}"
    texts = [model.name, machine, tokens, serving.precision.value, serving.engine.value, *bounds(limits)]
    return " · ".join(texts)


def bounds(limits: Limits) -> list[str]:
    """The latency bounds that there are."""
    named = (("TTFT", limits.ttft_s), ("TPOT", limits.tpot_s))
    return [f"{name} ≤ {terminal.seconds(value)}" for name, value in named if value is not None]


def pool_text(pool: Pool) -> str:
    """``3 × (TP4 DP64 EP256)``: what is 1 is left out."""
    sizes = {"TP": pool.tp, "DP": pool.dp, "PP": pool.pp, "EP": pool.ep}
    text = " ".join(f"{name}{size}" for name, size in sizes.items() if size > 1) or "TP1"
    return f"{pool.instances:g} × ({text})"


def layout_text(deployment: Deployment, serving: Serving) -> str:
    """The layout and how many requests are in it."""
    requests = serving.concurrency
    load = said(en=f"{requests:,.0f} requests", zh=f"{requests:,.0f} 个请求")
    if serving.phase is Phase.DISAGGREGATED and deployment.prefill:
        prefill, decode = pool_text(deployment.prefill), pool_text(deployment.decode)
        text = said(en=f"prefill {prefill} + decode {decode}", zh=f"预填充 {prefill} + 解码 {decode}")
        return f"{text} · {load}"
    text = pool_text(deployment.decode)
    return text if serving.phase is Phase.PREFILL else f"{text} · {load}"


def phase_text(phase: Phase) -> str:
    """How prompts and answers share instances."""
    en, zh = PHASES[phase]
    return said(en=en, zh=zh)


def parts_of(seconds: Mapping[str, float]) -> list[Part]:
    """Causes that take any time, in the order of :data:`CAUSES`."""
    found = []
    for name, (en, zh, role) in CAUSES.items():
        if seconds.get(name, 0.0) > 1e-9:
            found.append(Part(said(en=en, zh=zh), seconds[name], role))
    return found


def token_parts(one: Candidate) -> list[Part]:
    """One token of an answer (TPOT) by cause; the parts sum to it."""
    told, gained = one.forecast, one.serving.accepted
    seconds = {name: value / gained for name, value in told.decode_parts_s.items()}
    return parts_of(seconds | {"interference": told.interference_s})


def prompt_parts(one: Candidate) -> list[Part]:
    """The first token (TTFT) by cause; the parts sum to it."""
    told = one.forecast
    seconds = dict(told.prefill_parts_s)
    if one.serving.phase is not Phase.PREFILL:
        rest = told.ttft_s - sum(seconds.values()) - told.waiting_s
        seconds |= {"waiting": told.waiting_s, "handling": max(rest, 0.0)}
    return parts_of(seconds)


def yuan_text(fen: float | None) -> str:
    """``¥14.71``."""
    return "–" if fen is None else f"¥{fen / 100:,.2f}"


def kwh_of(one: Candidate) -> float | None:
    """kWh for a million tokens."""
    return energy.kwh_per_million_tokens(one.deployment, one.serving, one.forecast)


def assumed_lines(cluster: Cluster, width: int) -> list[str]:
    """Figures nobody has shown: of chip and cluster, and of the energy."""
    figures: list[tuple[str, Figure]] = words.assumed_figures_of(cluster)
    if cluster.chip.tdp_w > 0:
        figures += [(one.source, one) for one in energy.assumed(cluster)]
    return words.assumed_lines(figures, width)
