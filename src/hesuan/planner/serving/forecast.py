"""``predict_serving``: one deployment under one demand, with parts, interval and what was only assumed."""

from __future__ import annotations

import html
from dataclasses import dataclass, fields, replace

import numpy as np

from hesuan.errors import Refused, declare
from hesuan.planner.serving.cases import case_of, stack
from hesuan.planner.serving.constants import DEFAULT, ServingConstants
from hesuan.planner.serving.inputs import Deployment, Limits, Phase, Serving
from hesuan.planner.serving.steady import Steady, steady

MEMORY_EXCEEDED = declare(
    "serving.memory_exceeded",
    en="Weights of {weights_gib:.1f} GiB a card leave no room for one request of {request_gib:.2f} GiB; "
    "a card of `{chip}` has {memory_gib:.1f} GiB, of which {usable_gib:.1f} GiB may be used. "
    "At least {ranks} cards to an instance would hold it.",
    zh="每卡权重 {weights_gib:.1f} GiB，放不下一个 {request_gib:.2f} GiB 的请求；`{chip}` 每卡 "
    "{memory_gib:.1f} GiB，可用 {usable_gib:.1f} GiB。每个实例至少需 {ranks} 卡。",
)
HEADS_NOT_DIVISIBLE = declare(
    "serving.heads_not_divisible",
    en="`tp` is {tp}; the {heads} heads of `{model}` are not divisible by it. "
    "The nearest that divides is {near}.",
    zh="`tp` 为 {tp}；`{model}` 的 {heads} 个注意力头不能被它整除。最接近的可用值为 {near}。",
)
GIB = float(1 << 30)
FEN_PER_YUAN = 100.0


