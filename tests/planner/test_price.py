"""Money to the fen, energy to the watt-hour."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.house.test_code import floats_in

from hesuan.planner import price
from hesuan.planner.energy import PowerProfile, card_power_w, energy


def test_a_bill_by_hand() -> None:
    """
    16 cards × 1800.2 s -> 16 × 1801 = 28,816 card-s × 1,234 fen/h ÷ 3600 = 9,877.48 -> ¥98.77
    600 W × 16 × 1800.2 s = 4,800.53 Wh -> 4,801 Wh × 65 fen ÷ 1000 = 312.07 -> ¥3.12
    """
    used = energy(600.0, cards=16, wall_s=1800.2)
    paid = price.bill(
        cards=16, wall_s=1800.2, tokens=1_000_000, fen_per_card_hour=1234, energy=used, fen_per_kwh=65
    )
    assert (paid.card_s, paid.cards_fen) == (28_816, 9_877)
    assert (used.watt_hours, paid.power_fen) == (4_801, 312)
    assert paid.total_fen == 10_189
    assert paid.tokens_per_yuan == 9_814  # 1,000,000 / 101.89 = 9,814.5
    assert str(paid) == "¥101.89 (¥98.77 cards, ¥3.12 power)"


def test_half_a_fen_rounds_up_once() -> None:
    assert price.cards_fen(1800, 1) == 1
    assert price.cards_fen(1799, 1) == 0
    assert price.power_fen(500, 1) == 1


def test_a_price_of_nothing_buys_no_ratio() -> None:
    free = price.bill(cards=8, wall_s=10.0, tokens=5, fen_per_card_hour=0)
    assert free.total_fen == 0 and free.tokens_per_yuan is None


def test_a_large_bill_is_exact_where_a_float_is_not() -> None:
    """2^53 + 1 fen-hours would lose its last fen in a float."""
    fen = 2**53 + 1
    assert price.cards_fen(3600, fen) == fen


@given(st.integers(1, 100_000), st.floats(0.1, 1e7), st.integers(1, 100_000))
def test_more_cards_or_time_never_cost_less(cards: int, wall_s: float, fen: int) -> None:
    first = price.bill(cards=cards, wall_s=wall_s, tokens=1, fen_per_card_hour=fen)
    more = price.bill(cards=cards + 1, wall_s=wall_s + 1, tokens=1, fen_per_card_hour=fen)
    assert isinstance(first.total_fen, int) and first.total_fen <= more.total_fen


def test_a_card_draws_by_what_it_does() -> None:
    """(0.95·0.6 + 0.55·0.2 + 0.25·0.2 + 0.35) × 1.3 × 700 W = 982.8 W."""
    profile = PowerProfile()
    busy = card_power_w(700, compute_share=0.6, communication_share=0.2, profile=profile)
    assert busy == pytest.approx(982.8)
    waits = card_power_w(700, compute_share=0.0, communication_share=0.0, profile=profile)
    assert waits == pytest.approx((0.25 + 0.35) * 1.3 * 700)
    known_rest = card_power_w(700, compute_share=1, communication_share=0, profile=profile, node_w=200)
    assert known_rest == pytest.approx((0.95 * 700 + 200) * 1.3)


def test_flagperf_measured_an_ascend_at_about_its_rated_power() -> None:
    """364.7 W in a long matrix product (FlagPerf, Atlas 800T A2); the rated 400 W are from memory."""
    chip = PowerProfile(node_share=0, pue=1)
    drawn = card_power_w(400, compute_share=1, communication_share=0, profile=chip)
    assert drawn == pytest.approx(364.7, rel=0.06)


def test_no_float_stands_where_money_is() -> None:
    assert floats_in(Path(price.__file__).read_text("utf-8")) == []
