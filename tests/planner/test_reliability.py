"""Failures, checkpoints and spares: by hand, at the limits, and against a search."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from hesuan.planner.reliability import (
    Component,
    Hardware,
    Recovery,
    Storage,
    blast_radius_cards,
    fabric_parts,
    goodput,
    interruption_rates,
    rates_of,
)
from hesuan.planner.reliability import checkpoint as cp
from hesuan.planner.reliability import spares as sp
from hesuan.planner.reliability.rates import family_rates
from hesuan.planner.reliability.topology import component_counts, unplanned_rate

HOUR_S = 3600.0
HGX = Hardware(cards_per_node=8, cards_per_domain=8, parts=fabric_parts("node"))
NVL72 = Hardware(cards_per_node=4, cards_per_domain=72, parts=fabric_parts("copper"))
CM384 = Hardware(cards_per_node=8, cards_per_domain=384, parts=fabric_parts("optical"))

RARE_TO_OFTEN = [1 / (100 * HOUR_S), 1 / (3.1 * HOUR_S), 1 / (0.23 * HOUR_S)]
SAVES_S = [0.5, 3.0, 40.0, 300.0]


@pytest.mark.parametrize(("rate", "save_s"), list(itertools.product(RARE_TO_OFTEN, SAVES_S)))
def test_the_best_interval_is_where_a_search_finds_it(rate: float, save_s: float) -> None:
    best_s = cp.best_interval_s(rate, save_s)
    tried_s = best_s * np.exp(np.linspace(-3, 3, 6001))
    shares = [cp.useful_share(rate, restart_s=600, blocking_s=save_s, interval_s=float(dt)) for dt in tried_s]
    at_best = cp.useful_share(rate, restart_s=600, blocking_s=save_s, interval_s=best_s)
    assert at_best >= max(shares) - 1e-12
    assert float(tried_s[int(np.argmax(shares))]) == pytest.approx(best_s, rel=2e-3)


@pytest.mark.parametrize(("rate", "save_s"), list(itertools.product(RARE_TO_OFTEN[:2], SAVES_S)))
def test_the_first_order_optimum_is_where_a_search_finds_it(rate: float, save_s: float) -> None:
    best_s = cp.first_order_interval_s(rate, restart_s=600, blocking_s=save_s)
    tried_s = best_s * np.exp(np.linspace(-2, 2, 4001))
    shares = [
        cp.first_order_share(rate, restart_s=600, blocking_s=save_s, interval_s=float(dt)) for dt in tried_s
    ]
    assert float(tried_s[int(np.argmax(shares))]) == pytest.approx(best_s, rel=2e-3)


def test_cheap_saves_make_youngs_interval_right() -> None:
    rate = 1 / (3.1 * HOUR_S)
    assert cp.best_interval_s(rate, 0.01) == pytest.approx(cp.young_interval_s(rate, 0.01), rel=2e-3)
    without_restart = cp.first_order_interval_s(rate, restart_s=0, blocking_s=0.01)
    assert without_restart == pytest.approx(cp.young_interval_s(rate, 0.01), rel=2e-3)


def test_both_forms_agree_while_failures_are_rare_and_only_one_stays_a_share() -> None:
    rare = {"restart_s": 600.0, "blocking_s": 3.0, "interval_s": 250.0}
    assert cp.useful_share(1 / (24 * HOUR_S), **rare) == pytest.approx(
        cp.first_order_share(1 / (24 * HOUR_S), **rare), abs=2e-4
    )
    assert 0 < cp.useful_share(1 / 300, **rare) < 0.2
    assert cp.first_order_share(1 / 300, **rare) == 0


def test_a_useful_share_by_hand() -> None:
    """r dt = 0.1, r w = 0.02, r u0 = 0.05: 0.1 / (e^0.05 (e^0.12 - 1)) = 0.1 / (1.051271 × 0.127497)."""
    share = cp.useful_share(1e-4, restart_s=500, blocking_s=200, interval_s=1000)
    assert share == pytest.approx(0.74609, abs=1e-5)


def test_without_failures_only_saving_costs() -> None:
    assert cp.useful_share(0, restart_s=600, blocking_s=10, interval_s=90) == 0.9


def test_a_simulated_run_keeps_what_the_formula_says() -> None:
    """Failures strike work, saves and restarts alike; 4,000 failures of a seeded generator."""
    rate, restart_s, save_s, interval_s = 1 / 3000, 300.0, 40.0, 500.0
    rng = np.random.default_rng(7)
    wall = kept = 0.0
    for _ in range(4000):
        left = rng.exponential(1 / rate)
        wall += left
        while left > 0:
            if left < restart_s:
                break
            left -= restart_s
            rounds = math.floor(left / (interval_s + save_s))
            kept += rounds * interval_s
            left = 0
    expected = cp.useful_share(rate, restart_s=restart_s, blocking_s=save_s, interval_s=interval_s)
    assert kept / wall == pytest.approx(expected, rel=0.03)


def test_bloom_wrote_its_checkpoint_as_large_and_as_fast_as_the_formula() -> None:
    """2.3 TB in 40 s from 384 A100 (bigscience chronicles); 2.3 may be TiB."""
    size = cp.checkpoint_bytes(176.2e9)
    assert size == pytest.approx(2.3 * 2**40, rel=0.05)
    assert Storage().write_s(size, nodes=48) == pytest.approx(40, rel=0.3)


def test_an_asynchronous_save_stops_the_training_for_the_copy_only() -> None:
    size, nodes = cp.checkpoint_bytes(405e9), 128
    waits, goes_on = Storage(), Storage(asynchronous=True)
    assert goes_on.blocking_s(size, nodes) == pytest.approx(size / (50e9 * nodes))
    assert goes_on.blocking_s(size, nodes) < waits.blocking_s(size, nodes) / 40
    assert goes_on.blocking_s(size, nodes) + goes_on.lag_s(size, nodes) == waits.write_s(size, nodes)
    rates = rates_of("H100")
    shares = [
        goodput(rates, HGX, cards=1024, parameters=405e9, recovery=Recovery(storage=storage)).share
        for storage in (waits, goes_on)
    ]
    assert shares[0] < shares[1]


def chain_waiting_share(rate: float, repair_s: float, spares: int) -> float:
    """The same birth-death chain solved as linear equations."""
    states = spares + 2
    flow = np.zeros((states, states))
    for away in range(states):
        if away < states - 1:
            flow[away, away + 1] = rate
        if away:
            flow[away, away - 1] = away / repair_s
    flow -= np.diag(flow.sum(axis=1))
    equations = np.vstack([flow.T, np.ones(states)])
    return float(np.linalg.lstsq(equations, np.append(np.zeros(states), 1.0), rcond=None)[0][-1])


@pytest.mark.parametrize("spares", [0, 1, 4, 12])
def test_the_wait_for_repairs_is_that_of_the_chain(spares: int) -> None:
    rate, repair_s = 4 / (24 * HOUR_S), 24 * HOUR_S
    share = sp.waiting_share(rate, repair_s, spares)
    assert share == pytest.approx(chain_waiting_share(rate * 1e5, repair_s / 1e5, spares), abs=1e-9)


def test_without_spares_every_failure_waits_for_its_repair() -> None:
    assert sp.waiting_s_per_failure(1e-6, 3600.0, 0) == pytest.approx(3600)
    assert sp.waiting_s_per_failure(1e-5, 3600.0, 1) < 3600 / 10


def test_least_spares_are_least() -> None:
    rate, repair_s = 4 / (24 * HOUR_S), 24 * HOUR_S
    found = sp.least_spares(rate, repair_s, waiting_at_most=0.001)
    assert sp.waiting_share(rate, repair_s, found) <= 0.001 < sp.waiting_share(rate, repair_s, found - 1)
    assert sp.least_spares(0.0, repair_s, waiting_at_most=0.001) == 0


def test_a_poisson_tail_by_hand() -> None:
    """1 - e^-2 (1 + 2 + 2) = 0.323324."""
    assert sp.more_than_away(2.0, 2) == pytest.approx(0.323324, abs=1e-6)


def test_twice_the_cards_fail_twice_as_often() -> None:
    rates = rates_of("H100")
    small, large = (unplanned_rate(interruption_rates(rates, HGX, cards)) for cards in (1024, 2048))
    assert large == pytest.approx(2 * small)


def test_optics_tell_a_switched_light_domain_from_a_copper_one() -> None:
    """18 modules a card against 4; the vendor says that 99 % of their failures stop nothing."""
    tolerant = component_counts(CM384, 384)[Component.OPTICS]
    copper = component_counts(NVL72, 384)[Component.OPTICS]
    strict_parts = replace(CM384.parts, tolerated=replace(CM384.parts.tolerated, value=0.0))
    strict = component_counts(replace(CM384, parts=strict_parts), 384)[Component.OPTICS]
    assert strict / copper == pytest.approx(18 / 4)
    assert tolerant == pytest.approx(strict / 100)
    rates = rates_of("Ascend 910C")
    mtbf_h = [
        1 / unplanned_rate(interruption_rates(rates, hardware, 8192)) / HOUR_S
        for hardware in (CM384, replace(CM384, parts=strict_parts))
    ]
    assert mtbf_h[1] == pytest.approx(0.80 * mtbf_h[0], rel=0.02)


def test_what_leaves_with_a_failed_part() -> None:
    taken = {part: blast_radius_cards(part, CM384) for part in Component}
    assert taken == {
        Component.CHIP: 8,
        Component.HOST: 8,
        Component.OPTICS: 1,
        Component.SWITCH: 8,
        Component.SOFTWARE: 0,
        Component.PLANNED: 384,
    }
    assert blast_radius_cards(Component.PLANNED, HGX) == 8


def test_two_dies_fail_as_one_package() -> None:
    dies = replace(CM384, cards_per_node=16, cards_per_domain=768, cards_per_package=2)
    counted = component_counts(dies, 768)
    whole = component_counts(CM384, 384)
    assert [counted[part] for part in (Component.CHIP, Component.HOST, Component.SWITCH)] == [
        whole[part] for part in (Component.CHIP, Component.HOST, Component.SWITCH)
    ]
    assert blast_radius_cards(Component.OPTICS, dies) == 2


def test_announced_work_on_a_supernode_costs_more_than_on_nodes() -> None:
    rates = rates_of("Ascend 910C")
    asked = {"cards": 3840, "parameters": 700e9, "recovery": Recovery()}
    supernode = goodput(rates, CM384, **asked)
    nodes = goodput(rates, replace(CM384, cards_per_domain=8), **asked)
    assert supernode.planned_share > 5 * nodes.planned_share
    replaced = goodput(rates, CM384, **{**asked, "recovery": Recovery(spare_nodes=48)})
    assert replaced.planned_share == pytest.approx(nodes.planned_share)


def test_goodput_is_its_parts_and_lies_in_its_interval() -> None:
    found = goodput(rates_of("H100"), HGX, cards=16384, parameters=405e9, recovery=Recovery())
    product = found.kept_share * (1 - found.planned_share) * (1 - found.waiting_share)
    assert found.share == pytest.approx(product)
    assert found.low < found.share < found.high
    assert found.mtbf_low_s * 1.5 == pytest.approx(found.mtbf_s) == pytest.approx(found.mtbf_high_s / 1.5)
    assert found.assumed


@pytest.mark.parametrize(
    ("chip", "family"),
    [
        ("H100-80GB-SXM", "h100"),
        ("GB200 (NVL72)", "gb200"),
        ("B200-SXM (HGX)", "gb200"),
        ("A800-80GB-SXM", "a100"),
        ("Ascend 910C (A3 package, 2 dies)", "ascend"),
        ("TPU v5p", "tpu"),
        ("Cambricon MLU590", "other"),
        ("", "other"),
    ],
)
def test_a_chip_finds_its_family(chip: str, family: str) -> None:
    assert rates_of(chip).family == family


def test_every_rate_has_a_source_and_every_family_every_component() -> None:
    for family in ("h100", "a100", "gb200", "ascend", "tpu", "other"):
        rates = family_rates(family)
        assert set(rates.rates) == set(Component)
        assert all(rate.source and rate.unit for rate in rates.rates.values())


def test_an_unknown_chip_is_wider_and_says_what_is_assumed() -> None:
    known, unknown = rates_of("H100"), rates_of("Moore Threads S5000")
    assert unknown.spread > known.spread
    assert len(unknown.assumed()) == len(Component)
