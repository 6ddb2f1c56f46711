"""The closed loop: Little's law, queues, passes that carry prompts beside decoding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.planner.serving.machines import deepseek, demand, hopper, llama

from hesuan.planner.catalog import model
from hesuan.planner.serving import DEFAULT, Deployment, Engine, Phase, Pool, predict_serving
from hesuan.planner.serving.cases import Cases, case_of, stack
from hesuan.planner.serving.scoring import BATCHES, largest_batch
from hesuan.planner.serving.steady import _queue_s, decode_tpot_s, memory
from hesuan.planner.serving.step import Load, _busiest, forward, mixed


def case(pool: Pool, **more: object) -> Cases:
    deployment = Deployment(model=deepseek(), cluster=hopper(256), decode=pool, prefill=pool)
    return stack([case_of(deployment, demand(**more))])


def array(*values: float) -> np.ndarray:
    return np.array(values)


@pytest.mark.parametrize("phase", [Phase.AGGREGATED, Phase.DISAGGREGATED])
@pytest.mark.parametrize("concurrency", [4.0, 64.0, 1024.0])
@pytest.mark.parametrize("engine", [Engine.SGLANG, Engine.VLLM])
def test_throughput_is_concurrency_over_a_life(phase: Phase, concurrency: float, engine: Engine) -> None:
    """Little's law: ``tokens/s = concurrency osl / (TTFT + osl TPOT)``."""
    pool = Pool(dp=32, ep=32)
    asked = demand(phase, concurrency, engine=engine)
    found = predict_serving(
        Deployment(model=deepseek(), cluster=hopper(64), decode=pool, prefill=pool), asked
    )
    life = found.ttft_s + asked.osl * found.tpot_s
    assert found.output_tokens_per_s == pytest.approx(concurrency * asked.osl / life, rel=2e-3)


def test_nobody_queues_alone_and_the_first_wave_waits_for_half() -> None:
    assert _queue_s(DEFAULT, array(0.0), array(0.1), array(10.0))[0] == 0.0
    only_first = replace(DEFAULT, first_wave=1.0)
    assert _queue_s(only_first, array(10.0), array(0.1), array(10.0))[0] == pytest.approx(0.5)


def test_later_waves_queue_where_prefill_is_much_of_a_life() -> None:
    """Ten prompts of 0.1 s in lives of 1 s: u = 1/2, later waves u^2 / (u^2 + 1/4) = 1/2."""
    k = replace(DEFAULT, first_wave=0.0, spread_out=0.5)
    assert _queue_s(k, array(10.0), array(0.1), array(1.0))[0] == pytest.approx(0.5 * 1.0 * 0.5)
    assert _queue_s(k, array(10.0), array(0.1), array(1e9))[0] < 1e-9


def test_a_pass_with_prompts_and_decoding_streams_the_weights_once() -> None:
    c = case(Pool(tp=8, ep=8))
    pool, decode = c.decode, Load(array(32.0), array(32.0), array(1536.0), decoding=True)
    prompt = Load(array(64.0), array(1.0), array(32.0), decoding=False)
    apart = [forward(c, DEFAULT, pool, load).total_s[0] for load in (decode, prompt)]
    both = mixed(c, DEFAULT, pool, decode, prompt).total_s[0]
    assert max(apart) < both < sum(apart)


def test_the_busiest_rank_touches_more_where_few_tokens_fall_on_many_ranks() -> None:
    """256 experts on 8 ranks, 4 touched on each: 4 + sqrt(2 ln 8 * 4 * (1 - 32/256)) = 7.82."""
    c, k = case(Pool(tp=8, ep=8)), replace(DEFAULT, straggle=1.0)
    assert _busiest(c, k, c.decode, array(4.0))[0] == pytest.approx(7.816, abs=1e-3)
    assert _busiest(c, k, c.decode, array(32.0))[0] == 32.0
    alone = case(Pool(tp=8))
    assert _busiest(alone, k, alone.decode, array(40.0))[0] == 40.0


def test_a_lone_prompt_does_not_wait_for_idle_attention_ranks() -> None:
    pool = Pool(dp=16, ep=16)
    deployment = Deployment(model=deepseek(), cluster=hopper(32), decode=pool, prefill=pool)
    alone, crowded = (
        predict_serving(deployment, demand(Phase.DISAGGREGATED, n, isl=8192.0)).prefill_parts_s
        for n in (1.0, 4096.0)
    )
    assert alone["experts"] < 0.5 * crowded["experts"]
    assert alone["projection"] == crowded["projection"]


@pytest.mark.parametrize("phase", [Phase.AGGREGATED, Phase.DISAGGREGATED])
@pytest.mark.parametrize("concurrency", [1.0, 512.0])
@pytest.mark.parametrize("engine", [Engine.SGLANG, Engine.TRTLLM])
def test_the_first_token_is_its_parts_and_handling(phase: Phase, concurrency: float, engine: Engine) -> None:
    pool = Pool(dp=16, ep=16)
    found = predict_serving(
        Deployment(model=deepseek(), cluster=hopper(32), decode=pool, prefill=pool),
        demand(phase, concurrency, engine=engine),
    )
    rest = found.ttft_s - sum(found.prefill_parts_s.values()) - found.waiting_s
    handling = {Engine.SGLANG: DEFAULT.request_sglang_s, Engine.TRTLLM: DEFAULT.request_trtllm_s}[engine]
    more = DEFAULT.transfer_s if phase is Phase.DISAGGREGATED else 0.0
    assert found.waiting_s >= 0.0
    assert handling + more - 1e-9 <= rest < handling + more + 0.02


def test_sglang_runs_prompts_and_decoding_one_after_the_other() -> None:
    deployment = Deployment(model=llama(), cluster=hopper(8), decode=Pool(tp=8))
    same = {"kernel_sglang_s": DEFAULT.kernel_vllm_s, "prefill_sglang": 1.0, "interference": 1.0}
    felt = [
        predict_serving(
            deployment, demand(concurrency=32.0, isl=512.0, engine=e), constants=replace(DEFAULT, **same)
        ).interference_s
        for e in (Engine.VLLM, Engine.SGLANG)
    ]
    assert felt[0] < felt[1]


def test_windowed_layers_keep_the_whole_cache() -> None:
    """Blocks of one size for all layers: 36 layers, 8 heads of 64, keys and values of 2 bytes, two cards."""
    deployment = Deployment(model=model("gpt-oss-120b"), cluster=hopper(8), decode=Pool(tp=2))
    c = stack([case_of(deployment, demand(kv_bytes=2.0))])
    assert memory(c, DEFAULT, c.decode).cache_bytes_per_request[0] == 36 * 2 * 4 * 64 * 2 * 1536


@pytest.mark.parametrize("limit_s", [1e-6, 0.02, 0.05, 1.0])
def test_the_largest_batch_under_a_bound_is_the_one_a_scan_finds(limit_s: float) -> None:
    c = case(Pool(dp=64, ep=64))
    cap = memory(c, DEFAULT, c.decode).most[0]
    fits = [b for b in BATCHES if b <= cap and decode_tpot_s(c, DEFAULT, array(b))[0] <= limit_s]
    assert largest_batch(c, DEFAULT, array(limit_s))[0] == max(fits, default=1.0)
