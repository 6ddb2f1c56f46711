"""Quantities survive the way through RUN.toml, text and JSON: no unit is lost, doubled or turned over."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.planner.explore.machines import workloads

from hesuan.cli.planning import terminal
from hesuan.cli.planning.answers import plain
from hesuan.money import MAX_FEN, decimal_yuan, format_yuan, parse_yuan
from hesuan.planner.explore import Limits, search
from hesuan.planner.files import read_cluster
from hesuan.planner.forecast import predict
from hesuan.planner.inputs import Workload
from hesuan.units import billed_seconds, format_bytes, format_seconds

ROUND = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BINARY = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
TIMES = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}
LAST_BITS = 4e-16
"""A factor of 10^9 there and back rounds twice."""


@ROUND
@given(
    cards=st.integers(1, 100_000),
    size=st.integers(1, 100_000),
    gb_per_s=st.floats(1e-3, 1e5),
    latency_us=st.floats(1e-2, 1e4),
    pool_gb=st.floats(1e-3, 1e5),
    fen=st.integers(0, MAX_FEN),
)
def test_a_cluster_written_in_its_units_is_read_in_si(
    cards: int, size: int, gb_per_s: float, latency_us: float, pool_gb: float, fen: int
) -> None:
    text = (
        f'[cluster]\nname = "own"\nchip = "h100-80gb-sxm"\ncards = {cards}\npool_memory_gb = {pool_gb!r}\n'
        f'price_yuan_per_card_hour = "{decimal_yuan(fen)}"\n'
        f"[[cluster.levels]]\nsize = {size}\ngb_per_s = {gb_per_s!r}\nlatency_us = {latency_us!r}\n"
        f"[[cluster.levels]]\nsize = 0\ngb_per_s = {gb_per_s!r}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.toml"
        path.write_text(text)
        found = read_cluster(path)
    level = found.fabric.levels[0]
    assert (found.cards, level.size, found.price_fen_per_card_hour) == (cards, size, fen)
    assert level.bandwidth_bytes_per_s / 1e9 == pytest.approx(gb_per_s, rel=LAST_BITS)
    assert level.latency_s * 1e6 == pytest.approx(latency_us, rel=LAST_BITS)
    assert found.pool_memory_bytes / 1e9 == pytest.approx(pool_gb, rel=LAST_BITS)


@ROUND
@given(st.integers(0, MAX_FEN))
def test_money_survives_its_two_texts(fen: int) -> None:
    assert parse_yuan(decimal_yuan(fen)) == fen
    assert parse_yuan(format_yuan(fen).removeprefix("¥").replace(",", "")) == fen


@ROUND
@given(workloads())
def test_a_forecast_survives_json_to_the_last_bit(workload: Workload) -> None:
    found = search(workload, Limits(card_counts=(workload.cluster.cards,), top=1), explain=False)
    assume(found.found)
    one = predict(workload.model, workload.cluster, workload.training, found.top[0].plan)
    back = json.loads(json.dumps(plain(one), allow_nan=False))
    assert back == plain(one)
    assert (back["step_s"], back["low_s"], back["high_s"]) == (one.step_s, one.low_s, one.high_s)
    assert back["parts"] == dict(one.parts) and back["memory"] == dict(one.memory)
    searched = json.loads(json.dumps(plain(found), allow_nan=False))
    assert searched["top"][0]["step_s"] == found.top[0].step_s


@ROUND
@given(st.integers(0, 2**60))
def test_bytes_read_back_within_the_last_digit_shown(size: int) -> None:
    value, unit = format_bytes(size).split()
    assert float(value) * BINARY[unit] == pytest.approx(size, abs=0.0501 * BINARY[unit])
    assert float(terminal.gib(size).split()[0]) * 2**30 == pytest.approx(size, abs=0.0501 * 2**30)


@ROUND
@given(st.floats(0, 1e9))
def test_seconds_read_back_within_the_last_digit_shown(seconds: float) -> None:
    told = re.findall(r"([\d.]+) (h|min|s)", format_seconds(seconds))
    back = sum(float(value) * {"h": 3600, "min": 60, "s": 1}[unit] for value, unit in told)
    assert back == pytest.approx(seconds, abs=0.0501 if seconds < 60 else 0.5001)


@ROUND
@given(st.floats(1e-6, 1e9))
def test_a_time_reads_back_within_three_digits(seconds: float) -> None:
    value, unit = terminal.seconds(seconds).split()
    assert float(value.replace(",", "")) * TIMES[unit] == pytest.approx(seconds, rel=5.1e-3)


@ROUND
@given(st.floats(1.0, 1e18))
def test_a_scaled_number_reads_back_within_three_digits(value: float) -> None:
    shown, unit = terminal.scaled(value, "FLOP/s").split()
    back = float(shown.replace(",", "")) * DECIMAL[unit.removesuffix("FLOP/s")]
    assert back == pytest.approx(value, rel=5.1e-3)


@ROUND
@given(st.integers(0, 10**12))
def test_milliseconds_are_billed_by_the_started_second(wall_ms: int) -> None:
    assert 0 <= billed_seconds(wall_ms) * 1000 - wall_ms < 1000
