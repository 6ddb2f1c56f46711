"""The steady state of a closed loop: ``concurrency`` requests, each replaced when it ends.

Aggregated: a request lives ``TTFT + osl TPOT``; in that time every request of its instance starts once, so
a share of the steps carries prompts beside the decoding requests. Disaggregated: prefill instances serve a
queue, the decode batch is what throughput and answer length keep alive (Little). Memory left for the cache
caps the batch; who does not fit waits, which shows in TTFT alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hesuan.planner.serving.cases import PHASES, Array, Cases, Mask, Pools
from hesuan.planner.serving.constants import ServingConstants
from hesuan.planner.serving.inputs import Engine, Phase
from hesuan.planner.serving.step import Load, StepParts, cache_width, forward, mixed

ROUNDS = 12
SGLANG = tuple(Engine).index(Engine.SGLANG)
"""Runs prompts in passes of their own."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Memory of one decode card [byte] and the requests one attention rank can hold, each ``[case]``."""

    weights_bytes: Array
    cache_bytes_per_request: Array
    requests: Array
    """May be below 1: then not one request fits."""

    @property
    def most(self) -> Array:
        """The largest batch; unbounded where by this reckoning nothing fits although somebody ran it."""
        return np.where(self.requests >= 1.0, self.requests, np.inf)


@dataclass(frozen=True, slots=True)
class Steady:
    """Everything the steady state says, each ``[case]``."""

    ttft_s: Array
    tpot_s: Array
    batch: Array
    """Requests decoding on one attention rank."""
    output_tokens_per_s: Array
    """Answers of the deployment."""
    input_tokens_per_s: Array
    prefill_s: Array
    """One prompt, nothing in its way."""
    waiting_s: Array
    """Of TTFT, queue and memory."""
    interference_s: Array
    """Of TPOT, other requests' prefills."""
    step: StepParts
    prefill_step: StepParts
    capacity: Capacity
    prefill_fits: Mask


def steady(c: Cases, k: ServingConstants) -> Steady:
    """Each case by its own phase; a phase nobody asks about is not computed."""
    capacity = memory(c, k, c.decode)
    prefill_capacity = memory(c, k, c.prefill)
    alone = forward(c, k, c.prefill, _prompts(c))
    asked = c.concurrency / (c.decode.dp * c.decode.instances)
    cap = capacity.most
    batch = np.minimum(np.maximum(asked, 1.0), cap)
    makers: dict[Phase, Callable[[], _Branch]] = {
        Phase.AGGREGATED: lambda: _aggregated(c, k, batch, asked, alone),
        Phase.DISAGGREGATED: lambda: _disaggregated(c, k, cap, asked),
        Phase.PREFILL: lambda: _prefill_only(c, k, alone),
        Phase.DECODE: lambda: _decode_only(c, k, np.minimum(np.maximum(asked, 1e-9), cap), alone),
    }
    masks = {phase: c.phase == PHASES.index(phase) for phase in makers}
    branches = [(masks[phase], make()) for phase, make in makers.items() if masks[phase].any()]
    return _choose(c, branches, capacity, prefill_capacity.requests > 0)


def matched_prefill(c: Cases, k: ServingConstants) -> Array:
    """Prefill instances that keep the decode pool full: decode's request rate times a prompt's time."""
    alone = forward(c, k, c.prefill, _prompts(c))
    ranks = c.decode.dp * c.decode.instances
    batch = np.clip(c.concurrency / ranks, 1.0, memory(c, k, c.decode).most)
    step = _decode_step(c, k, batch)
    rate = batch * ranks * c.accepted / (c.osl * step.total_s)
    return np.maximum(np.ceil(rate * alone.total_s * _slower(c, k) / c.prefill.dp), 1.0)


def memory(c: Cases, k: ServingConstants, pool: Pools) -> Capacity:
    """Weights on one card, and how many requests' caches fit beside them."""
    ranks = pool.tp * pool.dp
    dense = c.dense_layers * c.dense_params + c.moe_layers * c.shared_params + c.ssm_layers * c.ssm_params
    mine = c.attending * (c.sharded_params / pool.tp + c.whole_params) + dense / pool.tp
    experts = c.moe_layers * c.experts * c.expert_params / ranks
    weights = mine * c.linear_bytes + experts * c.expert_bytes + 4.0 * c.head_params / pool.tp
    weights = weights / pool.pp
    request = c.attending * (c.isl + c.osl / 2.0) * cache_width(c, pool) * c.kv_bytes / pool.pp
    free = c.memory * k.memory_usable - weights - k.workspace_bytes
    return Capacity(weights, request, free / request)


