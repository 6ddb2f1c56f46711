"""Forecast and search: refusals, bounds, prices, and the frontier against trying one layout after another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.planner.serving.machines import deepseek, demand, hopper, llama

from hesuan.errors import Faults, Refused
from hesuan.planner.serving import Deployment, Limits, Phase, Pool, predict_serving, search_serving


def test_requests_live_as_long_as_they_are_served() -> None:
    """Little: concurrency = completed requests per second times their time in the system."""
    found = predict_serving(Deployment(model=llama(), cluster=hopper(), decode=Pool(tp=4)), demand())
    lives = found.ttft_s + 1024 * found.tpot_s
    assert found.output_tokens_per_s / 1024 * lives == pytest.approx(found.concurrency)


def test_weights_that_do_not_fit_are_refused_with_both_numbers() -> None:
    with pytest.raises(Refused) as refused:
        predict_serving(Deployment(model=deepseek(), cluster=hopper(), decode=Pool(tp=4)), demand())
    assert refused.value.code.name == "serving.memory_exceeded"
    assert refused.value.facts["weights_gib"] > refused.value.facts["usable_gib"]
    assert refused.value.facts["ranks"] > 4


def test_heads_that_do_not_divide_are_refused_with_the_nearest_that_does() -> None:
    with pytest.raises(Refused) as refused:
        predict_serving(Deployment(model=llama(), cluster=hopper(), decode=Pool(tp=7)), demand())
    assert refused.value.facts["near"] == 8


def test_ep_that_does_not_divide_the_ranks_is_a_fault() -> None:
    with pytest.raises(Faults):
        Pool(tp=4, dp=2, ep=3)


def test_more_than_memory_holds_waits_and_does_not_decode() -> None:
    deployment = Deployment(model=llama(), cluster=hopper(), decode=Pool(tp=2))
    few, many = (
        predict_serving(deployment, demand(concurrency=c, isl=8192.0, kv_bytes=2.0)) for c in (8, 512)
    )
    assert many.batch_per_rank == pytest.approx(many.cache_requests)
    assert many.binding == "cache memory"
    assert many.waiting_s > 10 * few.waiting_s


def test_more_prefill_instances_never_serve_less() -> None:
    rates = [
        predict_serving(
            Deployment(model=llama(), cluster=hopper(32), decode=Pool(tp=4), prefill=Pool(tp=2, instances=n)),
            demand(Phase.DISAGGREGATED, 64, isl=8192.0),
        ).output_tokens_per_s
        for n in (1, 2, 4, 8)
    ]
    assert rates == sorted(rates)


def test_accepted_drafts_are_tokens() -> None:
    deployment = Deployment(model=deepseek(), cluster=hopper(32), decode=Pool(dp=32, ep=32))
    plain = predict_serving(deployment, demand(Phase.DECODE, 256))
    drafted = predict_serving(deployment, demand(Phase.DECODE, 256, drafted=1, accepted=1.7))
    assert drafted.tpot_s < plain.tpot_s
    assert drafted.tpot_s * 1.7 > plain.tpot_s


def test_a_price_makes_yuan_and_none_is_guessed() -> None:
    machine = hopper()
    deployment = Deployment(model=llama(), cluster=machine, decode=Pool(tp=4))
    assert predict_serving(deployment, demand()).tokens_per_yuan is None
    priced = replace(deployment, cluster=replace(machine, price_fen_per_card_hour=2000))
    found = predict_serving(priced, demand())
    assert found.tokens_per_yuan == pytest.approx(found.output_tokens_per_s * 3600 / (4 * 20.0))


def test_bounds_are_answered() -> None:
    deployment = Deployment(model=llama(), cluster=hopper(), decode=Pool(tp=4))
    found = predict_serving(deployment, demand())
    assert predict_serving(deployment, demand(), limits=Limits(tpot_s=found.tpot_s * 1.01)).meets
    assert not predict_serving(deployment, demand(), limits=Limits(tpot_s=found.tpot_s * 0.99)).meets


def test_search_finds_what_trying_everything_finds() -> None:
    limits = Limits(tpot_s=0.03, ttft_s=2.0)
    found = search_serving(llama(), hopper(8), demand(), limits=limits, phases=[Phase.AGGREGATED])
    assert found.best is not None
    best = 0.0
    for tp in (1, 2, 4, 8):
        for batch in (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024):
            pool = Pool(tp=tp, instances=8 // tp)
            deployment = Deployment(model=llama(), cluster=hopper(8), decode=pool)
            try:
                one = predict_serving(deployment, demand(concurrency=batch * 8 // tp), limits=limits)
            except Refused:
                continue
            if one.meets and one.cache_requests >= batch:
                best = max(best, one.output_tokens_per_s_per_card)
    assert found.best.forecast.output_tokens_per_s_per_card == pytest.approx(best)


def test_the_frontier_is_unbeaten_within_bounds_and_adds_up() -> None:
    limits = Limits(tpot_s=0.05, ttft_s=3.0)
    found = search_serving(deepseek(), hopper(64), demand(), limits=limits)
    points = [
        (-c.forecast.output_tokens_per_s_per_card, c.forecast.tpot_s, c.forecast.ttft_s)
        for c in found.frontier
    ]
    assert points
    for one in points:
        assert one[1] <= 0.05
        assert one[2] <= 3.0
        assert not any(
            all(b <= a for a, b in zip(one, other, strict=True)) for other in points if other != one
        )
    assert all(c.deployment.cards <= 64 for c in found.frontier)
    assert found.tried >= len(found.frontier) + sum(found.lost.values())
