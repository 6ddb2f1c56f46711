"""The one rule of the charge, against cases computed by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hesuan.errors import InputFault
from hesuan.wire.receipt import charge_fen

Json = dict[str, Any]
RULE = {"COMPLETED": 100, "FAILED": 100, "TIMEOUT": 100, "CANCELLED": 50, "KILLED": 0, "REFUSED": 0}


def quote(**members: object) -> Json:
    usual: Json = {
        "cores": 2,
        "price": {"id": "P", "fen_per_core_hour": 1000},
        "time_limit_s": 600,
        "max_charge_fen": 10_000,
        "charge_rule": RULE,
    }
    return usual | members


def usage(wall_ms: int, state: str = "COMPLETED", cores: int = 2) -> Json:
    return {"state": state, "wall_ms": wall_ms, "cores": cores}


# state, wall [ms], cores, price [fen per core-hour] → billed [s], charge [fen]
BY_HAND = [
    ("COMPLETED", 0, 2, 1000, 0, 0),
    ("COMPLETED", 1, 2, 1000, 1, 0),  # 1 × 2 × 1000 / 3600 = 0.55…
    ("COMPLETED", 1_000, 2, 1000, 1, 0),
    ("COMPLETED", 1_001, 2, 1000, 2, 1),  # 2 × 2 × 1000 / 3600 = 1.11…
    ("COMPLETED", 3_600, 1, 1000, 4, 1),  # 4 × 1000 / 3600 = 1.11…
    ("COMPLETED", 18_000, 2, 1000, 18, 10),  # 18 × 2 × 1000 / 3600 = 10 exactly
    ("COMPLETED", 17_001, 2, 1000, 18, 10),
    ("COMPLETED", 17_000, 2, 1000, 17, 9),  # 9.44…
    ("COMPLETED", 3_600_000, 2, 1000, 600, 333),  # the time limit: 600 × 2 × 1000 / 3600 = 333.33…
    ("TIMEOUT", 600_400, 2, 1000, 600, 333),
    ("FAILED", 18_000, 2, 1000, 18, 10),
    ("CANCELLED", 17_000, 2, 1000, 17, 4),  # whole fen first: 9, then half of it, rounded down
    ("KILLED", 18_000, 2, 1000, 18, 0),
    ("REFUSED", 0, 2, 1000, 0, 0),
    ("COMPLETED", 600_000, 2, 0, 600, 0),
    ("COMPLETED", 600_000, 1, 1000, 600, 166),  # fewer cores held than quoted: the fewer
    ("COMPLETED", 600_000, 4, 1000, 600, 333),  # more than quoted: the quoted
    ("COMPLETED", 600_000, 2, 30_001, 600, 10_000),  # 10,000.33…, and the quote's limit
    ("COMPLETED", 600_000, 2, 90_000, 600, 10_000),  # 30,000 without the limit
]


@pytest.mark.parametrize(("state", "wall_ms", "cores", "price", "billed_s", "fen"), BY_HAND)
def test_the_charge_is_the_one_computed_by_hand(
    state: str, wall_ms: int, cores: int, price: int, billed_s: int, fen: int
) -> None:
    charge = charge_fen(usage(wall_ms, state, cores), quote(price={"id": "P", "fen_per_core_hour": price}))
    assert (charge.billed_s, charge.charge_fen) == (billed_s, fen)
    assert charge.share_percent == RULE[state]


def test_the_charge_document_holds_every_number_of_the_sum() -> None:
    assert charge_fen(usage(17_000, "CANCELLED"), quote()).document() == {
        "state": "CANCELLED",
        "share_percent": 50,
        "billed_s": 17,
        "cores": 2,
        "price_fen_per_core_hour": 1000,
        "charge_fen": 4,
        "max_charge_fen": 10_000,
    }


@given(
    wall_ms=st.integers(0, 10**9),
    cores=st.integers(0, 1000),
    price=st.integers(0, 10**7),
    limit_s=st.integers(0, 10**6),
    max_fen=st.integers(0, 10**9),
    state=st.sampled_from(sorted(RULE)),
)
def test_the_charge_never_exceeds_the_quote_and_never_falls_with_more_use(
    wall_ms: int, cores: int, price: int, limit_s: int, max_fen: int, state: str
) -> None:
    terms = quote(
        cores=8,
        price={"id": "P", "fen_per_core_hour": price},
        time_limit_s=limit_s,
        max_charge_fen=max_fen,
    )
    charge = charge_fen(usage(wall_ms, state, cores), terms).charge_fen
    assert 0 <= charge <= max_fen
    assert charge * 3600 <= limit_s * 8 * price
    assert charge_fen(usage(wall_ms + 1000, state, cores), terms).charge_fen >= charge


@pytest.mark.parametrize("state", ["UNKNOWN", "RUNNING", "", None, 7])
def test_a_state_without_a_rule_is_never_charged_by_guess(state: Any) -> None:
    with pytest.raises(InputFault, match=r"receipt\.no_rule_for_state"):
        charge_fen(usage(1000) | {"state": state}, quote())


@pytest.mark.parametrize(
    ("terms", "used", "where"),
    [
        ({"price": {"id": "P"}}, {}, "quote.price.fen_per_core_hour"),
        ({"price": None}, {}, "quote.price"),
        ({"price": {"fen_per_core_hour": "1000"}}, {}, "quote.price.fen_per_core_hour"),
        ({"price": {"fen_per_core_hour": -1}}, {}, "quote.price.fen_per_core_hour"),
        ({"price": {"fen_per_core_hour": True}}, {}, "quote.price.fen_per_core_hour"),
        ({"charge_rule": {"COMPLETED": 101}}, {}, "quote.charge_rule.COMPLETED"),
        ({"charge_rule": None}, {}, "quote.charge_rule"),
        ({"time_limit_s": None}, {}, "quote.time_limit_s"),
        ({"max_charge_fen": None}, {}, "quote.max_charge_fen"),
        ({"cores": 1.5}, {}, "quote.cores"),
        ({}, {"wall_ms": None}, "usage.wall_ms"),
        ({}, {"wall_ms": 1.5}, "usage.wall_ms"),
        ({}, {"cores": -1}, "usage.cores"),
    ],
)
def test_a_missing_price_or_figure_is_an_error_and_never_nought(terms: Json, used: Json, where: str) -> None:
    with pytest.raises(InputFault, match=r"receipt\.malformed") as refused:
        charge_fen(usage(1000) | used, quote(**terms))
    assert refused.value.where == where
