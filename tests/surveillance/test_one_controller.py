"""Two firms under one control are one to the rules that count: A4, A8 (near), A12 and A14.

Each fraud is split over two firms so that neither crosses a threshold by itself. Grouped by controller it is
flagged; by account, which is the negative control of every case, it is missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hesuan.surveillance.facts import Application, Claim, Facts, Limit, Order, Redemption
from hesuan.surveillance.flags import Flag
from hesuan.surveillance.rules import judge
from hesuan.surveillance.thresholds import DEFAULT

NOON = datetime(2026, 6, 15, 4, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRMS = ("front", "owner")
CONTROLLERS = {"front": "owner", "owner": "owner"}
LIMIT_FEN = 10_000_000


def order(number: int, at: datetime, *, fen: int = 1000, cancelled: bool = True) -> Order:
    """One of the two firms orders, and takes it back before any node was given."""
    firm = FIRMS[number % 2]
    placed = at + number * MINUTE
    return Order(
        id=f"order-{at:%m%d}-{number:03}", firm=firm, centre="centre", programme="p", sku="sz-a", fen=fen,
        unit_fen=100, list_fen=100, voucher_fen=0, placed_at=placed,
        cancelled_at=placed + MINUTE if cancelled else None,
    )  # fmt: skip


def many_cancels() -> Facts:
    """Twenty of one SKU on one day, ten by each."""
    return Facts(until=NOON + DAY, orders=tuple(order(one, NOON) for one in range(DEFAULT.a4_cancels)))


def large_cancels() -> Facts:
    """Five large ones on one day, three and two, after a month of small orders that stood."""
    past = [order(one, NOON - 10 * DAY, cancelled=False) for one in range(DEFAULT.a4_least_past)]
    large = [order(one, NOON, fen=50_000) for one in range(DEFAULT.a4_large)]
    return Facts(until=NOON + DAY, orders=(*past, *large))


def near_claims() -> Facts:
    """One delivery claimed by both, a yuan apart, a day apart, under two programmes."""
    return Facts(
        until=NOON + 2 * DAY,
        claims=(
            Claim("claim-1", "front", "p", 5_000_000, NOON),
            Claim("claim-2", "owner", "q", 5_000_100, NOON + DAY),
        ),
    )


def claims_under_the_limit() -> Facts:
    """Three claims of a month a little under what one person approves."""
    rows = [
        Claim(f"claim-{one}", FIRMS[one % 2], "p", LIMIT_FEN - 1000 * one, NOON + 5 * one * DAY)
        for one in range(DEFAULT.a12_least)
    ]
    return Facts(until=NOON + 30 * DAY, claims=tuple(rows), limits=(Limit("p", LIMIT_FEN),))


def applications_under_the_limit() -> Facts:
    """The same with what is asked for before it is used."""
    rows = [
        Application(f"application-{one}", FIRMS[one % 2], "p", LIMIT_FEN - 1000 * one, NOON + 5 * one * DAY)
        for one in range(DEFAULT.a12_least)
    ]
    limits = (Limit("p", LIMIT_FEN, of="application"),)
    return Facts(until=NOON + 30 * DAY, applications=tuple(rows), limits=limits)


def burst() -> Facts:
    """Eight redemptions in an hour by firms that never redeem, four by each."""
    rows = [
        Redemption(f"use-{one}", FIRMS[one % 2], "p", f"grant-{one % 2}", 1000, NOON + one * MINUTE)
        for one in range(DEFAULT.a14_least)
    ]
    return Facts(until=NOON + DAY, redemptions=tuple(rows))


SPLIT: dict[str, tuple[str, Callable[[], Facts]]] = {
    "A4, many cancels": ("A4", many_cancels),
    "A4, large cancels": ("A4", large_cancels),
    "A8, near claims": ("A8", near_claims),
    "A12, claims": ("A12", claims_under_the_limit),
    "A12, applications": ("A12", applications_under_the_limit),
    "A14, a burst": ("A14", burst),
}


def flags(facts: Facts, rule: str) -> list[Flag]:
    return [one for one in judge(facts) if one.rule == rule]


@pytest.mark.parametrize("name", SPLIT)
def test_split_over_two_firms_of_one_controller_it_is_found(name: str) -> None:
    rule, facts = SPLIT[name]
    (found,) = flags(replace(facts(), controllers=CONTROLLERS), rule)
    if found.subject.startswith("firm:"):
        assert found.subject == "firm:owner"


@pytest.mark.parametrize("name", SPLIT)
def test_counted_by_account_it_would_be_missed(name: str) -> None:
    rule, facts = SPLIT[name]
    assert flags(facts(), rule) == []


@pytest.mark.parametrize("name", ["A4, many cancels", "A4, large cancels", "A14, a burst"])
def test_each_firm_of_the_controller_finds_the_flag(name: str) -> None:
    rule, facts = SPLIT[name]
    (found,) = flags(replace(facts(), controllers=CONTROLLERS), rule)
    assert {"firm:front", "firm:owner"} <= set(found.keys)


def by_one_person() -> Facts:
    rows = [Redemption(f"use-{one}", one, "p", one, 1000, NOON, by="olivia") for one in FIRMS]
    return Facts(until=NOON + DAY, redemptions=tuple(rows))


def test_a_person_who_redeems_for_two_firms_of_one_controller_redeems_for_one() -> None:
    """The other way round: grouping takes a false flag away, and leaves the one about strangers."""
    assert flags(replace(by_one_person(), controllers=CONTROLLERS), "A14") == []
    (found,) = flags(by_one_person(), "A14")
    assert found.subject == "identity:olivia"