@dataclass(frozen=True, slots=True)
class Interval:
    """80 % of back-tested rows lie within."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ServingForecast:
    """What a deployment gives. Times [s], rates [tokens/s] of the whole deployment unless named per card."""

    ttft_s: float
    """0 where decode alone is asked about."""
    tpot_s: float
    """0 where prefill alone is asked about."""
    ttft_interval_s: Interval
    tpot_interval_s: Interval
    input_tokens_per_s: float
    output_tokens_per_s: float
    cards: float
    output_tokens_per_s_per_card: float
    input_tokens_per_s_per_card: float
    batch_per_rank: float
    """Requests decoding on one attention rank."""
    concurrency: float
    decode_parts_s: dict[str, float]
    """One decode step by cause; with drafts it yields ``accepted`` tokens."""
    prefill_parts_s: dict[str, float]
    """One prompt alone, by cause."""
    waiting_s: float
    interference_s: float
    weights_bytes: float
    cache_bytes_per_request: float
    cache_requests: float
    """Requests that fit on one attention rank."""
    binding: str
    """The largest part of what bounds the answer."""
    tokens_per_yuan: float | None
    """Answer tokens (prompt tokens for PREFILL); None without a price."""
    fen_per_million_tokens: float | None
    meets: bool
    """Whether the latency bounds hold, the middle of the forecast taken."""
    assumed: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{value}</td></tr>"
            for name, value in (
                ("TTFT", f"{self.ttft_s * 1e3:.0f} ms"),
                ("TPOT", f"{self.tpot_s * 1e3:.1f} ms"),
                ("output", f"{self.output_tokens_per_s_per_card:.0f} tokens/s per card"),
                ("input", f"{self.input_tokens_per_s_per_card:.0f} tokens/s per card"),
                ("bound by", html.escape(self.binding)),
            )
        )
        return f"<table>{rows}</table>"


def predict_serving(
    deployment: Deployment,
    serving: Serving,
    *,
    limits: Limits | None = None,
    constants: ServingConstants = DEFAULT,
    assumed: tuple[str, ...] = (),
) -> ServingForecast:
    """Latency and throughput of one deployment.

    Raises:
        Refused: ``serving.memory_exceeded``, ``serving.heads_not_divisible``.
    """
    _check_heads(deployment)
    cases = stack([case_of(deployment, serving)])
    found = steady(cases, constants)
    _check_memory(deployment, found, constants)
    return _forecast(deployment, serving, found, constants, limits=limits or Limits(), assumed=assumed)


def _check_heads(deployment: Deployment) -> None:
    heads = deployment.model.heads
    for pool in (deployment.decode, deployment.prefill):
        if pool is not None and heads % pool.tp:
            near = min((d for d in range(1, heads + 1) if heads % d == 0), key=lambda d: abs(d - pool.tp))
            raise Refused(
                HEADS_NOT_DIVISIBLE, tp=pool.tp, heads=heads, model=deployment.model.name, near=near
            )


def _check_memory(deployment: Deployment, found: Steady, k: ServingConstants) -> None:
    capacity = found.capacity
    if capacity.requests[0] >= 1.0 and bool(found.prefill_fits[0]):
        return
    chip = deployment.cluster.chip
    usable = chip.memory_bytes * k.memory_usable
    pool = deployment.decode
    need = capacity.weights_bytes[0] * pool.cards_per_instance
    room = max(usable - k.workspace_bytes - capacity.cache_bytes_per_request[0], 0.05 * usable)
    raise Refused(
        MEMORY_EXCEEDED,
        weights_gib=capacity.weights_bytes[0] / GIB,
        request_gib=capacity.cache_bytes_per_request[0] / GIB,
        chip=chip.name,
        memory_gib=chip.memory_bytes / GIB,
        usable_gib=usable / GIB,
        ranks=int(np.ceil(need / room)),
    )


def _forecast(
    deployment: Deployment,
    serving: Serving,
    found: Steady,
    k: ServingConstants,
    *,
    limits: Limits,
    assumed: tuple[str, ...],
) -> ServingForecast:
    pool = deployment.prefill if serving.phase is Phase.PREFILL else None
    cards = pool.cards if pool else deployment.cards
    if serving.phase is Phase.DECODE:
        cards = deployment.decode.cards
    ttft, tpot = float(found.ttft_s[0]), float(found.tpot_s[0])
    out, into = float(found.output_tokens_per_s[0]), float(found.input_tokens_per_s[0])
    sold = into if serving.phase is Phase.PREFILL else out
    price = deployment.cluster.price_fen_per_card_hour
    per_yuan = sold * 3600.0 * FEN_PER_YUAN / (price * cards) if price else None
    wide = 1.0 + 0.15 * len(deployment.cluster.chip.assumed) / 5.0
    return ServingForecast(
        ttft_s=ttft,
        tpot_s=tpot,
        ttft_interval_s=Interval(ttft * k.ttft_low / wide, ttft * k.ttft_high * wide),
        tpot_interval_s=Interval(tpot * k.tpot_low / wide, tpot * k.tpot_high * wide),
        input_tokens_per_s=into,
        output_tokens_per_s=out,
        cards=cards,
        output_tokens_per_s_per_card=out / cards,
        input_tokens_per_s_per_card=into / cards,
        batch_per_rank=float(found.batch[0]),
        concurrency=serving.concurrency,
        decode_parts_s=_parts(found, "step"),
        prefill_parts_s=_parts(found, "prefill_step"),
        waiting_s=float(found.waiting_s[0]),
        interference_s=float(found.interference_s[0]),
        weights_bytes=float(found.capacity.weights_bytes[0]),
        cache_bytes_per_request=float(found.capacity.cache_bytes_per_request[0]),
        cache_requests=float(found.capacity.requests[0]),
        binding=_binding(found, serving),
        tokens_per_yuan=per_yuan,
        fen_per_million_tokens=1e6 * FEN_PER_YUAN / per_yuan if per_yuan else None,
        meets=_meets(ttft, limits.ttft_s) and _meets(tpot, limits.tpot_s),
        assumed=assumed + _assumed(deployment),
    )


def _meets(value: float, limit: float | None) -> bool:
    return limit is None or value <= limit


def _parts(found: Steady, name: str) -> dict[str, float]:
    parts = getattr(found, name)
    return {f.name.removesuffix("_s"): float(getattr(parts, f.name)[0]) for f in fields(parts)}


def _binding(found: Steady, serving: Serving) -> str:
    if serving.phase is not Phase.PREFILL and found.capacity.requests[0] <= found.batch[0] * 1.001:
        return "cache memory"
    parts = _parts(found, "step")
    parts["interference"] = float(found.interference_s[0])
    return max(parts, key=lambda name: parts[name])


def _assumed(deployment: Deployment) -> tuple[str, ...]:
    chip = deployment.cluster.chip
    return tuple(f"{chip.name}.{name}: {figure.source}" for name, figure in chip.assumed)


def with_concurrency(serving: Serving, concurrency: float) -> Serving:
    """The same demand with another number of requests in flight."""
    return replace(serving, concurrency=concurrency)
