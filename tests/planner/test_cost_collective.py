"""Collectives on nested domains, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.planner.cost_cases import fabric, work

from hesuan.planner.constants import Constants
from hesuan.planner.cost.arrays import Array
from hesuan.planner.cost.collective import all_reduce_s, all_to_all_s, scatter_s, send_s
from hesuan.planner.cost.load import Load
from hesuan.planner.inputs import UNBOUNDED, Fabric, Level, Shape

BARE = Constants(
    link_share=1.0,
    mesh_share=1.0,
    net_share=1.0,
    latency_scale=0.0,
    latency_floor_s=0.0,
    message_half_bytes=0.0,
)
"""Bandwidth alone, so that the numbers are those of the textbook."""


def a(*values: float) -> Array:
    return np.array(values, dtype=np.float64)


def load(net: Fabric | None = None) -> Load:
    return Load.of(work(net=net or fabric(inside=100e9, outside=10e9)), BARE)


def test_one_rank_costs_nothing() -> None:
    for cost in (scatter_s, all_reduce_s, send_s, all_to_all_s):
        assert cost(Load.of(work(), Constants()), a(1e9), a(1), a(8))[0] == 0.0


def test_all_reduce_inside_a_domain_by_hand() -> None:
    """8 ranks, 1 GB, 100 GB/s: 2 x 7/8 x 1 GB / 100 GB/s = 17.5 ms."""
    assert all_reduce_s(load(), a(1e9), a(8), a(1))[0] == pytest.approx(17.5e-3)


def test_a_group_over_two_domains_sends_an_eighth_over_the_network() -> None:
    """16 ranks, stride 1: inside 7/8 GB at 100, across 1/8 x 1/2 GB at 10 GB/s; the slower, 8.75 ms,
    counts."""
    assert scatter_s(load(), a(1e9), a(16), a(1))[0] == pytest.approx(8.75e-3)
    slow = fabric(inside=100e9, outside=5e9)
    assert scatter_s(load(slow), a(1e9), a(16), a(1))[0] == pytest.approx(1e9 / 16 / 5e9)


def test_stride_moves_a_group_out_of_the_domain() -> None:
    """Stride 8 in domains of 8: every neighbour is across the network, 3/4 GB at 10 GB/s."""
    assert scatter_s(load(), a(1e9), a(4), a(8))[0] == pytest.approx(75e-3)


def test_all_to_all_splits_by_level() -> None:
    """16 ranks: 8/16 of 1 GB leave the domain at 10 GB/s = 50 ms; 7/16 stay at 100 GB/s."""
    assert all_to_all_s(load(), a(1e9), a(16), a(1))[0] == pytest.approx(50e-3)


def test_one_copy_for_each_domain() -> None:
    """8 copies to 2 domains: 2 (1 - 1/2^8) = 1.992 domains met, so 1.992 / 8 of the traffic crosses."""
    plain = all_to_all_s(load(), a(1e9), a(16), a(1))[0]
    once = all_to_all_s(load(), a(1e9), a(16), a(1), 8.0)[0]
    assert once == pytest.approx(plain * 2 * (1 - 0.5**8) / 8)


def test_oversubscription_divides_the_bandwidth() -> None:
    net = Fabric("f", (Level("all", UNBOUNDED, 10e9, 0.0, oversubscription=2.0),))
    assert scatter_s(load(net), a(1e9), a(2), a(1))[0] == pytest.approx(0.1)


def test_a_pair_in_a_mesh_has_one_wire() -> None:
    """A mesh of 8 gives two members 1/7 of a card's bandwidth: half a GB at 10 GB/s."""
    net = Fabric("f", (Level("mesh", 8, 70e9, 0.0, shape=Shape.MESH, scale_up=True),))
    assert scatter_s(load(net), a(1e9), a(2), a(1))[0] == pytest.approx(0.05)


def test_a_send_takes_the_level_of_the_worst_pair() -> None:
    net = fabric(inside=100e9, outside=10e9)
    assert send_s(load(net), a(1e9), a(2), a(4))[0] == pytest.approx(0.01)
    assert send_s(load(net), a(1e9), a(4), a(4))[0] == pytest.approx(0.1)


def test_latency_counts_once_for_each_doubling() -> None:
    slow = Constants(latency_scale=1.0, latency_floor_s=1e-3, message_half_bytes=0.0)
    at = [scatter_s(Load.of(work(), slow), a(0.0), a(n), a(1))[0] for n in (2.0, 4.0, 8.0, 16.0)]
    np.testing.assert_allclose(at, [1e-3, 2e-3, 3e-3, 4e-3])