@dataclass(frozen=True, slots=True)
class _Branch:
    ttft_s: Array
    tpot_s: Array
    batch: Array
    waiting_s: Array
    interference_s: Array
    requests_per_s: Array
    step: StepParts
    prompt: StepParts
    """One prompt with nothing in its way."""


def _decode_step(c: Cases, k: ServingConstants, batch: Array) -> StepParts:
    return forward(c, k, c.decode, _decode_load(c, batch))


def _decode_load(c: Cases, batch: Array) -> Load:
    return Load(batch * (1.0 + c.drafted), batch, c.isl + c.osl / 2.0, decoding=True)


def _request_s(c: Cases, k: ServingConstants) -> Array:
    return np.asarray(np.array(k.request_s())[c.engine.astype(np.intp)])


def _prompts(c: Cases, many: Array | float = 1.0, active: Array | float = 1.0) -> Load:
    """The load of ``many`` prompts on an attention rank."""
    prompt = many * c.isl * (1.0 - c.cache_hit)
    return Load(prompt, many * np.ones_like(prompt), c.isl / 2.0, decoding=False, active=active)


def _slower(c: Cases, k: ServingConstants) -> Array:
    return np.asarray(np.where(c.engine == SGLANG, k.prefill_sglang, 1.0))


def _together(c: Cases, k: ServingConstants, batch: Array) -> Array:
    """Prompts in one pass: closed loops bunch, up to the tokens of a pass."""
    most = np.maximum(k.pass_tokens / (c.isl * (1.0 - c.cache_hit)), 1.0)
    return np.asarray(np.minimum(1.0 + k.bunch * np.maximum(batch - 1.0, 0.0), most))


def _queue_s(k: ServingConstants, others: Array, each: Array, lives: Array) -> Array:
    """Prompts ahead of one, where ``others`` share its server and each takes ``each``.

    All start at once: the first wave waits for half of the others. Later waves are spread over a life and
    queue the more, the larger prefill's share of it is: ``u^2 / (u^2 + spread_out^2)``.
    """
    work = others * each
    share = work / np.maximum(work + lives, 1e-30)
    later = share**2 / (share**2 + k.spread_out**2)
    return np.asarray(0.5 * work * (k.first_wave + (1.0 - k.first_wave) * later))


def _aggregated(c: Cases, k: ServingConstants, batch: Array, asked: Array, alone: StepParts) -> _Branch:
    """TPOT = ((1 - f) step + f pass) / accepted: a share f of the steps carries prompts of others.

    While one answer grows, every other request of the instance starts once. Engines that mix run prompts
    and decoding in one pass, SGLang one after the other.
    """
    step = _decode_step(c, k, batch)
    base, request = step.total_s, _request_s(c, k)
    others = np.maximum(batch - 1.0, 0.0)
    each_step = others * c.accepted / c.osl
    many = np.maximum(_together(c, k, batch), each_step)
    apart = forward(c, k, c.prefill, _prompts(c, many)).total_s * _slower(c, k)
    joint = mixed(c, k, c.prefill, _decode_load(c, batch), _prompts(c, many)).total_s
    full = np.where(c.engine == SGLANG, base + apart, joint)
    felt = (
        np.where(c.engine == SGLANG, 1.0, k.interference)
        * each_step
        / many
        * np.maximum(full - base, 0.0)
        / c.accepted
    )
    tpot = base / c.accepted + felt
    lives = c.osl * tpot
    own = np.where(c.engine == SGLANG, apart, joint)
    queue = _queue_s(k, others, np.maximum(full - base, 0.0) / many, lives) + 0.5 * base
    memory_wait = np.maximum(asked / batch - 1.0, 0.0) * lives
    ttft = request + own + queue + memory_wait
    rate = c.concurrency / (ttft + lives)
    prompt = alone.scaled(_slower(c, k))
    beside = np.maximum(own - prompt.total_s, 0.0)
    return _Branch(ttft, tpot, batch, beside + queue + memory_wait, felt, rate, step, prompt)


