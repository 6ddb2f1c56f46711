"""Settlement on plain values: who pays which part, what ends the holds, what the receipt says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.errors import Refused
from hesuan.hub.settlement import rules
from hesuan.hub.settlement.rules import Held

QUOTE: dict[str, Any] = {
    "centre": "C1",
    "voucher": {"voucher": "V1", "programme": "henan", "programme_version": "PV1", "max_fen": 372},
    "copay_max_fen": 1488,
}
NO_VOUCHER: dict[str, Any] = {"centre": "C1", "voucher": None, "copay_max_fen": 1860}

PARTS = [
    # charge, subsidy by the rule, voucher captured, own share
    (1860, 372, 372, 1488),
    (420, 84, 84, 336),
    (420, 0, 0, 420),
    (420, 999, 372, 48),
    (100, 999, 100, 0),
    (0, 0, 0, 0),
]


@pytest.mark.parametrize(("charge", "subsidy", "voucher", "copay"), PARTS)
def test_a_charge_is_divided_within_both_holds(charge: int, subsidy: int, voucher: int, copay: int) -> None:
    paid = rules.parts(charge, QUOTE, subsidies_fen=[subsidy], order_id="O1")
    assert paid == rules.Parts((Held(372, voucher),), Held(1488, copay))


def test_without_a_voucher_the_whole_charge_is_ones_own() -> None:
    paid = rules.parts(420, NO_VOUCHER, subsidies_fen=[], order_id="O1")
    assert paid == rules.Parts((), Held(1860, 420))


def test_an_own_share_above_its_hold_is_refused_with_both_amounts() -> None:
    with pytest.raises(Refused) as caught:
        rules.parts(1860, QUOTE, subsidies_fen=[0], order_id="O1")
    assert "¥18.60" in caught.value.sentence() and "¥14.88" in caught.value.sentence()


@given(charge=st.integers(0, 1860), percent=st.integers(20, 100))
def test_the_parts_always_make_the_charge(charge: int, percent: int) -> None:
    subsidy = max(charge * percent // 100, charge - 1488)
    paid = rules.parts(charge, QUOTE, subsidies_fen=[subsidy], order_id="O1")
    assert paid.voucher_captured_fen + paid.copay.captured_fen == charge
    assert 0 <= paid.voucher_captured_fen <= 372 and 0 <= paid.copay.captured_fen <= 1488


@given(
    data=st.data(), holds=st.lists(st.integers(1, 500), min_size=1, max_size=4), charge=st.integers(0, 3000)
)
def test_no_voucher_pays_above_its_hold_and_all_parts_make_the_charge(
    data: st.DataObject, holds: list[int], charge: int
) -> None:
    subsidies = [data.draw(st.integers(0, 600)) for _ in holds]
    vouchers = [
        {"voucher": f"V{place}", "programme": f"p{place}", "programme_version": "PV", "max_fen": fen}
        for place, fen in enumerate(holds)
    ]
    quote = {"v": 2, "vouchers": vouchers, "copay_max_fen": 3000}
    paid = rules.parts(charge, quote, subsidies_fen=subsidies, order_id="O1")
    assert sum(one.captured_fen for one in paid.vouchers) + paid.copay.captured_fen == charge
    for one, subsidy in zip(paid.vouchers, subsidies, strict=True):
        assert 0 <= one.captured_fen <= min(one.held_fen, subsidy)


@given(parts=st.lists(st.integers(1, 10_000), min_size=1, max_size=5), own=st.integers(0, 50_000))
def test_an_orders_charge_is_divided_among_its_vouchers_to_the_fen(parts: list[int], own: int) -> None:
    charge = sum(parts) + own
    portions = rules.portions(charge, parts)
    assert sum(portions) == charge
    assert all(portion >= part for portion, part in zip(portions, parts, strict=True))


def test_one_journal_ends_both_holds() -> None:
    paid = rules.Parts((Held(372, 84),), Held(1488, 336))
    ends = [(e.id, e.kind, e.ledger, e.amount_fen, e.pending_id) for e in rules.journal("O1", QUOTE, paid)]
    assert ends == [
        ("O1:voucher:end", "capture", "programme:henan", 84, "O1:voucher:hold"),
        ("O1:copay:end", "capture", "cny", 336, "O1:copay:hold"),
    ]


def test_what_owes_nothing_is_released_whole() -> None:
    nothing = rules.Parts((Held(372, 0),), Held(1488, 0))
    ends = [(e.kind, e.amount_fen) for e in rules.journal("O1", QUOTE, nothing)]
    assert ends == [("release", 0), ("release", 0)]


def test_what_was_not_held_is_not_ended() -> None:
    assert rules.journal("O1", NO_VOUCHER, rules.Parts((), Held(0, 0))) == []
    assert len(rules.journal("O1", NO_VOUCHER, rules.Parts((), Held(1860, 420)))) == 1


def test_a_refused_run_has_a_usage_of_nothing_that_says_why() -> None:
    usage = rules.zero_usage("R1", cores=2)
    assert (usage["wall_ms"], usage["state"], usage["started_at"]) == (0, "REFUSED", None)
    assert "nothing was started" in str(usage["evidence"])
