"""What an unsure figure would change: re-ranked at its low and its high end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.planner.explore.machines import DENSE, MOE, cluster

from hesuan.figures import Figure, Kind
from hesuan.planner.explore import Limits, search
from hesuan.planner.explore.vary import scaled, unsure
from hesuan.planner.inputs import Precision, Training, Workload

TRAINING = Training(4096, 256)


def _with(figures: dict[str, Figure], model=DENSE) -> Workload:
    machine = cluster(64, memory_gb=48)
    return Workload(model, replace(machine, chip=replace(machine.chip, figures=figures)), TRAINING)


def _figure(kind: Kind = Kind.ASSUMED, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(100.0, "GB/s", kind, "test", low, high)


def test_one_figure_moves_and_nothing_else() -> None:
    work = Workload(MOE, cluster(64), TRAINING)
    assert (
        scaled(work, "chip.memory_bytes", 2).cluster.chip.memory_bytes == 2 * work.cluster.chip.memory_bytes
    )
    assert scaled(work, "chip.peak_flops.bf16", 2).cluster.chip.peak_flops[Precision.BF16] == 800e12
    assert scaled(work, "chip.rate", 0.5).cluster.chip.peak_flops[Precision.BF16] == 200e12
    node, network = scaled(work, "fabric.network", 3).cluster.fabric.levels
    assert (node.bandwidth_bytes_per_s, network.bandwidth_bytes_per_s) == (300e9, 75e9)
    node, network = scaled(work, "level.node.bandwidth_bytes_per_s", 2).cluster.fabric.levels
    assert (node.bandwidth_bytes_per_s, network.bandwidth_bytes_per_s) == (600e9, 25e9)
    assert scaled(work, "training.imbalance", 1.5).training.imbalance == 1.5
    for path in ("chip.peak_flops.fp8", "chip.colour", "level.moon.bandwidth_bytes_per_s", "sky.blue"):
        with pytest.raises(KeyError):
            scaled(work, path, 1.0)


def test_assumed_figures_and_intervals_are_unsure_and_published_ones_are_not() -> None:
    figures = {
        "bf16": _figure(),
        "memory": _figure(Kind.PUBLISHED),
        "bandwidth": _figure(Kind.PUBLISHED, 80.0, 110.0),
        "scale_up": _figure(),
        "nic": _figure(),
        "fp8": _figure(),
        "tdp": _figure(),
    }
    found = {one.path: (one.low, one.high) for one in unsure(_with(figures))}
    assert found == {
        "chip.peak_flops.bf16": (0.8, 1.2),
        "chip.memory_bandwidth_bytes_per_s": (0.8, 1.1),
        "fabric.scale_up": (0.8, 1.2),
        "fabric.network": (0.8, 1.2),
    }


def test_a_swing_tells_times_at_both_ends_and_the_regret() -> None:
    work = _with({"memory": _figure(Kind.ASSUMED, 60.0, 100.0), "bf16": _figure()})
    swings = {one.figure: one for one in search(work, Limits(card_counts=(64,))).sensitivity}
    rate = swings["chip.peak_flops.bf16"]
    assert rate.step_high_s < rate.step_low_s and rate.regret >= 0
    memory = swings["chip.memory_bytes"]
    assert memory.step_low_s >= memory.step_high_s
    assert memory.changes and memory.plan_low is not None
    assert all(one.en and one.zh for one in swings.values())


def test_the_end_of_a_swing_is_what_a_search_there_finds() -> None:
    work = _with({"scale_up": _figure(Kind.ASSUMED, 40.0, 160.0)})
    limits = Limits(card_counts=(64,))
    (swing,) = search(work, limits).sensitivity
    for factor, step_s, plan in (
        (0.4, swing.step_low_s, swing.plan_low),
        (1.6, swing.step_high_s, swing.plan_high),
    ):
        there = search(scaled(work, swing.figure, factor), limits, explain=False).top[0]
        assert (there.step_s, there.plan) == (pytest.approx(step_s), plan)


def test_expert_imbalance_is_an_assumption_of_every_mixture() -> None:
    assert [one.path for one in unsure(_with({}, MOE))] == ["training.imbalance"]
    assert unsure(_with({})) == ()