def _disaggregated(c: Cases, k: ServingConstants, cap: Array, asked: Array) -> _Branch:
    """Prefill rate and decode batch agree: iterated with damping, the batch falls where prefill is short."""
    servers = c.prefill.instances * c.prefill.dp
    ranks = c.decode.dp * c.decode.instances
    request, slower = _request_s(c, k), _slower(c, k)
    waiting = c.concurrency / servers
    many = _together(c, k, waiting)
    own = forward(c, k, c.prefill, _prompts(c, many)).total_s * slower / many
    cached = c.attending * cache_width(c, c.prefill) * c.kv_bytes * c.isl
    handed = k.transfer_s + cached / (c.level_bandwidth[:, -1] * k.link_share)
    batch = np.minimum(np.maximum(asked, 1.0), cap)
    step = _decode_step(c, k, batch)
    lives = c.osl * step.total_s / c.accepted
    busy = np.minimum(waiting * own / lives, 1.0)
    active = (1.0 + (c.prefill.dp - 1.0) * busy) / c.prefill.dp
    first = forward(c, k, c.prefill, _prompts(c, many, active)).total_s * slower
    prompt, rate = forward(c, k, c.prefill, _prompts(c, 1.0, active)).scaled(slower), c.concurrency
    for _ in range(ROUNDS):
        lives = c.osl * step.total_s / c.accepted
        idle = lives + handed + request
        burst = first + _queue_s(k, np.maximum(waiting - 1.0, 0.0), own, lives)
        ttft = np.maximum(burst, waiting * own - idle)
        rate = np.minimum(c.concurrency / (ttft + idle), servers / own)
        rate = np.minimum(rate, cap * ranks / lives)
        kept = np.minimum(np.maximum(rate * lives / ranks, np.minimum(asked, 1.0)), cap)
        batch = 0.5 * (batch + kept)
        step = _decode_step(c, k, batch)
    tpot = step.total_s / c.accepted
    waits = np.maximum(c.concurrency / rate - c.osl * tpot - first - handed - request, 0.0)
    ttft = first + waits + handed + request
    waits = waits + first - prompt.total_s
    return _Branch(ttft, tpot, batch, waits, np.zeros_like(tpot), rate, step, prompt)


def _prefill_only(c: Cases, k: ServingConstants, alone: StepParts) -> _Branch:
    """Full batches of ``tokens_per_rank`` on every attention rank, back to back."""
    tokens = c.tokens_per_rank
    load = Load(tokens * (1.0 - c.cache_hit), tokens / c.isl, c.isl / 2.0, decoding=False)
    step = forward(c, k, c.prefill, load)
    rate = tokens / c.isl / step.total_s * c.prefill.dp * c.prefill.instances
    zero = np.zeros_like(tokens)
    return _Branch(step.total_s, zero, tokens / c.isl, zero, zero, rate, step, alone)


def decode_tpot_s(c: Cases, k: ServingConstants, batch: Array) -> Array:
    """Time per token of a steady batch on each attention rank [s]."""
    return np.asarray(_decode_step(c, k, batch).total_s / c.accepted)


def _decode_only(c: Cases, k: ServingConstants, batch: Array, alone: StepParts) -> _Branch:
    """A steady batch, prompts appear by themselves."""
    step = _decode_step(c, k, batch)
    tpot = step.total_s / c.accepted
    zero = np.zeros_like(tpot)
    rate = batch * c.decode.dp * c.decode.instances / (tpot * c.osl)
    return _Branch(zero, tpot, batch, zero, zero, rate, step, alone)


def _choose(
    c: Cases,
    branches: Sequence[tuple[Mask, _Branch]],
    capacity: Capacity,
    prefill_fits: Mask,
) -> Steady:
    which = [mask for mask, _ in branches]

    def pick(name: str) -> Array:
        return np.asarray(np.select(which, [getattr(branch, name) for _, branch in branches]))

    def parts(name: str) -> StepParts:
        passes = [getattr(branch, name) for _, branch in branches]
        fields = StepParts.__dataclass_fields__
        return StepParts(**{f: np.select(which, [getattr(one, f) for one in passes]) for f in fields})

    step, prompt = parts("step"), parts("prompt")
    rate = pick("requests_per_s")
    prefill_only, decode_only = (c.phase == PHASES.index(p) for p in (Phase.PREFILL, Phase.DECODE))
    return Steady(
        ttft_s=pick("ttft_s"),
        tpot_s=pick("tpot_s"),
        batch=pick("batch"),
        output_tokens_per_s=np.where(prefill_only, 0.0, rate * c.osl),
        input_tokens_per_s=np.where(decode_only, 0.0, rate * c.isl),
        prefill_s=prompt.total_s,
        waiting_s=pick("waiting_s"),
        interference_s=pick("interference_s"),
        step=step,
        prefill_step=prompt,
        capacity=capacity,
        prefill_fits=prefill_fits,
    )
