"""Goodput, energy and price multiplied at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hesuan.planner.inputs import Chip, Cluster, Fabric, Level, Model, Precision, Shape, Training
from hesuan.planner.operation import COMMUNICATING, COMPUTING, REFERENCE_TOKENS, operate, total_fen
from hesuan.planner.reliability import Recovery, hardware_of

CHIP = Chip(
    name="H100-80GB-SXM",
    vendor="NVIDIA",
    peak_flops={Precision.BF16: 989e12},
    memory_bytes=80e9,
    memory_bandwidth_bytes_per_s=3.35e12,
    tdp_w=700,
)
NODE = Level("node", 8, 450e9, 2e-6, scale_up=True)
WIDE = Level("network", 1 << 24, 50e9, 5e-6)
CLUSTER = Cluster("test", CHIP, Fabric("hgx", (NODE, WIDE)), cards=1024, price_fen_per_card_hour=1500)
MODEL = Model("toy", 80, 8192, 64, 8, 128, 28672, 128256)
TRAINING = Training(seq=8192, global_batch=512, tokens_total=1e12)
STEP = {"cards": 1024, "step_s": 10.0, "compute_share": 0.8, "communication_share": 0.1}


def test_wall_time_is_tokens_over_useful_rate() -> None:
    run = operate(MODEL, CLUSTER, TRAINING, **STEP)
    assert run.useful_tokens_per_s == pytest.approx(8192 * 512 / 10 * run.goodput.share)
    assert run.wall_s == pytest.approx(1e12 / run.useful_tokens_per_s)
    assert run.is_whole_run and run.cards_paid == 1024 + run.goodput.spare_cards


def test_useful_tokens_per_yuan_are_rate_over_cost() -> None:
    """Cards alone: tokens/s × goodput × 3600 / (cards paid × ¥15)."""
    run = operate(MODEL, CLUSTER, TRAINING, **STEP)
    assert run.money is not None and run.money.power_fen == 0
    expected = run.useful_tokens_per_s * 3600 / (run.cards_paid * 15)
    assert run.money.tokens_per_yuan == pytest.approx(expected, rel=1e-5)


def test_power_is_a_line_of_its_own_when_it_is_paid_apart() -> None:
    priced = replace(CLUSTER, power_price_fen_per_kwh=65)
    run = operate(MODEL, priced, TRAINING, **STEP)
    assert run.money is not None and run.energy is not None
    assert run.money.power_fen == pytest.approx(run.energy.kwh * 65, rel=1e-6)


def test_without_a_price_there_is_no_money_and_without_a_rating_no_energy() -> None:
    unknown = replace(CLUSTER, price_fen_per_card_hour=None, chip=replace(CHIP, tdp_w=0.0))
    run = operate(MODEL, unknown, TRAINING, **STEP)
    assert run.money is None and run.energy is None


def test_a_training_without_an_end_is_billed_for_a_reference() -> None:
    run = operate(MODEL, CLUSTER, replace(TRAINING, tokens_total=None), **STEP)
    assert run.tokens == REFERENCE_TOKENS and not run.is_whole_run
    whole = operate(MODEL, CLUSTER, TRAINING, **STEP)
    assert run.money is not None and whole.money is not None
    assert run.money.tokens_per_yuan == pytest.approx(whole.money.tokens_per_yuan, rel=1e-3)


def test_a_longer_recovery_costs_money() -> None:
    quick = operate(MODEL, CLUSTER, TRAINING, **STEP)
    slow = operate(MODEL, CLUSTER, TRAINING, **STEP, recovery=Recovery(restart_s=7200))
    assert quick.money is not None and slow.money is not None
    assert slow.money.total_fen > quick.money.total_fen


@pytest.mark.parametrize(
    ("levels", "per_node", "kind", "domain", "optics"),
    [
        ((NODE, WIDE), 8, "node", 8, 4.0),
        ((Level("rack", 72, 900e9, 1e-6, scale_up=True), WIDE), 4, "copper", 72, 4.0),
        ((NODE, Level("supernode", 384, 392e9, 1e-6, scale_up=True), WIDE), 8, "optical", 384, 18.0),
        (
            (
                NODE,
                Level("supernode", 384, 392e9, 1e-6, scale_up=True, optics_per_card=14.0),
                replace(WIDE, optics_per_card=4.0),
            ),
            8,
            "optical",
            384,
            18.0,
        ),
        ((Level("slice", 4096, 150e9, 1e-6, shape=Shape.TORUS, scale_up=True), WIDE), 4, "torus", 1024, 1.5),
    ],
)
def test_the_fabric_says_which_parts_can_fail(
    levels: tuple[Level, ...], per_node: int, kind: str, domain: int, optics: float
) -> None:
    cluster = replace(CLUSTER, fabric=Fabric("f", levels), cards_per_host=per_node)
    hardware = hardware_of(cluster)
    assert (hardware.parts.name, hardware.cards_per_domain) == (kind, domain)
    assert hardware.parts.optics_per_card.value == optics


def test_a_search_bills_what_a_forecast_bills() -> None:
    """The same plan costs the same fen in both, with failures; less without, for no spares wait."""
    parts = dict.fromkeys((*COMPUTING, *COMMUNICATING), 0.0) | {
        "compute_s": 8.0,
        "tp_s": 1.0,
        "bubble_s": 1.0,
    }
    priced = replace(CLUSTER, power_price_fen_per_kwh=65)
    run = operate(MODEL, priced, TRAINING, **STEP)
    assert run.money is not None
    both = [total_fen(priced, TRAINING, cards=1024, parts=parts, kept=kept) for kept in (run.goodput, None)]
    assert both[0] == run.money.total_fen
    assert both[1] is not None and both[1] < run.money.total_fen
    unpriced = replace(CLUSTER, price_fen_per_card_hour=None)
    assert total_fen(unpriced, TRAINING, cards=8, parts=parts, kept=None) is None
